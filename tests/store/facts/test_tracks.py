"""The track registry: idempotent, never forgetful, and fair about when something changed."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.content import ContentPolicy
from runclub_spider.catalog.models import Album, ArtistRef, FoundTrack, Playable, Track
from runclub_spider.catalog.rules import Policy
from runclub_spider.catalog.rules import policy as policy_module
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import artist as artist_table
from runclub_spider.store.db.tables import (
    rejection,
    track,
    track_artist,
    track_market,
    track_source,
)
from runclub_spider.store.facts import artists, tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.read import catalogue
from testkit.making import POLICY, SEARCH, a_track, an_artist, an_id, found

TABLES = (track, track_artist, track_market, track_source, artist_table, rejection)
WHEN = {"first_seen_at", "updated_at", "checked_at", "run_id", "last_enriched_at"}


def save(
    connection: sa.Connection,
    *rows: FoundTrack | Track,
    source: Source = SEARCH,
    now: int = 1000,
    run: int = 1,
) -> set[str]:
    page = [row if isinstance(row, FoundTrack) else found(row, i) for i, row in enumerate(rows)]
    return tracks.save(connection, page, source, policy=POLICY, run_id=run, now=now).new


def content(connection: sa.Connection, blank: set[str] = frozenset()) -> dict[str, list[Any]]:  # type: ignore[assignment]
    return {
        table.name: sorted(
            (
                {k: None if k in blank else v for k, v in row._mapping.items()}
                for row in connection.execute(sa.select(table))
            ),
            key=repr,
        )
        for table in TABLES
    }


def stored(connection: sa.Connection, number: int = 1) -> Any:
    query = sa.select(track).where(track.c.track_id == an_id(number))
    return connection.execute(query).one()


def test_save_tells_what_is_new(connection: sa.Connection) -> None:
    assert save(connection, a_track(1), a_track(2)) == {an_id(1), an_id(2)}
    assert save(connection, a_track(2), a_track(3)) == {an_id(3)}
    row = stored(connection)
    assert (row.name, row.release_date, row.isrc) == ("Song 1", "1977", "USUM70000001")


def test_the_same_page_again_changes_nothing(connection: sa.Connection) -> None:
    page = [a_track(1), a_track(2, duration_ms=9), a_track(3, is_playable=False)]
    save(connection, *page, now=1000, run=1)
    before = content(connection, {"run_id"})
    assert save(connection, *page, now=2000, run=2) == set()
    assert content(connection, {"run_id"}) == before


def test_a_row_twice_on_a_page_is_one_track_at_its_first_place(connection: sa.Connection) -> None:
    assert save(connection, a_track(1), a_track(2), a_track(1)) == {an_id(1), an_id(2)}
    places = connection.execute(sa.select(track_source.c.track_id, track_source.c.position))
    assert dict(list(places)) == {an_id(1): 0, an_id(2): 1}  # type: ignore[arg-type]


def test_a_known_track_gains_only_provenance(connection: sa.Connection) -> None:
    save(connection, a_track(1), now=1000)
    save(connection, a_track(1), source=Source("playlist", "p1", "s1"), now=2000)
    row = stored(connection)
    assert (row.first_seen_at, row.updated_at) == (1000, 2000)
    edges = connection.execute(
        sa.select(track_source.c.source_type, track_source.c.first_seen_at).order_by(
            track_source.c.source_type
        )
    ).all()
    assert [tuple(edge) for edge in edges] == [("playlist", 2000), ("search", 1000)]
    assert len(content(connection)["track_artist"]) == 1


SAID = {
    "isrc": "USUM70000001",
    "popularity": 50,
    "preview_url": "https://p",
    "linked_from": an_id(8),
    "available_markets": ("CA", "US"),
}


@pytest.mark.parametrize("name", SAID)
def test_nothing_does_not_replace_something(connection: sa.Connection, name: str) -> None:
    whole = a_track(1, **SAID)
    save(connection, whole, now=1000)
    before = stored(connection)
    save(connection, replace(whole, **{name: None}), now=2000)
    assert stored(connection) == before


@pytest.mark.parametrize("name", SAID)
def test_something_replaces_nothing_and_counts_as_a_change(
    connection: sa.Connection, name: str
) -> None:
    whole = a_track(1, **SAID)
    save(connection, replace(whole, **{name: None}), now=1000)
    save(connection, whole, now=2000)
    row = stored(connection)
    value = SAID[name]
    assert getattr(row, name) == (",".join(value) if isinstance(value, tuple) else value)
    assert (row.first_seen_at, row.updated_at) == (1000, 2000)


def test_an_album_that_says_less_takes_nothing_away(connection: sa.Connection) -> None:
    save(connection, a_track(1), now=1000)
    before = stored(connection)
    save(connection, a_track(1, album=Album(None, "Album 1", None, None, None)), now=2000)
    assert stored(connection) == before


@pytest.mark.parametrize(
    "changes",
    [{"name": "New name"}, {"popularity": 51}, {"duration_ms": 241_000}, {"explicit": True}],
)
def test_another_value_moves_updated_at_and_never_first_seen(
    connection: sa.Connection, changes: dict[str, Any]
) -> None:
    save(connection, a_track(1), now=1000)
    save(connection, a_track(1, **changes), now=2000)
    save(connection, a_track(1, **changes), now=3000)
    row = stored(connection)
    assert (row.first_seen_at, row.updated_at) == (1000, 2000)
    assert {name: getattr(row, name) for name in changes} == changes


def test_another_playability_moves_updated_at(connection: sa.Connection) -> None:
    save(connection, a_track(1), now=1000)
    save(connection, found(a_track(1), playable=Playable.NO), now=2000)
    assert stored(connection).updated_at == 2000
    (market,) = content(connection)["track_market"]
    assert (market["playable"], market["checked_at"]) == ("no", 2000)


def test_another_basis_of_playability_moves_updated_at(connection: sa.Connection) -> None:
    # `_extra.available_us_source` is exported: it changes.
    save(connection, found(a_track(1), basis="available_markets"), now=1000)
    save(connection, found(a_track(1), basis="is_playable"), now=2000)
    assert stored(connection).updated_at == 2000


def test_unknown_playability_does_not_replace_a_known_one(connection: sa.Connection) -> None:
    save(connection, a_track(1), now=1000)
    save(connection, found(a_track(1), playable=Playable.UNKNOWN, basis="none"), now=2000)
    (market,) = content(connection)["track_market"]
    assert (market["playable"], market["basis"]) == ("yes", "is_playable")
    assert content(connection)["rejection"] == []


def test_artists_of_a_track_that_came_without_any(connection: sa.Connection) -> None:
    save(connection, a_track(1, artists=()), now=1000)
    save(connection, a_track(1), now=2000)
    assert len(content(connection)["track_artist"]) == 1
    assert content(connection)["rejection"] == []


def test_verdicts_are_the_newest(connection: sa.Connection) -> None:
    save(connection, a_track(1, duration_ms=1, name=""))
    rules = [row["rule"] for row in content(connection)["rejection"]]
    assert sorted(rules) == ["incomplete", "too_short"]
    save(connection, a_track(1))
    assert content(connection)["rejection"] == []


def test_verdicts_follow_the_policy(connection: sa.Connection) -> None:
    save(connection, a_track(1, duration_ms=130_000), a_track(2), a_track(3, name=""))
    assert tracks.ensure_verdicts(connection, POLICY)
    assert not tracks.ensure_verdicts(connection, POLICY)

    def rejected() -> dict[str, str]:
        return {row["track_id"]: row["rule"] for row in content(connection)["rejection"]}

    assert rejected() == {an_id(3): "incomplete"}
    assert tracks.ensure_verdicts(connection, Policy("US", 150_000, 360_000))
    assert rejected() == {an_id(1): "too_short", an_id(3): "incomplete"}
    assert tracks.ensure_verdicts(connection, POLICY)
    assert rejected() == {an_id(3): "incomplete"}
    # nobody asked about Sweden
    assert tracks.ensure_verdicts(connection, Policy("SE", 120_000, 360_000))
    rules = [row["rule"] for row in content(connection)["rejection"]]
    assert rules.count("playability_unknown") == 3


def test_what_names_alone_reject_is_refused_with_its_page(
    connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_album = Album(an_id(4, "album"), "The Book (Unabridged Audiobook)", "album", "1977", None)
    rows = [
        a_track(1),
        a_track(2, name="Song 2 (Originally Performed by Artist 9) [Karaoke Version]"),
        a_track(3, name="Song 3 - Sped Up"),
        a_track(4, name="Chapter 4", album=by_album),
    ]
    saved = tracks.save(
        connection,
        [found(row, at) for at, row in enumerate(rows)],
        SEARCH,
        policy=POLICY,
        run_id=1,
        now=1000,
    )
    assert saved.eligible == {an_id(1), an_id(3)}
    assert saved.curable == set()

    def rejected() -> dict[str, str]:
        return {row["track_id"]: row["rule"] for row in content(connection)["rejection"]}

    assert rejected() == {an_id(2): "content_karaoke", an_id(4): "content_spoken"}
    other = replace(POLICY, content=ContentPolicy.parse("karaoke=keep,altered=reject"))
    assert tracks.ensure_verdicts(connection, POLICY)
    assert tracks.ensure_verdicts(connection, other)
    assert rejected() == {an_id(3): "content_altered", an_id(4): "content_spoken"}
    # What comes last is judged when publishing: no verdict hangs upon it.
    assert tracks.ensure_verdicts(connection, POLICY)
    last = replace(POLICY, content=ContentPolicy.parse("live=last"))
    assert not tracks.ensure_verdicts(connection, last)
    # Another table of signals may say otherwise of any track.
    monkeypatch.setattr(policy_module, "digest", lambda: "another")
    assert tracks.ensure_verdicts(connection, POLICY)


def test_what_names_alone_reject_is_so_whether_or_not_genres_are_known(
    connection: sa.Connection,
) -> None:
    """When they are known depends on the pace of enrichment, and a release must not."""
    singer = an_artist(77, genres=("indie pop",))
    by_singer = {"artists": (ArtistRef(singer.artist_id, singer.name),)}

    def save(number: int, name: str) -> bool:
        rows = [found(a_track(number, name=name, **by_singer), 0)]
        saved = tracks.save(connection, rows, SEARCH, policy=POLICY, run_id=1, now=1000)
        return an_id(number) in saved.eligible

    assert not save(1, "Rain Sounds")
    artists.save(connection, [singer.artist_id], [singer], 1000)
    assert not save(2, "Rain Sounds")
    assert not save(1, "Rain Sounds")
    assert save(3, "Paper Lanterns")
    assert {row["track_id"] for row in content(connection)["rejection"]} == {an_id(1), an_id(2)}


BASES = ("is_playable", "available_markets", "restrictions", "search_market")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bases=st.lists(st.sampled_from((*BASES, "none")), min_size=1, max_size=5))
def test_playability_rests_on_the_best_basis_whatever_came_first(
    store: Store, bases: list[str]
) -> None:
    said = {"is_playable": "yes", "available_markets": "no", "restrictions": "no"}
    said |= {"search_market": "yes", "none": "unknown"}
    with store.engine.connect() as connection, connection.begin() as transaction:
        for basis in bases:
            save(connection, found(a_track(1), playable=Playable(said[basis]), basis=basis))
        (market,) = content(connection)["track_market"]
        best = min(bases, key=(*BASES, "none").index)
        assert (market["playable"], market["basis"]) == (said[best], best)
        transaction.rollback()


@pytest.mark.parametrize("vanished", [{"name": ""}, {"duration_ms": 0}])
def test_a_field_that_vanishes_takes_nothing_away(
    connection: sa.Connection, vanished: dict[str, Any]
) -> None:
    save(connection, a_track(1), now=1000)
    before = stored(connection)
    save(connection, a_track(1, **vanished), now=2000)
    assert stored(connection) == before
    assert content(connection)["rejection"] == []


NAMELESS = (ArtistRef(an_id(1, "artist"), ""),)


def test_a_track_none_of_whose_artists_has_a_name_is_incomplete(connection: sa.Connection) -> None:
    guest = ArtistRef(an_id(2, "artist"), "Artist 2")
    save(
        connection,
        a_track(1, artists=NAMELESS),
        a_track(2, artists=(*NAMELESS, guest)),
        a_track(3, artists=(ArtistRef(an_id(3, "artist"), " \t"),)),
    )
    rejected = {row["track_id"]: row["rule"] for row in content(connection)["rejection"]}
    assert rejected == {an_id(1): "incomplete", an_id(3): "incomplete"}
    # The nameless one is left out of what a release says of the other.
    names = [row.name for row in catalogue.credits_of_tracks(connection, [an_id(2)])]
    assert names == ["Artist 2"]


def test_a_name_that_comes_later_makes_older_tracks_whole(connection: sa.Connection) -> None:
    save(connection, a_track(1, artists=NAMELESS), now=1000)
    page = [found(a_track(6), 0)]
    saved = tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=2000)
    assert (saved.new, saved.eligible) == ({an_id(6)}, {an_id(1), an_id(6)})
    assert content(connection)["rejection"] == []
    assert stored(connection).updated_at == 2000
    # And a later page without it takes it away from neither.
    save(connection, a_track(1, artists=NAMELESS), now=3000)
    assert content(connection)["rejection"] == []


def test_a_verdict_stands_until_a_page_says_something_new(connection: sa.Connection) -> None:
    verdicts = sa.select(rejection.c.rule, rejection.c.run_id)
    short = a_track(1, duration_ms=90_000)
    save(connection, short)
    save(connection, short, source=Source("search", "another"), run=2)
    save(connection, replace(short, name="", duration_ms=0), run=3)
    assert connection.execute(verdicts).all() == [("too_short", 1)]
    save(connection, replace(short, duration_ms=80_000), run=4)
    assert connection.execute(verdicts).all() == [("too_short", 4)]
    save(connection, replace(short, duration_ms=240_000), run=5)
    assert connection.execute(verdicts).all() == []


def test_many_tracks_at_once(connection: sa.Connection) -> None:
    page = [a_track(number) for number in range(1201)]
    assert len(save(connection, *page)) == 1201
    assert save(connection, *page) == set()
    assert connection.scalar(sa.select(sa.func.count()).select_from(track)) == 1201


# What a page may leave out of a track; what it says is always the same.
HOLES = ("isrc", "popularity", "preview_url", "linked_from", "available_markets")
SOURCES = (SEARCH, Source("search", "run mix"), Source("playlist", "p1", "s1"))
ROWS = st.lists(
    st.tuples(st.sampled_from(SOURCES), st.integers(1, 5), st.sets(st.sampled_from(HOLES))),
    max_size=14,
)


def as_served(number: int, holes: set[str]) -> FoundTrack:
    """A short, a good or a long track, and the same each time but for the holes."""
    said = {**SAID, "isrc": f"USUM7{number:07d}", **dict.fromkeys(holes)}
    return found(a_track(number, **said, duration_ms=90_000 * number), number)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, rng=st.randoms(use_true_random=False))
def test_any_order_and_grouping_of_the_same_pages_gives_the_same_tables(
    store: Store, rows: list[tuple[Source, int, set[str]]], rng: random.Random
) -> None:
    contents = []
    for sequence in (rows, rng.sample(rows, len(rows))):
        with store.engine.connect() as connection, connection.begin() as transaction:
            start = 0
            while start < len(sequence):
                source, size = sequence[start][0], rng.randint(1, 4)
                page: dict[int, set[str]] = {}
                for at, number, holes in sequence[start : start + size]:
                    if at != source or number in page:
                        break
                    page[number] = holes
                save(connection, *(as_served(*row) for row in page.items()), source=source)
                start += len(page)
            contents.append(content(connection, WHEN))
            transaction.rollback()
    assert contents[0] == contents[1]
