"""ListenBrainz' metadata of recordings, many MBIDs a call."""

from __future__ import annotations

import time
from typing import Any

import orjson

from .open_truth import OpenTruth, Recording, mbid
from .service import Call, Reply, State, json_reply

MOST_RECORDINGS = 1000
#: Calls per window, for everybody by address.
RATE, WINDOW_SECONDS = 30, 10.0


class ListenBrainz:
    """``/metadata/recording/`` by POST and GET."""

    name = "listenbrainz"
    prefix = "/listenbrainz/1"

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def _truth(self) -> OpenTruth:
        return self.state.open_truth

    def classify(self, call: Call) -> None:
        """The MBIDs asked are watched for repeats."""
        if call.parts == ("metadata", "recording"):
            call.family, call.kind, call.batch = "lb_recording", "lb_recording", True
            call.ids = self._asked(call)

    def answer(self, call: Call) -> Reply:
        """The rate window, then the endpoint; every answer names what is left."""
        options = self.state.options
        limit = RATE if options.listenbrainz_rate_limit is None else options.listenbrainz_rate_limit
        window = self.state.window(self.name)
        if wait := window.ask(time.time(), limit, WINDOW_SECONDS):
            return _named(self.too_many(quota=False), limit, 0, wait)
        if call.parts != ("metadata", "recording"):
            return _error(404, "Not found")
        if not call.ids:
            return _error(400, "recording_mbids must contain at least one recording")
        if len(call.ids) > MOST_RECORDINGS:
            return _error(400, f"Maximum {MOST_RECORDINGS} recordings")
        wanted = self._included(call)
        found = {
            one: self._row(self._truth.recordings[one], wanted)
            for one in dict.fromkeys(call.ids)
            if one in self._truth.recordings and not self._truth.recordings[one].gone
        }
        return _named(json_reply(200, found), limit, limit - 1, WINDOW_SECONDS)

    def server_error(self, status: int) -> Reply:
        """A page, not JSON."""
        return Reply(status, b"<html><body>error</body></html>", "text/html")

    def too_many(self, *, quota: bool) -> Reply:  # noqa: ARG002 - the protocol's shape
        """A 429 as JSON."""
        return _error(429, "You have exceeded your rate limit.")

    @staticmethod
    def _included(call: Call) -> set[str]:
        """What is asked for besides the recording itself."""
        if call.method != "POST":
            return set((call.first("inc") or "").split())
        return set(str(orjson.loads(call.body).get("inc") or "").split())

    @staticmethod
    def _asked(call: Call) -> tuple[str, ...]:
        if call.method != "POST":
            return call.listed("recording_mbids")
        try:
            body = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            return ()
        asked = body.get("recording_mbids") if isinstance(body, dict) else None
        return tuple(map(str, asked)) if isinstance(asked, list) else ()

    def _row(self, one: Recording, wanted: set[str]) -> Any:
        return self.state.odd.row(self.name, "recording", one.mbid, self._metadata(one, wanted))

    def _metadata(self, one: Recording, wanted: set[str]) -> dict[str, Any]:
        recording: dict[str, Any] = {
            "name": one.title,
            "rels": [],
            "isrcs": list(one.isrcs) or None,
        }
        if one.length_ms is not None:
            recording["length"] = one.length_ms
        # Put together from year, month and day: with one of them unknown there is no date.
        if one.date is not None and len(one.date) == len("YYYY-MM-DD"):
            recording["first_release_date"] = one.date
        found: dict[str, Any] = {"recording": recording, "release": {}}
        listed = [self._truth.artists[artist] for artist in one.artists]
        if "artist" in wanted:
            artists = []
            for artist in listed:
                row: dict[str, Any] = {
                    "artist_mbid": artist.mbid,
                    "name": artist.name,
                    "join_phrase": "",
                    "type": artist.kind,
                }
                if artist.begin is not None:
                    row["begin_year"] = artist.begin
                artists.append(row)
            name = " & ".join(artist.name for artist in listed)
            found["artist"] = {"name": name, "artist_credit_id": 1, "artists": artists}
        if "tag" in wanted:
            tags = self._truth.recording_tags(one)
            found["tag"] = {
                "recording": [self._tag(name, count) for name, count in tags],
                "release_group": [],
                "artist": [
                    self._tag(name, count) | {"artist_mbid": artist.mbid}
                    for artist in listed
                    for name, count in artist.tags
                    if count > 0
                ],
            }
        return found

    def _tag(self, name: str, count: int) -> dict[str, Any]:
        row: dict[str, Any] = {"tag": name, "count": count}
        if name in self._official:
            row["genre_mbid"] = mbid("genre", name)
        return row

    @property
    def _official(self) -> frozenset[str]:
        return self._truth.official_names


def _named(reply: Reply, limit: int, left: int, seconds: float) -> Reply:
    reply.headers |= {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset-In": str(max(1, round(seconds))),
    }
    return reply


def _error(status: int, said: str) -> Reply:
    return json_reply(status, {"code": status, "error": said})
