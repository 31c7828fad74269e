"""What KEXP's twin has on the air, and what a run made of it."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from runclub_sandbox.testing import Sandbox
from testkit.places import Place

from .running import Done

#: A day of the built-in plays with some two pages, and the one on which the clock goes forward.
DAY = ("-a", "start_date=2026-03-07", "-a", "end_date=2026-03-07")
DST = ("-a", "start_date=2026-03-08", "-a", "end_date=2026-03-08")
QUICK = {"KEXP_BACKOFF_SECONDS": "0"}


def aired(sandbox: Sandbox, after: str = "", before: str = "") -> Iterator[dict[str, Any]]:
    """All rows of a stretch of time, the oldest first, asked without our client."""
    offset = 0
    while True:
        # An empty bound counts as none.
        query = {
            "ordering": "airdate",
            "limit": 200,
            "offset": offset,
            "airdate_after": after,
            "airdate_before": before,
        }
        url = f"{sandbox.kexp}/plays/?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url) as answer:
            rows = json.load(answer)["results"]
        if not rows:
            return
        yield from rows
        offset += len(rows)


def valid(rows: Iterator[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The track plays with artist and title, by id."""
    return {
        str(row["id"]): row
        for row in rows
        if row["play_type"] == "trackplay"
        and (row["song"] or "").strip()
        and (row["artist"] or "").strip()
    }


def seconds(row: dict[str, Any]) -> int:
    """A row's airdate."""
    return int(datetime.fromisoformat(row["airdate"]).timestamp())


def summary(done: Done) -> dict[str, Any]:
    """The line of JSON."""
    (line,) = [line for line in done.out.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found


def stored(place: Place) -> list[str]:
    """Ids of the stored plays."""
    return place.column("SELECT source_play_id FROM external_play WHERE source = 'kexp'")


#: Every table of KEXP without the times of writing and the wording of notes.
_TABLES = {
    "external_play": "source, source_play_id, title, artist, album, airdate, mbid, year, song_id,"
    " match_tier, match_confidence",
    "song": "id, title, artist, album, year, mbid, isrc, source, is_placeholder, track_id,"
    " match_key, artist_key",
    "ingestion_checkpoint": "source, cursor, metadata",
    "covered_interval": "source, start_at, end_at",
    "play_review": "source, source_play_id, kind, detail",
}


def tables(place: Place) -> dict[str, list[Any]]:
    """The content of KEXP's tables."""
    return {
        name: sorted(place.query(f"SELECT {columns} FROM {name}"), key=repr)
        for name, columns in _TABLES.items()
    }


def everything(place: Place) -> dict[str, list[Any]]:
    """The same with the times of writing: equal only if not one row was touched."""
    return {name: sorted(place.query(f"SELECT * FROM {name}"), key=repr) for name in _TABLES}
