"""The vote on columns is the vote on one track after the other, however the tracks are parted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.ballots import (
    MOST_UMBRELLAS,
    NONE,
    ORIGINS,
    Ballot,
    Box,
    Votes,
    judged,
    tallies,
)
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.votes import NO_VERDICT, Evidence, Voter, digest

UMBRELLAS = UmbrellaMap.load(Path(__file__).parents[2] / "seeds/umbrellas.yaml")
PEN = Voter(UMBRELLAS)
SOURCES = [
    PEN.search("fast rock", "Rock"),
    PEN.search('genre:"soul" year:1970-1979', "R&B & Soul"),
    PEN.playlist("Motown & Soul", [("soul running", "R&B & Soul"), ("pop gym", "Pop")]),
    PEN.playlist("Techno Workout", []),
    PEN.playlist("Morning Run", []),
]
GENRES = [(), (), (), ("rock",), ("metal", "pop rock"), ("comedy",)]
TRACKS = st.lists(
    st.builds(
        lambda people, genres, **rest: Evidence(
            artist_ids=tuple(people),
            artist_names=[f"{one} Band" for one in people],
            genres=[genres[at % len(genres)] for at, _ in enumerate(people)],
            **rest,
        ),
        people=st.lists(st.sampled_from("abcdefg"), unique=True, max_size=4),
        genres=st.lists(st.sampled_from(GENRES), min_size=1, max_size=2),
        name=st.sampled_from(["Untitled", "Heavy Metal Love", "Techno"]),
        album_name=st.sampled_from(["Untitled", "Soul Hits"]),
        album_id=st.none() | st.sampled_from("xyz"),
        sources=st.lists(st.sampled_from(SOURCES), max_size=3),
        tags=st.sampled_from([(), (), (("house", 700), ("soul", 300))]),
    ),
    max_size=25,
)


def ballot_of(tracks: list[Evidence], voter: Voter) -> tuple[Ballot, Votes]:
    box, verdicts = Box(voter), []
    for at, track in enumerate(tracks):
        umbrellas = [UMBRELLAS.mapped(tuple(genres)) for genres in track.genres]
        waits = None
        if any(umbrellas):
            opinion, verdict = box.of_umbrellas(umbrellas)
        else:
            waits = at
            own = voter.own(track)
            opinion, verdict = box.of_own(own, voter.alone(own, track)), NO_VERDICT
        album = None if track.album_id is None else digest(track.album_id)
        box.add(opinion, [digest(one) for one in track.artist_ids], album, waits)
        verdicts.append(verdict)
    return box.close(), Votes.of(verdicts, voter.labels)


@settings(max_examples=150, deadline=None)
@given(TRACKS, st.integers(1, 4), st.sampled_from([0.0, 0.5, 0.75]))
def test_columns_vote_as_one_track_does(
    tracks: list[Evidence], parts: int, threshold: float
) -> None:
    voter = Voter(UMBRELLAS, threshold=threshold)
    size = -(-len(tracks) // parts) or 1
    split = [tracks[start : start + size] for start in range(0, len(tracks), size)] or [[]]
    ballots = [ballot_of(part, voter) for part in split]
    artists, albums = tallies([ballot for ballot, _ in reversed(ballots)])
    for track in tracks:
        voter.add(track)
    for part, (ballot, votes) in zip(split, ballots, strict=True):
        for at, found in judged(ballot, artists, albums, voter):
            votes.put(at, found)
        for at, track in enumerate(part):
            verdict = voter.verdict(track)
            names = [voter.labels[one] for one in votes.names[at].tolist() if one != NONE]
            assert names == list(verdict.fills[:MOST_UMBRELLAS])
            assert ORIGINS[votes.origin[at]] == verdict.origin
            assert votes.confidence[at] == round(verdict.confidence * 10_000)


def test_a_tally_of_nothing() -> None:
    ballot, _ = ballot_of([], PEN)
    artists, albums = tallies([ballot, ballot])
    assert len(artists.keys) == len(albums.keys) == 0
    own = np.ones((2, len(PEN.labels)), np.int32)
    assert not artists.others(np.array([1, 2], np.uint64), own).any()
