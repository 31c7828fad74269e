"""ReccoBeats: tracks and audio features by Spotify id, UUID or ISRC."""

from __future__ import annotations

import re
from typing import Any

from .service import Call, Reply, State, json_reply
from .withhold import withheld
from .world import Features, Track, hashed, recco_uuid

MOST_IDS = 40

_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_ISRC = re.compile(r"^[A-Z]{2}[A-Z0-9]{3}\d{7}$", re.IGNORECASE)
#: Agents the service's shield turns away: what Python's HTTP libraries send by default.
_LIBRARY_AGENT = re.compile(
    r"^(python-requests/|Python-urllib/|Python/[\d.]+ aiohttp/|python-httpx/|urllib3/)"
)
_BLOCKED = (
    b"<!DOCTYPE html><html><head><title>Access denied</title></head>"
    b"<body><h1>Access denied</h1><p>error code: 1010</p></body></html>"
)


class ReccoBeats:
    """``/track`` and ``/audio-features`` in their batch and single forms."""

    name = "reccobeats"
    prefix = "/reccobeats/v1"

    def __init__(self, state: State) -> None:
        self.state = state

    def classify(self, call: Call) -> None:
        """Counts features and tracks apart; the ids of both are watched for repeats."""
        match call.parts:
            case ("audio-features",):
                call.family, call.kind, call.batch = "recco_features", "recco_features", True
                call.ids = call.listed("ids")
            case ("track",):
                call.family, call.kind, call.batch = "recco_track", "recco_track", True
                call.ids = call.listed("ids")
            case ("track", one, "audio-features"):
                call.family, call.kind, call.ids = "recco_features_one", "recco_features", (one,)
            case ("track", one):
                call.family, call.kind, call.ids = "recco_track_one", "recco_track", (one,)

    def answer(self, call: Call) -> Reply:
        """Shield, rate window, then the endpoint."""
        if _LIBRARY_AGENT.match(call.headers.get("user-agent", "")):
            return Reply(403, _BLOCKED, "text/html; charset=UTF-8")
        if refused := self.state.limit(self, call, self.state.options.recco_rate_limit):
            return refused
        if call.method != "GET":
            return json_reply(404, {"status": 404, "errors": []})
        match call.parts:
            case ("audio-features",):
                return self._many(call, "getAudioFeatures.ids")
            case ("track",):
                return self._many(call, "getTracks.ids")
            case ("track", one, *rest) if not rest or rest == ["audio-features"]:
                return self._one(one, features=bool(rest))
        return json_reply(404, {"status": 404, "errors": []})

    def server_error(self, status: int) -> Reply:
        """The shield's page, not JSON."""
        return Reply(status, b"<html><body>error</body></html>", "text/html; charset=UTF-8")

    def too_many(self, *, quota: bool) -> Reply:  # noqa: ARG002 - the protocol's shape
        """A 429; the body's shape is not known, so it is text."""
        return Reply(429, b"Too Many Requests", "text/plain")

    # --- endpoints ----------------------------------------------------------------------------

    def _many(self, call: Call, path: str) -> Reply:
        if not 1 <= len(call.ids) <= MOST_IDS:
            problem = {"path": path, "message": f"size must be between 1 and {MOST_IDS}"}
            return json_reply(400, {"status": 4004, "errors": [problem]})
        wanted = dict.fromkeys(
            one for given in call.ids for one in self._resolve(given, isrc=path == "getTracks.ids")
        )
        rows: list[Any] = []
        # the real order is not that of the question; a hash keeps ours reproducible
        for one in sorted(wanted, key=lambda one: hashed("recco-order", one)):
            rows += self._rows(one, features=call.family != "recco_track")
        return json_reply(200, {"content": rows})

    def _one(self, given: str, *, features: bool) -> Reply:
        one = self.state.world.track_of_uuid(given) if _UUID.match(given) else None
        if one is not None:
            for row in self._rows(one, features=features):
                return json_reply(200, row)
        return json_reply(404, {"status": 4040, "errors": [{"path": "id", "message": "not found"}]})

    def _resolve(self, given: str, *, isrc: bool) -> list[str]:
        world = self.state.world
        if given in world.tracks:
            return [given]
        if _UUID.match(given):
            found = world.track_of_uuid(given)
            return [found] if found else []
        if isrc and _ISRC.match(given):
            return world.with_isrc(given)
        return []

    # --- rows ---------------------------------------------------------------------------------

    def _rows(self, one: str, *, features: bool) -> list[Any]:
        """The row of a track as it is served, or none."""
        track = self.state.world.tracks[one]
        row = self._features(track) if features else self._track(track)
        kind = "features" if features else "track"
        return [] if row is None else [self.state.odd.row(self.name, kind, one, row)]

    def _track(self, track: Track) -> dict[str, Any] | None:
        world = self.state.world
        if track.id not in world.features and track.id not in world.recco_only:
            return None
        row = {
            "id": recco_uuid(track.id),
            "trackTitle": track.name,
            "artists": [
                {
                    "id": recco_uuid(one, "artist"),
                    "name": world.artists[one].name,
                    "href": f"https://open.spotify.com/artist/{one}",
                }
                for one in track.artist_ids
                if one in world.artists
            ],
            "durationMs": track.duration_ms,
            "isrc": track.isrc,
            "ean": None,
            "upc": None,
            "href": f"https://open.spotify.com/track/{track.id}",
            "availableCountries": ",".join(track.markets),
            "popularity": track.popularity,
        }
        return withheld("recco_track", row, self.state.options.withhold)

    def _features(self, track: Track) -> dict[str, Any] | None:
        known: Features | None = self.state.world.features.get(track.id)
        if known is None:
            return None
        quirk = hashed("recco-row", track.id) % 400
        href = f"https://open.spotify.com/track/{track.id}" + ("?si=sandbox" if quirk == 0 else "")
        row: dict[str, Any] = {"id": recco_uuid(track.id), "href": href}
        if quirk != 1:
            row["isrc"] = track.isrc
        row |= {
            "acousticness": known.acousticness,
            "danceability": known.danceability,
            "energy": known.energy,
            "instrumentalness": known.instrumentalness,
            "key": known.key,
            "liveness": known.liveness,
            "loudness": known.loudness,
            "mode": known.mode,
            "speechiness": known.speechiness,
            "tempo": known.tempo,
            "valence": known.valence,
        }
        if quirk == 2:
            del row["key"], row["mode"]
        return withheld("audio_features", row, self.state.options.withhold)
