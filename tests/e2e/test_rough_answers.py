"""Answers packed, framed and spelt in every way bring what plain ones bring, to the last byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Launcher
from testkit.places import CONTACT, Facts, Place, blanked, facts, missing, problems

from .airing import DAY, tables
from .running import launched

pytestmark = pytest.mark.e2e
#: Every spider, one after the other on one store.
COMMANDS = (
    ("crawl", "spotify_search", "-a", "max_seeds=4", "-a", "max_results=80"),
    (
        *("crawl", "spotify_playlist", "-a", "max_seeds=2"),
        *("-a", "top_playlists=2", "-a", "max_items=80"),
    ),
    ("crawl", "kexp", *DAY),
    ("crawl", "enrich"),
)
CODINGS = {"identity", "gzip", "deflate", "br", "zstd", "gzip, br"}
FRAMINGS = {"length", "chunked", "closed"}


@dataclass(frozen=True)
class Brought:
    """What the commands made of the sandbox, and how its answers came."""

    data: dict[str, bytes]
    facts: Facts
    plays: dict[str, list[Any]]
    ways: Mapping[str, Mapping[str, int]]


@pytest.fixture(scope="module")
def brought(
    served: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Brought]:
    """By plain answers and by rough ones."""
    found = {}
    for name in ("plain", "rough"):
        place = Place(tmp_path_factory.mktemp(name) / "place")
        served.configure(plain=name == "plain", musicbrainz_busy=0)
        served.reset_stats()
        for argv in COMMANDS:
            done = launched(launcher, *argv, env=place.env(served, **CONTACT))
            assert done.code == 0, done.text
        assert problems(place) == []
        ways = served.stats()["ways"]
        found[name] = Brought(blanked(place.latest), facts(place), tables(place), ways)
    served.configure(plain=False)
    return found


def test_the_releases_are_equal(brought: Mapping[str, Brought]) -> None:
    assert all(brought["plain"].data.values())
    assert brought["rough"].data == brought["plain"].data


def test_the_stores_are_equal(brought: Mapping[str, Brought]) -> None:
    plain, rough = brought["plain"].facts, brought["rough"].facts
    assert missing(plain, rough) == missing(rough, plain) == {}


def test_the_plays_are_equal(brought: Mapping[str, Brought]) -> None:
    assert brought["plain"].plays["external_play"]
    assert brought["rough"].plays == brought["plain"].plays


def test_the_answers_really_came_so(brought: Mapping[str, Brought]) -> None:
    assert {way for ways in brought["plain"].ways.values() for way in ways} == {
        "identity",
        "length",
    }
    rough = brought["rough"].ways
    assert {way for ways in rough.values() for way in ways} == CODINGS | FRAMINGS
    # Each source's came packed and in pieces, also of those that are asked little.
    for api in ("spotify", "reccobeats", "kexp", "musicbrainz", "listenbrainz"):
        ways = rough[api]
        answers = sum(ways.get(framing, 0) for framing in FRAMINGS)
        assert ways.get("identity", 0) < answers
