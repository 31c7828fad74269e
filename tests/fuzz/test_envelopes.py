"""What stands around the rows, damaged: a page may wait for another day, no other page does."""

from __future__ import annotations

from typing import Any

from testkit.places import Place
from tests.fuzz import shapes
from tests.fuzz.damage import Damage
from tests.fuzz.running import Commands, chosen, released, terms
from tests.fuzz.world import World, served


def around(answer: Any, one_of: int) -> list[Damage]:
    """Damages to all that is no row."""
    return [one for one in chosen(answer, one_of) if 0 not in one.path]


def test_searches(place: Place, crawl: Commands, one_of: int) -> None:
    """Each damaged page stands beside a whole one, whose track must come through."""
    cases = around({"tracks": shapes.page([shapes.track(0)])}, one_of)
    searches: dict[str, Any] = {}
    for number, damage in enumerate(cases, 1):
        answer = {"tracks": shapes.page([shapes.track(number)])}
        searches[f"odd {number}"] = damage.to(answer)
        whole = {"tracks": shapes.page([shapes.track(100_000 + number)])}
        searches[f"whole {number}"] = whole
    with served(World(searches=searches)) as env:
        argv = ("crawl", "spotify_search", *terms(place, list(searches)))
        # Some of these answers hold nothing that can be read: their pages wait.
        crawl(place, env, *argv, codes={75}, PAGE_SIZE="50", API_RETRIES="0")
        crawl(place, env, "publish")
    rows, _ = released(place)
    for number, damage in enumerate(cases, 1):
        assert shapes.track_id(100_000 + number) in rows, number
        if damage.path[-1:] not in {(), ("tracks",), ("items",)}:
            assert shapes.track_id(number) in rows, damage


def test_lists(place: Place, crawl: Commands, one_of: int) -> None:
    """The paging object within a playlist's record."""
    shape = shapes.playlist(0, 1)
    cases = [one for one in around(shape, one_of) if one.path[:1] == ("tracks",)]
    lists: dict[str, Any] = {}
    records: dict[str, Any] = {}
    for number, damage in enumerate(cases, 1):
        rows = [shapes.playlist_row(number), shapes.playlist_row(100_000 + number)]
        lists[f"list {number}"] = {"playlists": shapes.page(rows)}
        records[shapes.playlist_id(number)] = damage.to(shapes.playlist(number, 1))
        records[shapes.playlist_id(100_000 + number)] = shapes.playlist(100_000 + number, 1)
    with served(World(lists=lists, records=records)) as env:
        argv = ("crawl", "spotify_playlist", *terms(place, list(lists)), "-a", "top_playlists=2")
        crawl(place, env, *argv, codes={0, 75}, PAGE_SIZE="50", API_RETRIES="0")
        crawl(place, env, "publish")
    rows, _ = released(place)
    for number, damage in enumerate(cases, 1):
        assert shapes.track_id(1000 * (100_000 + number)) in rows, number
        if damage.path[1:2] not in {(), ("items",)}:
            assert shapes.track_id(1000 * number) in rows, damage
