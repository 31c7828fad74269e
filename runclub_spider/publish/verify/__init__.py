"""Checks a finished release, offline and without a line of the code that wrote it.

Only the folder is read: no configuration, no store, no network. The files are streamed, so
memory grows with the number of artists and ISRCs, not with the size of the rows.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson

from runclub_spider.publish.verify.discovery import check_discovery
from runclub_spider.publish.verify.files import (
    DATA_FILES,
    MANIFEST,
    PAGES_FROM,
    TABLE_FILES,
    check_gzip,
    check_hashes,
    check_papers,
    check_presence,
    check_schemas,
    check_sums,
    files_of,
    hashed_files,
    sha256,
)
from runclub_spider.publish.verify.joins import check_rows, tables_comparable
from runclub_spider.publish.verify.manifest import (
    UnknownFormError,
    check_manifest,
    checked_manifest,
    form_of,
    parse_manifest,
    policies_of,
)
from runclub_spider.publish.verify.package import check_package
from runclub_spider.publish.verify.problems import Findings, Problem, Problems
from runclub_spider.publish.verify.profile import check_profile, is_profile
from runclub_spider.publish.verify.rows import Policies
from runclub_spider.publish.verify.spans import begun, ready

__all__ = ["Findings", "Problem", "inspect_release", "inspect_rows", "summarise", "verify_release"]


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
    return inspect_release(directory).problems


def inspect_release(directory: Path) -> Findings:
    """The same as `verify_release`, and every row that is at fault.

    A release is held against the rules of its own form, `manifest.schemaVersion`.

    Args:
        directory: The folder, or a link to it.

    Raises:
        OSError: A file could not be read.
    """
    root = directory.resolve()
    problems = Problems()
    if not root.is_dir():
        problems.add(root.name, None, "missing", "there is no such folder")
        return problems.findings()
    data = parse_manifest(root, problems)
    if is_profile(data):
        check_profile(root, data, problems)
        return problems.findings()
    try:
        form = form_of(data)
    except UnknownFormError as error:
        problems.add(MANIFEST, None, "schema-version", str(error))
        return problems.findings()
    check_presence(root, files_of(form), problems)
    manifest = checked_manifest(data, form, problems)
    policies = policies_of(manifest, form)
    of_rows = Problems()
    confirmed: set[str] = set()
    # Hashing and unpacking are work of C, which threads do beside the interpreter's own.
    with begun(root, policies) as spans, ThreadPoolExecutor(2) as beside:
        present = [name for name in (*TABLE_FILES, *hashed_files(form)) if (root / name).is_file()]
        digests = {name: beside.submit(sha256, root / name) for name in dict.fromkeys(present)}
        twins = [beside.submit(check_gzip, root, name) for name in DATA_FILES]
        ready()
        hashes = {} if manifest is None else manifest["fileHashes"]
        counts = None
        # Native readers should not be fed damaged files.
        if all(n in digests and hashes.get(n) == digests[n].result() for n in TABLE_FILES):
            counts = spans().counts()
        tables_right = counts is not None
        if counts is None:
            counts = check_rows(root, policies, of_rows)
    if manifest is not None:
        found = {name: one.result() for name, one in digests.items()}
        confirmed = check_hashes(hashes, found, hashed_files(form), problems)
        if form >= PAGES_FROM:
            check_sums(root, hashes, problems)
            check_package(root, manifest, confirmed, problems)
    check_schemas(root, form, problems)
    for twin in twins:
        problems.absorb(twin.result())
    problems.absorb(of_rows)
    if manifest is not None:
        check_manifest(root.name, manifest, counts, problems)
        check_discovery(root, manifest, policies, problems)
        check_papers(root, confirmed, manifest, problems)
    if not tables_right and tables_comparable(counts):
        # Only where it is used: an import of a tenth of a second.
        from runclub_spider.publish.verify.tables import check_tables

        check_tables(root, confirmed, policies, problems)
    return problems.findings()


def inspect_rows(directory: Path, latest_year: int | None = None) -> Findings:
    """Check the rows of the four data files alone, of a release that is not finished.

    Args:
        directory: The folder; a file that is not there holds no row.
        latest_year: Of songs and albums, where it is known.
    """
    problems = Problems()
    check_rows(directory, Policies(latest_year=latest_year), problems)
    return problems.findings()


def summarise(directory: Path) -> str:
    """One line on a release that `verify_release` found sound."""
    manifest = orjson.loads((directory / MANIFEST).read_bytes())
    totals = manifest["totals"]
    if is_profile(manifest):
        return f"ok: {totals['tracks']} tracks, version {manifest['version']}"
    return (
        f"ok: {totals['tracks']} tracks, {totals['artists']} artists, "
        f"{totals['audioFeatures']} features, version {manifest['version']}"
    )
