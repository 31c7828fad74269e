"""KEXP: ``/plays/`` with its window, order and paging, and every awkward row it is known to serve.

The built-in plays are made up: some days around both changes of the clock, and a few rows of 2001
with ids below the later ones. With ``--data`` they are a real week without play ids, to which ids
are given; ``kexp_weeks`` repeats it, one week before the other.
"""

from __future__ import annotations

import json
import uuid
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from .open_truth import OpenTruth
from .service import Call, Reply, State, json_reply
from .world import Track, World, hashed

DEFAULT_ROWS, MOST_ROWS = 20, 200
SEATTLE = ZoneInfo("America/Los_Angeles")
WEEK_FILE = Path("kexp") / "unlicensed" / "l13w_shows_2026-03-20_to_27.json"
#: The week of the file ends within its eighth day.
WEEK = 8 * 86_400

#: Stretches of the built-in plays: first moment, days, first id, share of rows with a recording.
STRETCHES = (
    (datetime(2001, 5, 11, 4, 0, tzinfo=SEATTLE), 0.1, 423_000, 0.0),
    (datetime(2025, 11, 1, 12, 0, tzinfo=SEATTLE), 2.0, 3_571_000, 0.4),
    (datetime(2026, 3, 6, 0, 0, tzinfo=SEATTLE), 4.0, 3_624_000, 0.6),
)
#: Keys of a track play in the order in which they are served.
_EMPTY: dict[str, Any] = {
    "song": None,
    "track_id": None,
    "recording_id": None,
    "artist": None,
    "artist_ids": [],
    "album": None,
    "release_id": None,
    "release_group_id": None,
    "labels": [],
    "label_ids": [],
    "release_date": None,
    "rotation_status": None,
    "is_local": False,
    "is_request": False,
    "is_live": False,
}


@dataclass(slots=True, order=True)
class Airing:
    """A row with its moment (epoch seconds, with a fraction) and id; ``fields`` are the others.

    ``track`` is the Spotify id of what was really on the air, which nobody is told.
    """

    moment: float
    id: int
    fields: dict[str, Any] = field(compare=False)
    track: str | None = field(default=None, compare=False)


class Airings:
    """All rows of a running sandbox, in order of their airdates."""

    def __init__(self, rows: Iterable[Airing], rng: Random) -> None:
        self.rows = sorted(rows)
        self._rng = rng
        self._next_id = max(row.id for row in self.rows) + 1

    def window(self, after: float | None, before: float | None) -> tuple[int, int]:
        """Places of the rows from one moment to another, both included."""
        first = 0 if after is None else bisect_left(self.rows, after, key=lambda row: row.moment)
        last = (
            len(self.rows)
            if before is None
            else bisect_right(self.rows, before, key=lambda row: row.moment)
        )
        return first, max(first, last)

    def arrive(self, number: int) -> None:
        """New plays on the air."""
        for _ in range(number):
            self._add(self.rows[-1].moment + self._rng.randrange(60, 300))

    def late(self, number: int) -> None:
        """Plays that were aired among the last twenty, and are entered only now."""
        for _ in range(number):
            self._add(self.rows[-self._rng.randrange(2, 20)].moment - 1)

    def edit(self, number: int) -> None:
        """The last track plays without a recording or album get one."""
        for row in reversed(self.rows):
            if number == 0:
                return
            fields = row.fields
            if fields.get("artist") and not (fields["recording_id"] and fields["album"]):
                fields["recording_id"] = fields["recording_id"] or _uuid("late", row.id)
                fields["album"] = fields["album"] or "Late Album"
                number -= 1

    def remove(self, number: int) -> None:
        """The last plays are taken back; the very first one stays."""
        del self.rows[max(1, len(self.rows) - number) :]

    def _add(self, moment: float) -> None:
        like = self.rows[-self._rng.randrange(1, min(200, len(self.rows)))].fields
        song = f"{like.get('song') or 'New Song'} No. {self._next_id}"
        fields = {**_EMPTY, "song": song, "artist": like.get("artist") or "New Band"}
        insort(self.rows, Airing(moment, self._next_id, {**fields, "play_type": "trackplay"}))
        self._next_id += 1


class Kexp:
    """``/plays/`` and ``/plays/{id}/``."""

    name = "kexp"
    prefix = "/kexp/v2"

    def __init__(self, state: State) -> None:
        self.state = state

    def classify(self, call: Call) -> None:
        """Plays are one family; there is no quota."""
        match call.parts:
            case ("plays",):
                call.family = "plays"
            case ("plays", _):
                call.family = "play"

    def answer(self, call: Call) -> Reply:
        """Rate window, then the endpoint."""
        options = self.state.options
        if refused := self.state.limit(self, call, options.kexp_rate_limit):
            return refused
        if call.method != "GET":
            return json_reply(405, {"detail": f'Method "{call.method}" not allowed.'})
        match call.parts:
            case ("plays",):
                reply = self._plays(call)
                self.state.airings.arrive(options.kexp_arrivals)
                return reply
            case ("plays", one):
                for row in self.state.airings.rows:
                    if str(row.id) == one:
                        return json_reply(200, self._row(row, call.base))
        return json_reply(404, {"detail": "Not found."})

    def server_error(self, status: int) -> Reply:
        """The proxy's page, not JSON."""
        return Reply(status, b"<html><h1>Bad Gateway</h1></html>", "text/html")

    def too_many(self, *, quota: bool) -> Reply:  # noqa: ARG002 - the protocol's shape
        """None was ever reported; this is how the framework behind it says so."""
        return json_reply(429, {"detail": "Request was throttled."})

    def _row(self, row: Airing, base: str) -> Any:
        return self.state.odd.row(self.name, "play", str(row.id), render(row, base))

    def _plays(self, call: Call) -> Reply:
        """A page; unknown parameters are ignored, and there is always a next link."""
        try:
            after = _moment(call.first("airdate_after"))
            before = _moment(call.first("airdate_before"))
        except ValueError:
            return json_reply(400, {"airdate": ["Enter a valid date/time."]})
        limit = _whole(call.first("limit"), DEFAULT_ROWS, MOST_ROWS)
        offset = _whole(call.first("offset"), 0, 2**31)
        rows = self.state.airings.rows
        first, last = self.state.airings.window(after, before)
        if call.first("ordering") == "airdate":
            chosen = rows[min(first + offset, last) : min(first + offset + limit, last)]
        else:
            top = max(first, last - offset)
            chosen = rows[max(first, top - limit) : top][::-1]
        found: list[Any] = [self._row(row, call.base) for row in chosen]
        if self.state.options.kexp_poison and found:
            found[len(found) // 2] = POISON
        return json_reply(
            200,
            {
                "next": _link(call, limit, offset + limit),
                "previous": _link(call, limit, offset - limit) if offset else None,
                "results": found,
            },
        )


#: A row that is wrong in every way at once.
POISON: dict[str, Any] = {
    "id": None,
    "airdate": 17,
    "song": ["not", "a", "text"],
    "artist": "a\x00b",
    "comment": "x" * 1_000_000,
    "play_type": "trackplay",
}


def render(row: Airing, base: str) -> dict[str, Any]:
    """The row as the API words it."""
    whole = datetime.fromtimestamp(row.moment, SEATTLE)
    return {
        "id": row.id,
        "uri": f"{base}/plays/{row.id}/",
        "airdate": whole.isoformat(),
        "show": 6901 if row.moment < 1e9 else 65_000 + int(row.moment) // 10_800 % 1000,
        "image_uri": "",
        "thumbnail_uri": "",
        **row.fields,
    }


def _link(call: Call, limit: int, offset: int) -> str:
    """The same query elsewhere; parameters sorted, as the API has them."""
    query = {name: values[0] for name, values in call.query.items() if name != "offset"}
    query["limit"] = str(limit)
    if offset > 0:
        query["offset"] = str(offset)
    return f"{call.base}/plays/?{urlencode(sorted(query.items()))}"


def _moment(text: str | None) -> float | None:
    """An ISO time; one without an offset is read as Seattle's."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=SEATTLE)).timestamp()


def _whole(text: str | None, default: int, most: int) -> int:
    # "²" is a digit to Python, and no number
    number = int(text) if text and text.isdecimal() and len(text) < 20 else 0
    return min(number, most) if number > 0 else default


# --- rows ----------------------------------------------------------------------------------------


def build(world: World, truth: OpenTruth, data: Path | None, seed: int, weeks: int) -> Airings:
    """The plays of a world: the real week where there is one, else made up from its tracks.

    Recordings are those that the open databases list, where they do.
    """
    rng = Random(f"kexp:{seed}")
    if data is not None and (data / WEEK_FILE).is_file():
        return Airings(_real(data / WEEK_FILE, weeks), rng)
    return Airings(_made_up(world, truth, rng), rng)


def _real(path: Path, weeks: int) -> list[Airing]:
    """A recorded week, once or several times; repeats from overlapping shows are dropped."""
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for show in json.loads(path.read_text(encoding="utf-8")):
        for row in show["tracks"]:
            key = (row["airdate"], row["play_type"], row.get("song"), row.get("artist"))
            seen.setdefault(key, row)
    rows = []
    for row in seen.values():
        kept = {name: row[name] for name in row if not name.startswith(("offset", "airdate"))}
        fields = {**_EMPTY, **kept} if row["play_type"] != "airbreak" else _air_break(row)
        rows.append((datetime.fromisoformat(row["airdate"]).timestamp(), fields))
    rows.sort(key=lambda pair: pair[0])
    found = []
    for week in range(weeks):
        # The clock changes between some of the weeks; a play stays at its second.
        base = 3_700_000 - (week + 1) * (len(rows) + 50)
        found += [
            Airing(moment - week * WEEK, base + number, fields)
            for number, (moment, fields) in enumerate(rows)
        ]
    return found


def _air_break(row: dict[str, Any]) -> dict[str, Any]:
    """Song and artist are absent, not null."""
    return {"comment": row.get("comment"), "play_type": "airbreak"}


def _made_up(world: World, truth: OpenTruth, rng: Random) -> list[Airing]:
    tracks = sorted(
        (track for track in world.tracks.values() if track.searchable and track.popularity > 5),
        key=lambda track: (hashed("kexp", track.id), track.id),
    )[:400]
    found: list[Airing] = []
    for begin, days, first_id, mbids in STRETCHES:
        moment, one = begin.timestamp(), first_id
        end = moment + days * 86_400
        stretch: list[Airing] = []
        while moment < end:
            number = len(found) + len(stretch)
            track, fields = _fields(world, truth, rng, tracks, number, mbids)
            if begin.year > 2010:
                fields |= {"location": 1, "location_name": "Default"}
            stretch.append(Airing(moment, one, fields, track))
            one += 1 if number % 23 else 7
            # Some plays share a second, and some have a fraction of one.
            moment += 0 if number % 71 == 70 else rng.randrange(120, 330)
            moment = int(moment) + (0.028 if number % 47 == 46 else 0.0)
        # Entered out of order: neighbours swap their ids.
        for place in range(5, len(stretch) - 1, 31):
            one_row, other = stretch[place], stretch[place + 1]
            one_row.id, other.id = other.id, one_row.id
        found += stretch
    return found


def _fields(
    world: World, truth: OpenTruth, rng: Random, tracks: list[Track], number: int, mbids: float
) -> tuple[str | None, dict[str, Any]]:
    draw = rng.random()
    if draw < 0.18:
        return None, {"comment": rng.choice((None, "", "Station ID")), "play_type": "airbreak"}
    # A third of what is on the air is in rotation; now and then a song comes twice in a row.
    pool = tracks[:60] if rng.random() < 0.35 else tracks
    track = pool[rng.randrange(len(pool))]
    people = [world.artists[one].name for one in track.artist_ids if one in world.artists]
    fields = {
        **_EMPTY,
        "song": track.name,
        "artist": (f"{people[0]} feat. {', '.join(people[1:])}" if len(people) > 1 else people[0]),
        "album": world.albums[track.album_id].name,
        "release_date": world.albums[track.album_id].release_date,
        "labels": ["Label X", "[no label]"] if number % 9 == 0 else ["Label X"],
        "label_ids": [],
        "artist_ids": [None] if number % 37 == 0 else [],
        "rotation_status": rng.choice((None, None, "Heavy", "Light", "Library", "R/N")),
        "comment": "line one\n--\nhttps://example.org/x" if number % 5 == 0 else None,
        "play_type": "trackplay",
    }
    if rng.random() < mbids:
        listed = truth.by_isrc.get(track.isrc or "")
        fields["recording_id"] = min(listed) if listed else _uuid("recording", track.id)
    awkward = AWKWARD.get(number % 101, {})
    told = None if {"song", "artist"} & awkward.keys() else track.id
    return told, fields | _respelt(fields, number) | awkward


#: What some row of every hundred says instead.
AWKWARD: dict[int, dict[str, Any]] = {
    3: {"artist": ""},
    17: {"song": None},
    29: {"artist": "   "},
    41: {"album": ""},
    43: {"release_date": "1950-01-01"},
    47: {"release_date": "2027-01-01"},
    53: {"release_date": "1999"},
    59: {"album": None, "release_date": None},
    61: {"play_type": "nontrackplay"},
    67: {"play_type": "psa"},
    71: {"song": "Brick quote", "artist": "A Film Actor"},
    73: {"artist": "(Various Artists) someone"},
}


def _respelt(fields: dict[str, Any], number: int) -> dict[str, Any]:
    """The same song in other words now and then."""
    song, artist = fields["song"], fields["artist"]
    match number % 13:
        case 1:
            return {"song": song.replace("'", "’") + " ", "artist": artist.upper()}
        case 2:
            return {"artist": artist.replace(" & ", " and ")}
        case 3:
            return {"song": f"{song} (Album Version)"}
    return {}


def _uuid(*parts: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, ":".join(map(str, parts))))
