"""A page in a few statements against a page step by step: the same rows, the same answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.models import ArtistRef, FoundTrack
from runclub_spider.catalog.playability import playability
from runclub_spider.catalog.rules import facts_of, judge
from runclub_spider.store.db.tables import (
    artist,
    rejection,
    track,
    track_artist,
    track_market,
    track_source,
)
from runclub_spider.store.facts import artists, tracks
from runclub_spider.store.facts.tracks import Source
from testkit.making import POLICY, a_track, an_id
from tests.store.facts import step_by_step

TABLES = (track, track_artist, track_market, track_source, artist)
# Which run came to a verdict is told of those that still stand as well.
VERDICTS = sa.select(rejection.c.track_id, rejection.c.rule)
SOURCES = (
    Source("search", "rock running"),
    Source("search", "a song by someone", station="kexp"),
    Source("playlist", "p1", "s1"),
    Source("playlist", "p1", "s2"),
)
MARKETS = (None, (), ("US",), ("CA",))


@st.composite
def rows(draw: st.DrawFn) -> tuple[FoundTrack, bool]:
    """A row as the filter hands it on, and whether it was judged there."""
    names = draw(st.lists(st.integers(0, 3), max_size=2, unique=True))
    one = a_track(
        draw(st.integers(0, 5)),
        name=draw(st.sampled_from(("Song", "Another", ""))),
        artists=tuple(
            ArtistRef(an_id(n, "artist"), draw(st.sampled_from((f"Artist {n}", "", " "))))
            for n in names
        ),
        duration_ms=draw(st.sampled_from((0, 90_000, 240_000))),
        explicit=draw(st.booleans()),
        isrc=draw(st.sampled_from((None, "USUM70000001"))),
        popularity=draw(st.sampled_from((None, 0, 50))),
        linked_from=draw(st.sampled_from((None, "a", "b"))),
        is_playable=draw(st.sampled_from((None, True, False))),
        restriction=draw(st.sampled_from((None, "market"))),
        available_markets=draw(st.sampled_from(MARKETS)),
    )
    found = playability(
        one.is_playable,
        one.available_markets,
        POLICY.market,
        restriction=one.restriction,
        served_by_search=draw(st.booleans()),
    )
    named = sum(bool(ref.name.strip()) for ref in one.artists)
    facts = facts_of(one.name, artists=named, duration_ms=one.duration_ms, found=found)
    refused_by = judge(facts, POLICY) if draw(st.booleans()) else None
    return FoundTrack(one, draw(st.integers(0, 99)), found.playable, found.basis, refused_by)


PAGES = st.lists(
    st.tuples(
        st.builds(
            lambda source, ordinal: replace(source, ordinal=ordinal),
            st.sampled_from(SOURCES),
            st.sampled_from((None, 1, 2, 3)),
        ),
        st.lists(rows(), max_size=6),
        # Artists whose records are fetched before the page, and tracks that had gone from lists.
        st.sets(st.integers(0, 3)),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def stored(connection: sa.Connection, pages: Any, save: Any) -> list[Any]:
    """What each page came to, and all tables; nothing of it stays."""
    told: list[Any] = []
    with connection.begin_nested() as savepoint:
        for number, (source, found, fetched, gone) in enumerate(pages):
            asked = [an_id(n, "artist") for n in sorted(fetched)]
            artists.save(connection, asked, [], number)
            if gone:
                connection.execute(sa.update(track_source).values(removed_at=number))
            told.append(
                save(connection, found, source, policy=POLICY, run_id=number, now=1000 + number)
            )
        told += [
            sorted(map(tuple, connection.execute(query)), key=repr)
            for query in (*map(sa.select, TABLES), VERDICTS)
        ]
        savepoint.rollback()
    return told


@settings(
    max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(PAGES)
def test_as_step_by_step(connection: sa.Connection, pages: Any) -> None:
    assert stored(connection, pages, tracks.save) == stored(connection, pages, step_by_step.save)
