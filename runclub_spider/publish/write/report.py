"""The release's one-page report, from its manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.files import read_json
from runclub_spider.publish.write.charts import charts, outside
from runclub_spider.publish.write.page import policy, script, style, template
from runclub_spider.publish.write.verdict import judge
from runclub_spider.text import printable

_SCRIPTS = ("vendor/d3.min.js", "vendor/plot.umd.min.js", "report.js")
# What a template makes of values that are missing, of another type, or beyond any size.
_NOT_A_RELEASE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TemplateError,
    TypeError,
    ValueError,
)


def find(folder: Path) -> Path:
    """The report of a release; raises `ConfigurationError` when there is none."""
    report = folder / "report.html"
    try:
        found = report.is_file()
    except (OSError, ValueError):  # a name that no file can have
        found = False
    if not found:
        raise ConfigurationError(f"there is no report in {_shown(folder)}; name a release folder")
    return report


def write(folder: Path, target: Path) -> Path:
    """Render the report of a release into another file (a release itself is never changed).

    Raises:
        ConfigurationError: the folder holds no manifest of a release, or the file cannot be
            written; the message names which.
    """
    page = _rendered(folder, explore=(target.parent / "explore.html").is_file())
    try:
        target.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"cannot write to {_shown(target)}: {cause}") from None
    return target


def _rendered(folder: Path, *, explore: bool) -> str:
    try:
        manifest = read_json(folder / "manifest.json")
        if not isinstance(manifest, dict):
            raise TypeError(f"it is a {type(manifest).__name__}")
        return render(manifest, explore=explore)
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no manifest in {_shown(folder)}; name a release folder"
        ) from None
    except (OSError, *_NOT_A_RELEASE) as error:
        cause = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"{_shown(folder)}/manifest.json is not that of a release ({printable(str(cause))}); "
            "`scrapy verify` says what is wrong with it"
        ) from None


def _shown(path: Path) -> str:
    return printable(str(path))


def render(manifest: Mapping[str, Any], *, explore: bool = True) -> str:
    """HTML that loads nothing; everything from the manifest, escaped.

    The time of publishing stays out, so that equal releases have equal reports.

    Args:
        manifest: of the release.
        explore: whether the page of all tracks lies beside the report; of a refused release it
            never does.
    """
    drawn = charts(manifest)
    verdict = judge(manifest, drawn.get("cells"))
    return template("report.html.j2").render(
        manifest=manifest,
        charts=drawn,
        verdict=verdict,
        explore=explore and verdict.good,
        seeds=manifest.get("figures", {}).get("seeds"),
        outside=outside(manifest),
        sandbox=manifest["spotify"]["source"] != "spotify",
        policy=policy(*_SCRIPTS),
        style=style("report.css"),
        scripts=script(*_SCRIPTS),
    )
