"""The release's one-page report, from its manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from runclub_spider.catalog.dates import DECADES
from runclub_spider.publish.manifest import UNDATED

_TEMPLATES = Path(__file__).parent


def render(manifest: Mapping[str, Any]) -> str:
    """HTML without script or outside resources; everything from the manifest, escaped.

    The time of publishing stays out, so that equal releases have equal reports.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    cells = manifest["totals"]["byUmbrellaAndDecade"]
    top = max((n for row in cells.values() for n in row.values()), default=1)
    return environment.get_template("report.html.j2").render(
        manifest=manifest,
        decades=[*DECADES, UNDATED],
        top=top,
        sandbox=manifest["spotify"]["source"] != "spotify",
    )
