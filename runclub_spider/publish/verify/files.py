"""The folder itself: which files there are, their hashes, and the gzip twins."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.schema import SCHEMA_NAMES, packaged_schema

DATA_FILES = (
    "catalog_wide.jsonl",
    "cached_tracks.jsonl",
    "audio_features.jsonl",
    "cached_artists.jsonl",
)
MANIFEST = "manifest.json"
#: The analysts' copies, and what they are copies of.
TABLE_FILES = ("catalog.parquet", "catalog.csv", DATA_FILES[0])
REPORT, BUCKETS = "report.html", "tempo_buckets.json"
SCHEMA_FILES = tuple(f"schemas/{name}.schema.json" for name in SCHEMA_NAMES)
HASHED_FILES = (
    *DATA_FILES,
    *(f"{name}.gz" for name in DATA_FILES),
    *SCHEMA_FILES,
    REPORT,
    "catalog.parquet",
    "catalog.csv",
    BUCKETS,
    "discovery.csv",
)
#: From this form on a release also has pages, a card and a package, and sums of all files.
PAGES_FROM = 3
PAGES = ("explore.html", "README.md", "datapackage.json")
SUMS = "SHA256SUMS"
# Threads that hash and unpack wait for the interpreter after each chunk: few large ones.
_CHUNK = 8 << 20
_LONGEST_SCHEMA = 1 << 20
_LONGEST_PAPER = 64 << 20
_FIXED_GZIP_HEADER = b"\x1f\x8b\x08" + bytes(5)  # deflate, no flags, mtime 0


def hashed_files(form: int) -> tuple[str, ...]:
    """The files of a release of a form that its manifest hashes."""
    return (*HASHED_FILES, *PAGES) if form >= PAGES_FROM else HASHED_FILES


def files_of(form: int) -> set[str]:
    """All files of a release of a form."""
    return {*hashed_files(form), MANIFEST, *([SUMS] if form >= PAGES_FROM else [])}


def check_presence(root: Path, expected: Collection[str], problems: Problems) -> None:
    """Every file of a release is there as a regular file, and nothing else."""
    for name in sorted(expected):
        path = root / name
        if path.is_symlink() or (path.exists() and not path.is_file()):
            problems.add(name, None, "missing", "not a regular file")
        elif not path.exists():
            problems.add(name, None, "missing", "the file is not there")
    schemas = root / "schemas"
    inside = sorted(schemas.iterdir()) if schemas.is_dir() else []
    # A folder that does not belong is named, not searched: it may be anything.
    for path in (*sorted(root.iterdir()), *inside):
        name = path.relative_to(root).as_posix()
        if name not in expected and (path != schemas or path.is_symlink()):
            problems.add(name, None, "unexpected", "no file of a release has this name")


def check_hashes(
    hashes: Mapping[str, str],
    digests: Mapping[str, str],
    wanted: Sequence[str],
    problems: Problems,
) -> set[str]:
    """Each file has the SHA-256 the manifest gives, and the manifest names each file.

    Args:
        hashes: What the manifest gives.
        digests: Of the files that are there; see :func:`sha256`.
        wanted: The files that the manifest must hash.
        problems: Where faults go.

    Returns:
        The files whose content is the one the manifest hashed.
    """
    confirmed = set()
    for name in sorted(set(wanted) - hashes.keys()):
        problems.add(MANIFEST, None, "hash-list", f"fileHashes lacks {name}")
    for name in sorted(hashes.keys() - set(wanted)):
        problems.add(MANIFEST, None, "hash-list", f"fileHashes names {name}, no file of a release")
    for name in wanted:
        if name not in hashes or name not in digests:
            continue
        if digests[name] == hashes[name]:
            confirmed.add(name)
        else:
            problems.add(name, None, "sha256", "the content is not the one the manifest hashed")
    return confirmed


def check_sums(root: Path, hashes: Mapping[str, str], problems: Problems) -> None:
    """`SHA256SUMS` tells the manifest's hashes and its own, in the form `sha256sum -c` reads."""
    path = root / SUMS
    if not path.is_file():
        return
    told = {**hashes, MANIFEST: sha256(root / MANIFEST)}
    wanted = "".join(f"{told[name]}  {name}\n" for name in sorted(told)).encode()
    with path.open("rb") as stream:
        said = stream.read(len(wanted) + 1)
    if said != wanted:
        ours = set(wanted.splitlines())
        wrong = next((line for line in said.splitlines() if line not in ours), said)
        problems.add(SUMS, None, "sums", f"not what the manifest says: {show(wrong)}")


def check_schemas(root: Path, form: int, problems: Problems) -> None:
    """The schemas in the folder are the ones this program checks a release of that form with."""
    for name, file in zip(SCHEMA_NAMES, SCHEMA_FILES, strict=True):
        path = root / file
        if not path.is_file():
            continue
        try:
            with path.open("rb") as stream:
                schema = orjson.loads(stream.read(_LONGEST_SCHEMA))
        except orjson.JSONDecodeError as error:
            problems.add(file, None, "schema-file", f"not JSON: {error}")
            continue
        # A file nested too deep to be compared is another one as well.
        if type(schema) is not dict or schema != packaged_schema(name, form):
            problems.add(file, None, "schema-file", "not the schema this program knows")


def check_papers(
    root: Path, confirmed: Container[str], manifest: Mapping[str, Any], problems: Problems
) -> None:
    """What is written of the manifest: a whole report of this version, and the tempo buckets.

    Args:
        root: The release.
        confirmed: Files whose content is the one the manifest hashed; others are not looked at.
        manifest: The release's.
        problems: Where faults go.
    """
    if REPORT in confirmed:
        with (root / REPORT).open("rb") as stream:
            text = stream.read(_LONGEST_PAPER)
        # A version that is wrong itself says nothing of the report.
        of_it = problems.broken("version") or manifest["version"].encode() in text
        if not of_it or not text.rstrip().endswith(b"</html>"):
            problems.add(REPORT, None, "report", "cut off, or the report of another release")
    if BUCKETS in confirmed:
        try:
            with (root / BUCKETS).open("rb") as stream:
                found = orjson.loads(stream.read(_LONGEST_PAPER))
        except orjson.JSONDecodeError as error:
            problems.add(BUCKETS, None, "tempo-buckets", f"not JSON: {error}")
            return
        if found != manifest.get("tempoBuckets", found):
            problems.add(BUCKETS, None, "tempo-buckets", "not the tempoBuckets of the manifest")


def check_gzip(root: Path, name: str) -> Problems:
    """The `.gz` beside a file holds exactly that file, and a header that never varies."""
    problems = Problems()
    plain, packed = root / name, root / f"{name}.gz"
    if not (plain.is_file() and packed.is_file()):
        return problems
    with packed.open("rb") as stream:
        header = stream.read(10)
    if header[:2] == b"\x1f\x8b" and header[:8] != _FIXED_GZIP_HEADER:
        problems.add(
            packed.name, None, "gzip-header", "the header holds a time, a name or another field"
        )
    fault = _gzip_fault(packed, plain)
    if fault:
        problems.add(packed.name, None, "gzip", fault)
    return problems


def _gzip_fault(packed: Path, plain: Path) -> str | None:
    """Why the gzip file is not the plain one's twin, or None. Holds one chunk at a time."""
    unpacker = zlib.decompressobj(wbits=31)
    with packed.open("rb") as source, plain.open("rb") as twin:
        waiting = b""
        while not unpacker.eof:
            waiting = waiting or source.read(_CHUNK)
            try:
                chunk = unpacker.decompress(waiting, _CHUNK)
            except zlib.error as error:
                return f"not a gzip file: {error}"
            if not waiting and not chunk:
                return "the stream is cut off"
            waiting = unpacker.unconsumed_tail
            if chunk != twin.read(len(chunk)):
                return "does not unpack to the plain file"
        if unpacker.unused_data or source.read(1):
            return "bytes follow the end of the stream"
        return "the plain file goes on" if twin.read(1) else None


def sha256(path: Path) -> str:
    """The file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
