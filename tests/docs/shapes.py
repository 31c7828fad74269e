"""What two stations had on the air, each served as its own API serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from testkit.serving import Reply, Visit, json_reply

#: 2026-03-07, 20:00 UTC: noon in Seattle, and the next morning in Auckland.
NOON = 1_772_913_600
#: Rows a page, whatever was asked for.
PAGE = 10


@dataclass(frozen=True, slots=True)
class Aired:
    """One thing on the air; without title, somebody spoke."""

    number: int
    title: str = ""
    artist: str = "Mara Quill"

    @property
    def at(self) -> int:
        """One a minute."""
        return NOON + 60 * self.number


def an_hour(first: int = 0, number: int = 30) -> list[Aired]:
    """Songs, one a minute, with a word between them now and then."""
    words = ["Slow Tide", "Ghosts", "Harbour Lights", "Paper Moon", "Long Way Home", "Copper Wire"]
    return [
        Aired(n, "" if n % 7 == 6 else f"{words[n % 6]} {n // 6 + 1}")
        for n in range(first, first + number)
    ]


@dataclass(slots=True)
class Air:
    """What a server has to tell; more may come in, and it may refuse."""

    aired: list[Aired] = field(default_factory=list)
    refusals: list[Reply] = field(default_factory=list)

    @property
    def songs(self) -> list[Aired]:
        """Those with a title."""
        return [one for one in self.aired if one.title]


def _page(found: Sequence[Aired], at: int, most: int) -> tuple[Sequence[Aired], bool]:
    part = found[at : at + min(PAGE, most)]
    return part, at + len(part) < len(found)


def as_kexp(air: Air, query: dict[str, str], host: str) -> dict[str, Any]:
    """`GET /plays/`."""
    after, before = (
        datetime.fromisoformat(query[name]).timestamp() if name in query else default
        for name, default in (("airdate_after", 0), ("airdate_before", 2**40))
    )
    down = query["ordering"] == "-airdate"
    found = sorted(
        (one for one in air.aired if after <= one.at <= before),
        key=lambda one: one.at,
        reverse=down,
    )
    offset = int(query.get("offset", 0))
    part, more = _page(found, offset, int(query["limit"]))
    following = {**query, "limit": min(PAGE, int(query["limit"])), "offset": offset + len(part)}
    return {
        "next": f"http://{host}/plays/?{urlencode(following)}" if more else None,
        "results": [
            {
                "id": 1000 + one.number,
                "airdate": datetime.fromtimestamp(one.at, UTC).isoformat(),
                "play_type": "trackplay" if one.title else "airbreak",
                "song": one.title or None,
                "artist": one.artist if one.title else None,
            }
            for one in part
        ],
    }


def as_wave(air: Air, query: dict[str, str], _host: str) -> dict[str, Any]:
    """`GET /songs`."""
    since, until = int(query["since"]), int(query.get("until", 2**40))
    found = sorted(
        (one for one in air.aired if since <= one.at < until),
        key=lambda one: one.at,
        reverse=query["newest_first"] == "1",
    )
    page = int(query.get("page", 0))
    part, more = _page(found, page * PAGE, int(query["most"]))
    return {
        "more": "?" + urlencode({**query, "page": page + 1}) if more else None,
        "songs": [
            {
                "uid": f"w{one.number}",
                "at": one.at,
                **({"song": one.title, "by": one.artist} if one.title else {"talk": True}),
            }
            for one in part
        ],
    }


def served(
    shape: Callable[[Air, dict[str, str], str], dict[str, Any]], air: Air
) -> Callable[[Visit], Reply]:
    """A server's answers; refusals come first, each once."""

    def reply(visit: Visit) -> Reply:
        if air.refusals:
            return air.refusals.pop(0)
        query = {name: one[0] for name, one in parse_qs(urlsplit(visit.target).query).items()}
        return json_reply(shape(air, query, visit.headers["host"]))

    return reply
