"""Files of a release: reading them safely, compressed copies, checksums, and making them last."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20
# A manifest is some hundred kilobytes.
_MOST_JSON = 64 << 20


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; a pipe or device, which may never answer, is an error.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or larger or nested deeper than any of ours.
    """
    with open_regular(path) as file:
        data = file.read(_MOST_JSON + 1)
    if len(data) > _MOST_JSON:
        raise ValueError(f"larger than {_MOST_JSON >> 20} MiB")
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None


def join(parts: Iterable[Path], target: Path) -> str:
    """Write a file of the bytes of others, in their order; these are removed.

    Returns its checksum, as `sha256` gives it.
    """
    digest = hashlib.sha256()
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    whole.write(block)
            part.unlink()
    return digest.hexdigest()


def gzip_copy(path: Path) -> Path:
    """Write `<path>.gz` with neither time nor name in its header: same bytes for same input."""
    target = path.with_name(path.name + ".gz")
    with (
        path.open("rb") as plain,
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
    ):
        shutil.copyfileobj(plain, packed, _BLOCK)
    return target


def sha256(path: Path) -> str:
    """The checksum of a regular file in hex."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_tree(folder: Path) -> None:
    """Force every file and folder below to the disk, before a rename makes them count."""
    for path in [*folder.rglob("*"), folder, folder.parent]:
        fsync(path)


def fsync(path: Path) -> None:
    """Force one file, or the entries of one folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
