"""MusicBrainz' web service 2, as far as batches of recordings, artists and addresses need it."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import Any

from .open_truth import Listed, OpenTruth, Recording, words
from .service import Call, Reply, State, json_reply
from .world import hashed

DEFAULT_ROWS, MOST_ROWS, MOST_URLS = 25, 100, 100
#: Library agents share one bucket for everybody; it is always full here.
_LIBRARY_AGENT = re.compile(
    r"^(?:python-requests/|Python-urllib/|Python/[\d.]+ aiohttp/|python-httpx/|Scrapy/)|^$"
)
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_PHRASE = r'"((?:[^"\\]|\\.)*)"'
_SONG = re.compile(rf"\(recording:{_PHRASE} AND artist:{_PHRASE}\)")
_FIELD = re.compile(r"(isrc|rid|arid):(?:\(([^)]*)\)|(\S+))")
_SPOTIFY = "https://open.spotify.com/artist/"
_HELP = "For usage, please see: https://musicbrainz.org/development/mmd"
# Calls whose mean distance is held against the allowed one.
_MEASURED = 5


class MusicBrainz:
    """Searches, the lookup of an ISRC, addresses, and the list of genres."""

    name = "musicbrainz"
    prefix = "/musicbrainz/ws/2"

    def __init__(self, state: State) -> None:
        self.state = state
        self._starts: deque[float] = deque(maxlen=_MEASURED)

    @property
    def _truth(self) -> OpenTruth:
        return self.state.open_truth

    def classify(self, call: Call) -> None:
        """Counts by entity; the keys of a query are watched for repeats."""
        query = call.first("query") or ""
        match call.parts:
            case ("recording",):
                songs = tuple("|".join(pair) for pair in _SONG.findall(query))
                call.family, call.batch = "mb_recording", True
                call.kind = "mb_title" if songs else "mb_isrc"
                call.ids = songs or tuple(_values(query).get("isrc", ()))
            case ("artist",):
                call.family, call.kind, call.batch = "mb_artist", "mb_artist", True
                call.ids = tuple(_values(query).get("arid", ()))
            case ("url",):
                call.family, call.kind, call.batch = "mb_url", "mb_url", True
                call.ids = tuple(call.query.get("resource", ()))
            case ("isrc", one):
                call.family, call.kind, call.ids = "mb_isrc_one", "mb_isrc", (one,)
            case ("genre", "all"):
                call.family = "mb_genre"

    def answer(self, call: Call) -> Reply:
        """The rate, then the endpoint."""
        if refused := self._refused(call):
            return refused
        match call.parts:
            case ("recording",) | ("artist",):
                return self._search(call, call.parts[0])
            case ("isrc", one):
                return self._isrc(one)
            case ("url",):
                return self._urls(call)
            case ("genre", "all"):
                return self._genres(call)
        return _error(404, "Not Found")

    def server_error(self, status: int) -> Reply:
        """A page, not JSON."""
        return Reply(status, b"<html><body>Service Unavailable</body></html>", "text/html")

    def too_many(self, *, quota: bool) -> Reply:  # noqa: ARG002 - the protocol's shape
        """MusicBrainz says 503."""
        return _error(503, "Your requests are exceeding the allowable rate limit.")

    # --- manners ------------------------------------------------------------------------------

    def _refused(self, call: Call) -> Reply | None:
        """503 for library agents, for whoever is too fast, and now and then for anybody."""
        options = self.state.options
        self._starts.append(time.monotonic())
        if _LIBRARY_AGENT.match(call.headers.get("user-agent", "")):
            return self.too_many(quota=False)
        allowed = options.musicbrainz_interval
        if allowed and len(self._starts) > 1:
            mean = (self._starts[-1] - self._starts[0]) / (len(self._starts) - 1)
            if mean < 0.9 * allowed:
                self.state.stats.refused("mb_too_fast")
                return self.too_many(quota=False)
        number = self.state.numbers.get(self.name, 0)
        busy = hashed("mb-busy", options.seed, number) / 2**64
        return self.too_many(quota=False) if busy < options.musicbrainz_busy else None

    # --- endpoints ----------------------------------------------------------------------------

    def _search(self, call: Call, entity: str) -> Reply:
        query = (call.first("query") or "").strip()
        if not query:
            return _error(400, "Must specify a query")
        found = self._recordings(query) if entity == "recording" else self._artists(query)
        limit, offset = _rows(call), _number(call.first("offset"))
        # The order is that of the score, which says nothing in such a query.
        ranked = sorted(found, key=lambda one: hashed("mb-order", query, one))
        rows = []
        for at, one in enumerate(ranked[offset : offset + limit], offset):
            score = max(1, 100 - 7 * at)
            if entity == "recording":
                rows.append(self._recording(self._truth.recordings[one], score))
            else:
                rows.append(self._artist(self._truth.artists[self._truth.artist_of[one]], score))
        body = {
            "created": "2026-10-01T00:00:00.000Z",
            "count": len(ranked),
            "offset": offset,
            f"{entity}s": rows,
        }
        return json_reply(200, body)

    def _recordings(self, query: str) -> set[str]:
        truth = self._truth
        found: set[str] = set()
        for isrc in _values(query).get("isrc", ()):
            found.update(truth.by_isrc.get(isrc.upper(), ()))
        found.update(one for one in _values(query).get("rid", ()) if one in truth.recordings)
        for title, artist in _SONG.findall(query):
            phrase = f" {words(_plain(title))} "
            for one in truth.by_name.get(words(_plain(artist)), ()):
                if phrase in f" {words(truth.recordings[one].title)} ":
                    found.add(one)
        return found

    def _artists(self, query: str) -> set[str]:
        return {one for one in _values(query).get("arid", ()) if one in self._truth.artist_of}

    def _isrc(self, one: str) -> Reply:
        if not _ISRC.fullmatch(one):
            return _error(400, "Invalid isrc.")
        found = self._truth.by_isrc.get(one, ())
        if not found:
            return _error(404, "Not Found")
        rows = [self._recording(self._truth.recordings[mbid], None) for mbid in found]
        return json_reply(200, {"isrc": one, "recordings": rows})

    def _urls(self, call: Call) -> Reply:
        asked = list(call.query.get("resource", ()))[:MOST_URLS]
        if not asked:
            return _error(400, "Must specify a resource")
        rows = []
        for address in asked:
            listed = self._truth.artists.get(address.removeprefix(_SPOTIFY))
            if listed is not None and listed.spotify is not None:
                artist = {"id": listed.mbid, "name": listed.name, "type": listed.kind}
                relation = {"type": "free streaming", "target-type": "artist", "artist": artist}
                row = {"id": listed.mbid, "resource": address, "relations": [relation]}
                rows.append(self.state.odd.row(self.name, "url", listed.mbid, row))
        if len(asked) == 1:
            return json_reply(200, rows[0]) if rows else _error(404, "Not Found")
        return json_reply(200, {"url-count": len(rows), "url-offset": 0, "urls": rows})

    def _genres(self, call: Call) -> Reply:
        names, offset = self._truth.official, _number(call.first("offset"))
        if call.first("fmt") == "txt":
            return Reply(200, "\n".join(names).encode(), "text/plain; charset=utf-8")
        limit = min(_number(call.first("limit")) or DEFAULT_ROWS, MOST_ROWS)
        rows = [{"id": name, "name": name, "disambiguation": ""} for name in names]
        page = rows[offset : offset + limit]
        return json_reply(200, {"genre-count": len(names), "genre-offset": offset, "genres": page})

    # --- rows ---------------------------------------------------------------------------------

    def _recording(self, one: Recording, score: int | None) -> Any:
        credit = [
            {
                "name": self._truth.artists[artist].name,
                "artist": {
                    "id": self._truth.artists[artist].mbid,
                    "name": self._truth.artists[artist].name,
                },
            }
            for artist in one.artists
        ]
        row: dict[str, Any] = {
            "id": one.mbid,
            "title": one.title,
            "length": one.length_ms,
            "video": True if one.video else None,
            "artist-credit": credit,
        }
        if score is not None:
            row["score"] = score
        if one.remark:
            row["disambiguation"] = one.remark
        if one.date is not None:
            row["first-release-date"] = one.date
        if one.isrcs:
            row["isrcs"] = [isrc.upper() for isrc in one.isrcs]
        if tags := self._truth.recording_tags(one):
            row["tags"] = [{"name": name, "count": count} for name, count in tags]
        return self.state.odd.row(self.name, "recording", one.mbid, row)

    def _artist(self, one: Listed, score: int) -> Any:
        row: dict[str, Any] = {
            "id": one.mbid,
            "score": score,
            "name": one.name,
            "sort-name": one.name,
            "type": one.kind,
            "life-span": {"begin": str(one.begin), "ended": None} if one.begin else {"ended": None},
        }
        if one.tags:
            row["tags"] = [{"name": name, "count": count} for name, count in one.tags]
        return self.state.odd.row(self.name, "artist", one.mbid, row)


def _rows(call: Call) -> int:
    """Rows of a page: a number out of range silently becomes the default."""
    number = _number(call.first("limit"))
    return number if 1 <= number <= MOST_ROWS else DEFAULT_ROWS


def _number(text: str | None) -> int:
    # "²" is a digit to Python, and no number
    return int(text) if text and text.isdecimal() and len(text) < 20 else 0


def _values(query: str) -> dict[str, list[str]]:
    """The keys that a query names, by field."""
    found: dict[str, list[str]] = {}
    for name, many, one in _FIELD.findall(_SONG.sub("", query)):
        values = re.split(r"\s+OR\s+", many.strip()) if many else [one]
        found.setdefault(name, []).extend(value.strip('"') for value in values if value)
    return found


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _error(status: int, said: str) -> Reply:
    return json_reply(status, {"error": said, "help": _HELP})
