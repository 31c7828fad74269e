"""Forgetting a track, an artist's tracks, or a recording: store, raw pages and files of ours."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import jsonlines
import orjson

from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.config import Config, utc_now
from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.account import kept
from runclub_spider.publish.write.lines import line_of
from runclub_spider.spiders.backlog import new_songs, write_backlog
from runclub_spider.store import tombstones
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.tombstones import Kind

_ID = re.compile(r"[0-9A-Za-z]{22}")


def forget(config: Config, kind: str, value: str) -> str:
    """Bury what is named; returns one line saying what went.

    Releases that were published stay as they are; the next one is without it.
    """
    named = Kind(kind)
    value = _checked(named, value.strip())
    with exclusive(config, "scrapy forget"):
        store = Store.open(config)
        try:
            with store.begin() as connection:
                ids = tombstones.bury(connection, named, value, utc_now())
                for file in sorted(config.cache_dir.glob(new_songs("*"))):
                    source = file.name.removesuffix(new_songs(""))
                    write_backlog(connection, source, config.cache_dir)
        finally:
            store.close()
        kept.drop(config)
        gone = frozenset(ids) | ({value} if named is Kind.TRACK else frozenset())
        for snapshot in sorted((config.cache_dir / "snapshots").glob("*.jsonl.gz")):
            _scrub_snapshot(snapshot, gone, named, value)
    return (
        f"Forgotten: {named} {value}, {len(ids)} stored track{'' if len(ids) == 1 else 's'}; "
        "the next release is without."
    )


def _checked(kind: Kind, value: str) -> str:
    if kind is Kind.ISRC:
        code = normalise_isrc(value)
        if code is None:
            raise ConfigurationError(f"{value!r} is not an ISRC, such as USUM71703861")
        return code
    if not _ID.fullmatch(value):
        raise ConfigurationError(
            f"{value!r} is not a Spotify {kind} id: 22 letters and digits, without spotify:{kind}:"
        )
    return value


def _scrub_snapshot(path: Path, ids: frozenset[str], kind: Kind, value: str) -> None:
    """Rewrite one discovery snapshot without the forgotten rows, if it holds any."""
    with gzip.open(path, "rb") as file:
        before = list(jsonlines.Reader(file, loads=orjson.loads))
    after = [{**row, "raw": tombstones.scrubbed(row["raw"], ids, kind, value)} for row in before]
    if after == before:
        return
    part = path.with_name(path.name + ".part")
    with (
        part.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
    ):
        packed.writelines(map(line_of, after))
    part.replace(path)
