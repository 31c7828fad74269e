"""What `scrapy report` does: say where the report of a release is, or write it anew."""

from __future__ import annotations

from pathlib import Path

from runclub_spider.publish.write.report import find, write
from runclub_spider.text import printable


def report(folder: Path, target: Path | None) -> str:
    """The path of a release's report, of one line.

    Args:
        folder: the release.
        target: where to write it from the manifest, instead of naming the one that is there.

    Raises:
        ConfigurationError: the folder is no release, or the file cannot be written.
    """
    return printable(str(write(folder, target) if target else find(folder)))
