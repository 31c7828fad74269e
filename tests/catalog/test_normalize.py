"""One spelling for names, codes and dates."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.models import Album, Track
from runclub_spider.catalog.normalize import MOST_NAME, clean_text, normalise_track
from testkit.making import a_track, an_id

#: All of Unicode, and more often what is taken out, joined or put together.
TEXT = st.text(
    st.characters() | st.sampled_from("\u200c\u200d\u0301\u212a\u0958\u202e\u2028\x85 aKé"),
    max_size=20,
)


@pytest.mark.parametrize(
    ("served", "kept"),
    [
        ("Plain", "Plain"),
        ("  two\u00a0 \twords\n", "two words"),
        ("line\u2028break\u0085here", "line break here"),
        ("bell\x07 nul\x00", "bell nul"),
        ("Cafe\u0301", "Café"),
        ("zero\u200b width \ufeffgoes\u00ad", "zero width goes"),
        ("\u202eright to left\u202c \u2066isolate\u2069", "right to left isolate"),
        ("\x1b]0;title\x07 and \x9b2J", "]0;title and 2J"),
        ("private \ue000\U0010fffd use", "private use"),
        ("no\ufffe\uffff\ufdd0character", "nocharacter"),
        ("lone \ud800surrogate\udc80", "lone surrogate"),
        # Joiners stay where scripts and emoji need them, and nowhere else.
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("r\u200dun \u200d\u200c \u200drun", "run run"),
        ("ö\u200d\u200dö", "öö"),
        ("ö\u200d", "ö"),
        ("e\u200d\u0301", "é"),
        ("Ünïcode – “quotes” 日本", "Ünïcode – “quotes” 日本"),
        ("\n\t", ""),
    ],
)
def test_clean_text(served: str, kept: str) -> None:
    assert clean_text(served) == kept


@given(TEXT, st.integers(1, 20))
def test_clean_text_fits_on_one_line_and_is_idempotent(text: str, most: int) -> None:
    cleaned = clean_text(text, most)
    assert clean_text(cleaned, most) == cleaned
    assert clean_text(cleaned) == cleaned
    assert len(cleaned) <= most
    assert len(cleaned.splitlines()) <= 1
    assert cleaned == cleaned.strip()
    cleaned.encode()
    seen = cleaned.replace("\u200d", "").replace("\u200c", "")
    assert not {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} & set(map(unicodedata.category, seen))


@pytest.mark.parametrize(
    "text", ["a" + "\u0301\u0323" * 80_000, "\u200d" * 160_000, "\x00" * 10**6]
)
def test_a_long_text_takes_no_longer_than_its_first_signs(text: str) -> None:
    started = time.process_time()
    assert len(clean_text(text)) <= MOST_NAME
    assert time.process_time() - started < 0.5


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    return a_track(
        1,
        album=Album(None, "A", None, draw(st.none() | st.text("0123456789- ")), None),
        isrc=draw(st.none() | st.text(max_size=15)),
        linked_from=draw(st.sampled_from([None, an_id(1), an_id(2)])),
    )


@given(tracks())
def test_normalise_track_is_idempotent(track: Track) -> None:
    once = normalise_track(track)
    assert normalise_track(once) == once


def test_normalise_track_changes_these_fields_and_no_other() -> None:
    album = Album(an_id(1), "C", "single", "1981-12", "https://i")
    track = a_track(1, album=album, isrc="us-um7-17-03861", linked_from=an_id(1))
    assert normalise_track(track) == replace(
        track, album=replace(album, release_date="1981"), isrc="USUM71703861", linked_from=None
    )


def test_nothing_comes_out_after_the_latest_year() -> None:
    def date(said: str, latest: int) -> str | None:
        album = Album(None, "A", None, said, None)
        return normalise_track(a_track(1, album=album), latest).album.release_date

    assert date("2027-01-01", 2027) == "2027-01-01"
    assert date("2028", 2027) is None


def test_a_link_to_another_track_stays() -> None:
    assert normalise_track(a_track(1, linked_from=an_id(2))).linked_from == an_id(2)
