"""One spelling for names, codes and dates."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.models import Album, ArtistRef, Track
from runclub_spider.catalog.normalize import clean_text, normalise_track
from tests.store.making import a_track, an_id

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("served", "kept"),
    [
        ("Plain", "Plain"),
        ("  two\u00a0 \twords\n", "two words"),
        ("line\u2028break\u0085here", "line break here"),
        ("bell\x07 nul\x00", "bell nul"),
        ("Cafe\u0301", "Café"),
        ("\u200bzero width stays", "\u200bzero width stays"),
        ("Ünïcode – “quotes” 日本", "Ünïcode – “quotes” 日本"),
        ("\n\t", ""),
    ],
)
def test_clean_text(served: str, kept: str) -> None:
    assert clean_text(served) == kept


@given(TEXT)
def test_clean_text_fits_on_one_line_and_is_idempotent(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert len(cleaned.splitlines()) <= 1
    assert cleaned == cleaned.strip()


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    return a_track(
        1,
        name=draw(TEXT),
        artists=tuple(ArtistRef(an_id(1), name) for name in draw(st.lists(TEXT, max_size=2))),
        album=Album(None, draw(TEXT), None, draw(st.none() | st.text("0123456789- ")), None),
        isrc=draw(st.none() | st.text(max_size=15)),
        linked_from=draw(st.sampled_from([None, an_id(1), an_id(2)])),
    )


@given(tracks())
def test_normalise_track_is_idempotent(track: Track) -> None:
    once = normalise_track(track)
    assert normalise_track(once) == once


def test_normalise_track_changes_these_fields_and_no_other() -> None:
    track = a_track(
        1,
        name=" A  song ",
        artists=(ArtistRef(an_id(1), "B\tand"),),
        album=Album("al", "C\u0301", "single", "1981-12", "u"),
        isrc="us-um7-17-03861",
        linked_from=an_id(1),
    )
    assert normalise_track(track) == replace(
        track,
        name="A song",
        artists=(ArtistRef(an_id(1), "B and"),),
        album=Album("al", "Ć", "single", "1981", "u"),
        isrc="USUM71703861",
        linked_from=None,
    )


def test_a_link_to_another_track_stays() -> None:
    assert normalise_track(a_track(1, linked_from=an_id(2))).linked_from == an_id(2)
