"""Checks a finished release, offline and without a line of the code that wrote it.

Only the folder is read: no configuration, no store, no network. The files are streamed, so
memory grows with the number of artists and ISRCs, not with the size of the rows.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from runclub_spider.publish.verify.discovery import check_discovery
from runclub_spider.publish.verify.files import (
    DATA_FILES,
    MANIFEST,
    check_gzip,
    check_hashes,
    check_presence,
    check_schemas,
)
from runclub_spider.publish.verify.joins import check_rows, tables_comparable
from runclub_spider.publish.verify.manifest import check_manifest, policies_of, read_manifest
from runclub_spider.publish.verify.problems import Problem, Problems
from runclub_spider.publish.verify.tables import check_tables

__all__ = ["Problem", "summarise", "verify_release"]


def verify_release(directory: Path) -> list[Problem]:
    """Check a release folder against the contract.

    Args:
        directory: The folder, or a link to it such as `export/latest`.

    Returns:
        What is wrong, at most twenty of each rule and one "… and N more"; empty when the
        release is sound.

    Raises:
        OSError: A file could not be read.
    """
    root = directory.resolve()
    problems = Problems()
    if not root.is_dir():
        problems.add(root.name, None, "missing", "there is no such folder")
        return problems.listed()
    check_presence(root, problems)
    manifest = read_manifest(root, problems)
    confirmed: set[str] = set()
    if manifest is not None:
        confirmed = check_hashes(root, manifest["fileHashes"], problems)
    check_schemas(root, problems)
    for name in DATA_FILES:
        check_gzip(root, name, problems)
    counts = check_rows(root, policies_of(manifest), problems)
    if manifest is not None:
        check_manifest(root.name, manifest, counts, problems)
        check_discovery(root, manifest, problems)
    if tables_comparable(counts):
        check_tables(root, confirmed, counts.ids, problems)
    return problems.listed()


def summarise(directory: Path) -> str:
    """One line on a release that `verify_release` found sound."""
    manifest = orjson.loads((directory / MANIFEST).read_bytes())
    totals = manifest["totals"]
    return (
        f"ok: {totals['tracks']} tracks, {totals['artists']} artists, "
        f"{totals['audioFeatures']} features, version {manifest['version']}"
    )
