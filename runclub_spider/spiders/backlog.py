"""What KEXP's runs leave for others: songs without an embedding, and plays a person should see."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.publish.files import fsync
from runclub_spider.store.db import meta
from runclub_spider.store.songs import songs

NEW_SONGS, REVIEW = "kexp_new_songs.jsonl", "kexp_review.jsonl"
_STATE = "kexp_files"


def write_backlog(connection: sa.Connection, folder: Path) -> int:
    """Bring both files up to the store, each in one step; returns the songs that wait.

    Files that are up to date are left alone.
    """
    waiting, state = songs.backlog_state(connection)
    files = {NEW_SONGS: songs.without_embedding, REVIEW: songs.reviews}
    if meta.get(connection, _STATE) == state and all((folder / name).exists() for name in files):
        return waiting
    for name, rows in files.items():
        _write(folder / name, rows(connection))
    meta.put(connection, _STATE, state)
    return waiting


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    part = path.with_name(f".{path.name}-{os.getpid()}")
    with part.open("wb") as file:
        file.writelines(orjson.dumps(row) + b"\n" for row in rows)
    fsync(part)
    part.replace(path)
