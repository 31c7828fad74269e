"""What each seed discovered, how far each cell was searched, and the release's word on both."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from runclub_spider.catalog import rules
from runclub_spider.config import Config
from runclub_spider.publish.account import discovery, exhaustion
from runclub_spider.publish.account.exhaustion import Certificate, Searches, Why
from runclub_spider.publish.choose.select import Selection
from runclub_spider.publish.verify import verify_release
from runclub_spider.store.db.engine import Store
from runclub_spider.store.facts import tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.queue import pages, playlists, seeds
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from runclub_spider.store.read import brought
from testkit.making import POLICY, a_playlist, a_track, an_id, found
from testkit.release_factory import Release
from tests.publish.choose.pools import candidate, chosen

MARKET = "US"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(Config(cache_dir=tmp_path / "cache"))
    yield opened
    opened.close()


def register(connection: sa.Connection, term: str, kind: str = "track", **cell: object) -> None:
    row = {"term": term, "search_type": kind, "market": MARKET, "family": "editorial", "bpm": None}
    seeds.register(connection, [{**row, "umbrella": None, "decade": None, **cell}])


def answer(
    connection: sa.Connection, term: str, *numbers: int, first: int = 0, more: bool = False
) -> None:
    """A page of a track search that showed some tracks."""
    task = PageTask("spotify_search", PageKind.TRACK_SEARCH, term, MARKET, first, 10, "g1")
    pages.plan(connection, [task])
    (task,) = pages.open_pages(connection, task.spider, MARKET)
    rows = [found(a_track(number), first + at) for at, number in enumerate(numbers)]
    source = Source("search", term, ordinal=task.ordinal)
    tracks.save(connection, rows, source, policy=POLICY, run_id=1, now=1)
    counts = PageCounts(track_rows=len(rows))
    pages.mark_done(connection, task, counts=counts, run_id=1, now=1)
    seeds.advance(
        connection,
        (term, "track", MARKET),
        state=seeds.RUNNING if more else seeds.EXHAUSTED,
        next_offset=first + 10,
        offset=first,
        now=1,
        rows=len(rows),
    )


def selection() -> Selection:
    """Tracks 1 and 2 stand, 3 is too long, 4 is an edition of 1."""
    return chosen(
        [
            candidate(an_id(1), isrc="I1", popularity=90),
            candidate(an_id(2), umbrellas=("Rock", "Metal")),
            candidate(an_id(3), rule=rules.TOO_LONG),
            candidate(an_id(4), isrc="I1", popularity=10),
        ]
    )


def test_each_seeds_tracks_and_what_became_of_them(store: Store, tmp_path: Path) -> None:
    with store.begin() as connection:
        register(connection, "rock", umbrella="Rock")
        register(connection, "never asked")
        register(connection, "lists", "playlist")
        answer(connection, "rock", 1, 2, 3)
        playlists.record(connection, [a_playlist(1), a_playlist(2)], 1)
        ids = [a_playlist(number).playlist_id for number in (1, 2)]
        playlists.list_for(connection, "lists", MARKET, ids)
        for one, numbers in zip(ids, ((2, 3), (3, 4)), strict=True):
            rows = [found(a_track(number), at) for at, number in enumerate(numbers)]
            source = Source("playlist", one, snapshot="s")
            tracks.save(connection, rows, source, policy=POLICY, run_id=1, now=1)
        sums = brought.read(connection)
        made = discovery.discover(connection, selection(), MARKET, sums)
        other = discovery.discover(connection, selection(), "SE", sums)
    assert other.rows == ()
    discovery.write(made, tmp_path / "discovery.csv")
    with (tmp_path / "discovery.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["term"]: row for row in csv.DictReader(file)}
    names = ("requests", "rows", "tracks", "exported", "merged_isrc", "rejected_too_long")
    told = {term: tuple(int(row[name]) for name in names) for term, row in rows.items()}
    # A track on two lists of one search counts once.
    assert told == {
        "rock": (1, 3, 3, 2, 0, 1),
        "never asked": (0, 0, 0, 0, 0, 0),
        "lists": (0, 0, 3, 1, 1, 1),
    }
    assert discovery.summary(made.families["track", "editorial"]) == {
        "seeds": 2,
        "asked": 1,
        "requests": 1,
        "rows": 3,
        "newTracks": 3,
        "eligibleNew": 3,
        "tracks": 3,
        "exported": 2,
        "rejected": 1,
        "rejectedByRule": {"too_long": 1},
    }


def counted(searches: Searches) -> tuple[int, int, int, int]:
    return searches.named, searches.asked, searches.left, searches.requests


def test_how_far_each_cell_was_searched(store: Store) -> None:
    with store.begin() as connection:
        register(connection, "70s rock", umbrella="Rock", decade="70s")
        register(connection, "more 70s rock", umbrella="Rock", decade="70s")
        register(connection, "metal", umbrella="Metal")
        register(connection, "70s metal", umbrella="Metal", decade="70s")
        register(connection, "running")
        answer(connection, "70s rock", 1, 2, more=True)
        answer(connection, "70s rock", 3, first=10, more=True)
        answer(connection, "70s metal", 2)
        answer(connection, "metal", 4)
        found = exhaustion.found_in(selection())
        sums = brought.read(connection)
        made = exhaustion.certificates(connection, found, MARKET, cap=30, brought=sums)
        shallow = exhaustion.certificates(connection, found, MARKET, cap=20)
    rock = made["Rock", "70s"]
    assert (rock.found, *counted(rock.tracks)) == (2, 2, 1, 2, 2)
    assert list(rock.tracks.last) == [2, 1]
    assert rock.why(2) is Why.FILLED
    assert rock.why(3) is Why.OPEN
    # A search without a decade is one for each cell of its umbrella.
    metal = made["Metal", "70s"]
    assert (metal.found, *counted(metal.tracks)) == (1, 2, 2, 0, 1)
    assert metal.why(2) is Why.EXHAUSTED
    assert made["Metal", "80s"].why(2) is Why.EXHAUSTED
    assert made["Pop", "80s"].why(2) is Why.UNASKED
    assert shallow["Rock", "70s"].tracks.left == 1
    told = exhaustion.as_json(made, 2)
    assert sum(told["states"].values()) == len(made)
    assert told["states"]["filled"] == 1
    assert told["cells"]["Rock"]["70s"]["newOnLastPages"] == [2, 1]


def read_list(connection: sa.Connection, number: int, first: int, *tracks_on_it: int) -> None:
    """A page of a playlist that showed some tracks."""
    one = a_playlist(number).playlist_id
    kind = PageKind.PLAYLIST_ITEMS if first else PageKind.PLAYLIST
    task = PageTask("spotify_playlist", kind, one, MARKET, first, 10, "s")
    pages.plan(connection, [task])
    if not tracks_on_it:
        return
    (task,) = pages.open_pages(connection, task.spider, MARKET)
    rows = [found(a_track(track), first + at) for at, track in enumerate(tracks_on_it)]
    source = Source("playlist", one, snapshot="s", ordinal=task.ordinal)
    tracks.save(connection, rows, source, policy=POLICY, run_id=1, now=1)
    counts = PageCounts(track_rows=len(rows))
    pages.mark_done(connection, task, counts=counts, run_id=1, now=1)


def test_how_far_the_playlists_for_each_cell_were_read(store: Store) -> None:
    ids = [a_playlist(number).playlist_id for number in (1, 2, 3)]
    with store.begin() as connection:
        for term in ("70s rock", "best of the 70s rock", "seventies rock"):
            register(connection, term, "playlist", umbrella="Rock", decade="70s")
        register(connection, "metal", "playlist", umbrella="Metal")
        register(connection, "70s rock", umbrella="Rock", decade="70s")
        playlists.record(connection, [a_playlist(number) for number in (1, 2, 3)], 1)
        # Both searches serve the first list, whose pages count once.
        playlists.list_for(connection, "70s rock", MARKET, ids[:2])
        playlists.list_for(connection, "best of the 70s rock", MARKET, ids[:1])
        playlists.list_for(connection, "metal", MARKET, ids[2:])
        for term in ("70s rock", "best of the 70s rock", "metal"):
            seeds.found_without_search(connection, "playlist", MARKET, term, 1)
        read_list(connection, 1, 0, 1, 2)
        read_list(connection, 1, 10, 3)
        read_list(connection, 2, 0, 3, 4, 5, 6)
        seeds.close(connection, "playlist", MARKET, ["70s rock", "best of the 70s rock"])
        number = exhaustion.found_in(selection())
        made = exhaustion.certificates(
            connection, number, MARKET, cap=30, brought=brought.read(connection)
        )
        # A page of a list that was planned and not answered leaves its search unfinished.
        read_list(connection, 2, 10)
        later = exhaustion.certificates(connection, number, MARKET, cap=30)
    rock, metal = made["Rock", "70s"], made["Metal", "80s"]
    assert counted(rock.playlists) == (3, 2, 1, 3)
    assert rock.playlists.last == [2, 1, 3]
    assert counted(metal.playlists) == (1, 1, 1, 0)
    assert counted(later["Rock", "70s"].playlists) == (3, 2, 2, 0)
    # Searches for tracks stand apart: the verdict is theirs.
    assert counted(rock.tracks) == (1, 0, 1, 0)
    assert rock.why(3) is Why.UNASKED
    assert rock.as_json(3)["playlists"]["state"] == "open"
    assert rock.as_json(2)["playlists"]["state"] == "filled"
    assert made["Pop", "80s"].as_json(1)["playlists"]["state"] == "unasked"


def test_a_cell_that_nobody_can_ask_for_is_not_exhausted() -> None:
    assert Certificate().why(1) is Why.UNASKED
    assert Certificate().why(0) is Why.FILLED


def csv_with(change: Callable[[str], str]) -> Callable[[Release], None]:
    def apply(release: Release) -> None:
        release.files["discovery.csv"] = change(release.files["discovery.csv"].decode()).encode()
        release.seal()

    return apply


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda text: text.replace(",10,4,1,", ",11,4,1,"), "sum"),
        (lambda text: text.replace(",2,1,1\n", ",2,1,0\n"), "sum"),
        (lambda text: text.replace("exhausted,3,", "exhausted,4,"), "discovery"),
        (lambda text: text.replace("exhausted,3,", "exhausted,x,"), "count"),
        (lambda text: text.replace("track,editorial", "track,cadence"), "discovery"),
        (lambda text: text.replace("search_type,", "type,"), "columns"),
        (lambda text: text + text.splitlines()[1] + "\n", "discovery"),
        (lambda _: "", "columns"),
    ],
)
def test_verify_adds_it_up(change: Callable[[str], str], rule: str, tmp_path: Path) -> None:
    release = Release().build()
    assert verify_release(release.write(tmp_path / "sound")) == []
    csv_with(change)(release)
    problems = verify_release(release.write(tmp_path / "changed"))
    assert rule in {problem.rule for problem in problems}
