"""The release's one-page report, from its manifest alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from runclub_spider.catalog.dates import DECADES
from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.manifest import UNDATED

_TEMPLATES = Path(__file__).parent


def find(folder: Path) -> Path:
    """The report of a release; raises `ConfigurationError` when there is none."""
    report = folder / "report.html"
    if not report.is_file():
        raise ConfigurationError(f"there is no report in {folder}; name a release folder")
    return report


def write(folder: Path, target: Path) -> Path:
    """Render the report of a release into another file (a release itself is never changed)."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        target.write_text(render(manifest), encoding="utf-8", newline="\n")
    except FileNotFoundError:
        raise ConfigurationError(f"there is no manifest in {folder}; name a release folder") from (
            None
        )
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"cannot write a report of {folder}: {error}") from None
    return target


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
