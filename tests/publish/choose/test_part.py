"""A part of a store: rows that are looked at together say what each says by itself."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.rules import Policy
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.publish.choose import part, unsound
from runclub_spider.publish.choose.part import Asked, read_part
from runclub_spider.store.read.candidates import CandidateRow, Span
from testkit.killer import ROOT

CONNECTION = sa.create_engine("sqlite://").connect()
UMBRELLAS = UmbrellaMap.load(ROOT / "seeds" / "umbrellas.yaml")
ODD = [None, "", b"\xff", "\udcff", "é", "x" * 70, -1, 7, 2**40, 2.5, float("nan"), "[1]"]
SOUND = {
    "name": "Glow (Live)",
    "isrc": "QZ0000000001",
    "duration_ms": 200_000,
    "album_name": "Karaoke Hits",
    "album_id": "al",
    "album_type": "compilation",
    "release_date": "1999-01-02",
    "popularity": 50,
    "playable": "yes",
    "basis": "is_playable",
    "features": "of",
    "tempo": 160.0,
    "energy": 0.7,
    "danceability": 0.5,
    "acousticness": 0.1,
    "speechiness": 0.9,
    "tags": '[["house", 700]]',
}
ROW = st.fixed_dictionaries(
    {},
    # The query has a length for every track.
    optional={
        name: st.sampled_from(ODD[name == "duration_ms" :]) for name in CandidateRow._fields[1:]
    },
)
CREDIT = st.tuples(
    st.sampled_from("abcd"),
    st.sampled_from(["Nova", "Nova", "The Karaoke Crew", None]),
    st.sampled_from([None, '["rock", "deep house"]', "[]", "[1]", "{"]),
)
SOURCE = st.tuples(st.just("search"), st.sampled_from("uvw"), st.sampled_from([None, None, "kexp"]))
TRACKS = st.lists(st.tuples(ROW, st.lists(CREDIT, max_size=3), st.lists(SOURCE, max_size=2)))


def told(one: Any) -> Any:
    """A part as lists and numbers."""
    if isinstance(one, np.ndarray):
        return one.dtype.str, one.tolist()
    if is_dataclass(one):
        return [told(getattr(one, each.name)) for each in fields(one)]
    return {name: told(value) for name, value in one.items()} if isinstance(one, dict) else one


def read(asked: Asked, *, together: int) -> Any:
    with mock.patch.object(part, "_TOGETHER", together):
        return told(read_part(CONNECTION, Span(), asked))


@settings(deadline=None, max_examples=150)
@given(TRACKS, st.sampled_from(["", "t0", "t1"]), st.sampled_from([None, "", "no id", "t" * 30]))
def test_rows_that_are_looked_at_together_say_what_each_says_alone(
    tracks: list[tuple[dict[str, Any], list[Any], list[Any]]], known: str, odd_id: Any
) -> None:
    names = [odd_id if at == 2 else f"t{at}" for at in range(len(tracks))]
    nothing = CandidateRow(*[None] * len(CandidateRow._fields))
    sound = nothing._replace(**SOUND)
    rows = [
        sound._replace(track_id=name, **row) for name, (row, *_) in zip(names, tracks, strict=True)
    ]
    # A store has one name and one list of genres for an artist.
    people = {credit[0]: credit for _, some, _ in tracks for credit in some}
    stored = mock.Mock(
        candidates=lambda *_: iter(rows),
        credits=lambda *_: [
            (name, *people[one])
            for name, (_, some, _) in zip(names, tracks, strict=True)
            for one, *_ in some
        ],
        sources=lambda *_: [
            (name, *one)
            for name, (*_, sources) in zip(names, tracks, strict=True)
            for one in sources
        ],
    )
    asked = Asked(
        policy=Policy("US", 120_000, 360_000),
        umbrellas=UMBRELLAS,
        threshold=0.75,
        families={("search", "u"): frozenset({"tempo"})},
        lists={("search", "v"): "Karaoke Party"},
        unsound={known: "told before"} if known else {},
    )
    with mock.patch.object(part, "stored", stored):
        found = read(asked, together=1000)
        for size in (1, 3):
            assert read(asked, together=size) == found


@pytest.mark.parametrize(
    ("many", "one"),
    [
        (unsound.check_ids, None),
        (lambda values: unsound.check_texts("x", values), lambda v: unsound.check_text("x", v)),
        (lambda values: unsound.check_links("x", values), lambda v: unsound.check_link("x", v)),
        (
            lambda values: unsound.check_links("x", values, isrc=True),
            lambda v: unsound.check_link("x", v, isrc=True),
        ),
        (
            lambda values: unsound.check_wholes("x", values, 0, 100),
            lambda v: unsound.check_whole("x", v, 0, 100),
        ),
    ],
)
@given(
    st.lists(st.sampled_from([*ODD, 100, 101, "QZ0000000001", "QZ00000000012", True]), min_size=1)
)
def test_a_column_is_held_to_what_each_of_its_values_is(
    many: Any, one: Any, values: list[Any]
) -> None:
    faults = [fault for value in values if (fault := _fault(one or _check_id, value))]
    assert _fault(many, values) == (faults[0] if faults else None)


def _check_id(value: Any) -> None:
    if not unsound.holds_id(value):
        raise ValueError("track_id is none of Spotify's")


def _fault(check: Any, value: Any) -> str | None:
    try:
        check(value)
    except ValueError as error:
        return str(error)
    return None
