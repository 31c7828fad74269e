"""What a station's runs leave for others: songs without an embedding, and plays to be looked at."""

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
from runclub_spider.store.songs.review import reviews


def new_songs(source: str) -> str:
    """The file of a source's songs that have no embedding yet."""
    return f"{source}_new_songs.jsonl"


def write_backlog(connection: sa.Connection, source: str, folder: Path) -> int:
    """Bring both files up to the store, each in one step; returns the songs that wait.

    Files that are up to date are left alone.
    """
    waiting, state = songs.backlog_state(connection, source)
    files = {new_songs(source): songs.without_embedding, f"{source}_review.jsonl": reviews}
    key = f"{source}_files"
    if meta.get(connection, key) == state and all((folder / name).exists() for name in files):
        return waiting
    for name, rows in files.items():
        _write(folder / name, rows(connection, source))
    meta.put(connection, key, state)
    return waiting


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    part = path.with_name(f".{path.name}-{os.getpid()}")
    with part.open("wb") as file:
        file.writelines(orjson.dumps(row) + b"\n" for row in rows)
    fsync(part)
    part.replace(path)
