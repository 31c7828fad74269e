"""Files of a release: compressed copies, checksums, and making them last."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from pathlib import Path

_BLOCK = 1 << 20


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
    """The file's checksum in hex."""
    with path.open("rb") as file:
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


def swap_link(link: Path, target: str) -> None:
    """Point `link` at `target` in one step: readers see the old one or the new one."""
    for stale in link.parent.glob(f".{link.name}-*"):
        stale.unlink()
    new = link.with_name(f".{link.name}-{os.getpid()}")
    new.symlink_to(target, target_is_directory=True)
    new.replace(link)
    fsync(link.parent)


def clear_staging(export: Path) -> None:
    """Remove what a killed run left; the store's lock says that no other is at work."""
    for stale in export.glob(".staging-*"):
        shutil.rmtree(stale)
