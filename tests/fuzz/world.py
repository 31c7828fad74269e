"""A server of all APIs whose answers are damaged as a test says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from testkit.serving import Reply, Visit, serving
from tests.fuzz import shapes
from tests.fuzz.damage import Damage, written

_MBID = re.compile(r"0000000\d-0000-4000-8000-(\d{12})", re.ASCII)
_ISRC = re.compile(r"QZFZZ(\d{7})")
Damages = Mapping[int, Damage]


@dataclass
class World:
    """What is served, and what is wrong with it.

    `searches` and `lists` are whole answers by term, `records` by playlist id, `plays` pages of
    KEXP. The other answers are made for whatever is asked, each row damaged as its number says;
    `envelope`, if set, changes a whole answer that is made so.
    """

    searches: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, Any] = field(default_factory=dict)
    records: dict[str, Any] = field(default_factory=dict)
    plays: list[Any] = field(default_factory=list)
    artists: Damages = field(default_factory=dict)
    features: Damages = field(default_factory=dict)
    details: Damages = field(default_factory=dict)
    recordings: Damages = field(default_factory=dict)
    persons: Damages = field(default_factory=dict)
    addresses: Damages = field(default_factory=dict)
    metadata: Damages = field(default_factory=dict)
    envelope: Callable[[str, Any], Any] = lambda _kind, answer: answer
    asked: list[str] = field(default_factory=list)

    def answer(self, visit: Visit) -> Reply:
        """What a request gets."""
        parts = urlsplit(visit.target)
        path, query = unquote(parts.path), parse_qs(parts.query)
        self.asked.append(path)
        found = self._find(path, query, visit.body)
        if found is None:
            return Reply(404, b'{"error": {"status": 404, "message": "Not found."}}')
        return Reply(200, written(found), {"Content-Type": "application/json"})

    def _find(self, path: str, query: Mapping[str, list[str]], body: str) -> Any:
        def given(name: str) -> str:
            return query.get(name, [""])[0]

        match path.strip("/").split("/"):
            case ["accounts", "api", "token"]:
                return {"access_token": "token", "token_type": "Bearer", "expires_in": 3600}
            case ["spotify", "search"]:
                if given("type") == "track":
                    return self.searches.get(given("q"), {"tracks": shapes.page([])})
                return self.lists.get(given("q"), {"playlists": shapes.page([])})
            case ["spotify", "playlists", one, *_]:
                return self.records.get(one)
            case ["spotify", "artists"]:
                rows = _rows(shapes.artist, _numbers(given("ids")), self.artists)
                return self.envelope("artists", {"artists": rows})
            case ["recco", "audio-features"]:
                rows = _rows(shapes.features, _numbers(given("ids")), self.features)
                return self.envelope("features", {"content": rows})
            case ["recco", "track"]:
                numbers = _numbers(given("ids"))
                rows = _rows(shapes.detail, numbers, self.details)
                return self.envelope("details", {"content": rows})
            case ["kexp", "plays"]:
                at = int(given("offset") or 0)
                return self.plays[at] if at < len(self.plays) else {"next": None, "results": []}
            case ["mb", "recording"]:
                numbers = [int(n) for n in _ISRC.findall(given("query"))]
                rows = _rows(shapes.recording, numbers, self.recordings)
                found = {"count": len(rows), "offset": 0, "recordings": rows}
                return self.envelope("recordings", found)
            case ["mb", "artist"]:
                numbers = [int(n) for n in _MBID.findall(given("query"))]
                rows = _rows(shapes.person, numbers, self.persons)
                return self.envelope("persons", {"count": len(rows), "offset": 0, "artists": rows})
            case ["mb", "url"]:
                numbers = [int(one[-21:]) for one in query.get("resource", [])]
                rows = _rows(shapes.address, numbers, self.addresses)
                found = {"url-count": len(rows), "url-offset": 0, "urls": rows}
                return self.envelope("addresses", found)
            case ["mb", "genre", "all"]:
                found = {"genre-count": 1, "genre-offset": 0, "genres": [{"name": "new wave"}]}
                return self.envelope("genres", found)
            case ["lb", "metadata", "recording"]:
                asked = json.loads(body)["recording_mbids"]
                found = {
                    one: _damaged(shapes.metadata, int(one[-12:]), self.metadata)
                    for one in asked
                    if _MBID.fullmatch(one)
                }
                return self.envelope("metadata", found)
        return None


@contextmanager
def served(world: World) -> Iterator[dict[str, str]]:
    """Serve it; gives the environment that points every API there."""
    with serving(world.answer) as server:
        yield {
            "SPOTIFY_CLIENT_ID": "client",
            "SPOTIFY_CLIENT_SECRET": "secret",
            "SPOTIFY_PROFILE": "extended",
            "SPOTIFY_API_BASE_URL": f"{server.url}/spotify",
            "SPOTIFY_ACCOUNTS_BASE_URL": f"{server.url}/accounts",
            "RECCOBEATS_BASE_URL": f"{server.url}/recco",
            "KEXP_BASE_URL": f"{server.url}/kexp",
            "MUSICBRAINZ_BASE_URL": f"{server.url}/mb",
            "LISTENBRAINZ_BASE_URL": f"{server.url}/lb",
            "MUSICBRAINZ_INTERVAL": "0",
        }


def _numbers(ids: str) -> list[int]:
    return [int(one[1:]) for one in ids.split(",") if one[1:].isdigit()]


def _damaged(shape: Callable[[int], Any], number: int, damages: Damages) -> Any:
    row = shape(number)
    return damages[number].to(row) if number in damages else row


def _rows(shape: Callable[[int], Any], numbers: Sequence[int], damages: Damages) -> list[Any]:
    return [_damaged(shape, number, damages) for number in numbers]
