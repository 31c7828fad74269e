"""`datapackage.json`: that it describes the files that are there."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from runclub_spider.publish.verify.files import DATA_FILES
from runclub_spider.publish.verify.lines import StrictJsonError, parse_strictly
from runclub_spider.publish.verify.problems import Problems, show

PACKAGE = "datapackage.json"
_DESCRIBED = (*DATA_FILES, "catalog.csv")
_LARGEST = 16 * 1024 * 1024


def check_package(
    root: Path, manifest: Mapping[str, Any], confirmed: AbstractSet[str], problems: Problems
) -> None:
    """Each table is described once, by its size and the hash that the manifest gives.

    Args:
        root: The folder.
        manifest: Of the release.
        confirmed: The files that are as the manifest has them; faults of others are told already.
        problems: Where faults go.
    """
    path = root / PACKAGE
    if not path.is_file():
        return
    try:
        with path.open("rb") as stream:
            document = parse_strictly(stream.read(_LARGEST))
        told = [(one["path"], (one["hash"], one["bytes"])) for one in document["resources"]]
    except (StrictJsonError, LookupError, TypeError) as error:
        problems.add(PACKAGE, None, "package", f"not a data package: {show(str(error))}")
        return
    for name, _ in told:
        if name not in _DESCRIBED:
            problems.add(PACKAGE, None, "package", f"it describes {show(name)}")
    for name in sorted(confirmed & set(_DESCRIBED)):
        known = f"sha256:{manifest['fileHashes'][name]}", (root / name).stat().st_size
        if [described for path, described in told if path == name] != [known]:
            problems.add(PACKAGE, None, "package", f"{name} is not described as it is")
