"""When a play is a play of a known song: traps, wrong pairs, real wordings, and laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from runclub_spider.catalog.matching import (
    FUZZY_ACCEPT,
    FUZZY_REVIEW,
    contradict,
    is_slip,
    keys_of,
    match,
    nearness,
    search_term,
)
from runclub_spider.catalog.plays import Tier
from runclub_spider.catalog.versions import artist_words
from testkit.labelled import LEAST_PRECISION, LEAST_RECALL
from testkit.wordings import (
    Pair,
    Wording,
    nearest_other,
    play_pairs,
    same_id,
    score,
    tier_of,
    traps,
)

# Traps of our own


def test_traps() -> None:
    pairs = traps()
    assert len(pairs) >= 150
    assert len(set(pairs)) == len(pairs)
    found = score(pairs)
    print(found.told("traps"))
    assert [pair for wrong in found.wrong.values() for pair in wrong] == []
    assert found.recall == 1
    seen = [pair for pair in pairs if pair.review]
    assert len(seen) >= 5
    for pair in seen:
        assert nearness(keys_of(*pair.one), keys_of(*pair.other)) >= FUZZY_REVIEW, pair
    assert min(found.right[tier] for tier in (Tier.EXACT, Tier.CLEANED, Tier.FUZZY)) >= 5


#: What a threshold of 0.9 on plain edit distance takes for the same song.
WRONG = [
    (("Ghosts, Pt. 1", "Mara Quill"), ("Ghosts, Pt. 2", "Mara Quill")),
    (("Slow Tide (Live)", "The Harbor Lights"), ("Slow Tide (Like)", "The Harbor Lights")),
    (("99 Red Kites", "Mara Quill"), ("98 Red Kites", "Mara Quill")),
    (("Wild Horse Running", "Mara Quill"), ("Wild Horses Running", "Mara Quill")),
    (("Winter Bloom", "The Harbor Lights"), ("Winter Blood", "The Harbor Lights")),
    (("Light the Way Down", "Mara Quill"), ("Right the Way Down", "Mara Quill")),
    (("Never Going Back Again", "Mara Quill"), ("Ever Going Back Again", "Mara Quill")),
    (("East of the River", "The Harbor Lights"), ("West of the River", "The Harbor Lights")),
    (("Love Me Tomorrow", "Mara Quill"), ("Love He Tomorrow", "Mara Quill")),
    (("Home Again", "The Harbor Lights"), ("Home Again", "The Harbour Knights")),
    (("Slow Tide - Remix II", "Kojo Hart"), ("Slow Tide - Remix III", "Kojo Hart")),
    (("She Walked Along the River", "Kojo"), ("She Walks Along the River", "Kojo")),
]


@pytest.mark.parametrize(("one", "other"), WRONG)
def test_what_edit_distance_takes_and_we_do_not(one: Wording, other: Wording) -> None:
    ratio = fuzz.ratio(" ".join(one).lower(), " ".join(other).lower())
    assert ratio >= 90
    assert tier_of(Pair(one, other, same=False)) is None


# Real wordings


@pytest.mark.realdata
def test_real_wordings() -> None:
    pairs = [*same_id(), *nearest_other()]
    assert sum(pair.same for pair in pairs) >= 2000
    assert sum(not pair.same for pair in pairs) >= 2000
    found = score(pairs)
    print(found.told(f"{len(pairs)} real pairs"))
    print(
        *(f"  {tier}: {p.one} {p.other}" for tier, ps in found.wrong.items() for p in ps), sep="\n"
    )
    assert found.precision() >= 0.99
    assert all(found.precision(tier) >= 0.99 for tier in (Tier.EXACT, Tier.CLEANED))
    assert found.recall >= 0.85


@pytest.mark.realdata
def test_real_plays() -> None:
    pairs = play_pairs()
    assert min(sum(pair.same for pair in pairs), sum(not pair.same for pair in pairs)) >= 200
    assert len(set(pairs)) == len(pairs)
    for half in (False, True):
        found = score(pair for pair in pairs if pair.held_out is half)
        print(found.told("held out" if half else "tuned on"))
        print(*(f"  {tier}: {p.one} {p.other}" for tier, ps in found.wrong.items() for p in ps))
        assert found.precision() >= LEAST_PRECISION
        assert found.recall >= LEAST_RECALL


@pytest.mark.realdata
def test_remixes_and_epilogues_are_told_from_their_songs() -> None:
    kinds = {"version", "epilogue", "bracket", "commentary", "skit", "reprise", "introduction"}
    pairs = [pair for pair in play_pairs() if pair.reason in kinds and not pair.same]
    assert len(pairs) >= 150
    assert [pair for pair in pairs if tier_of(pair)] == []


# Laws

WORDS = st.lists(
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), min_size=1, max_size=5
).map(" ".join)
TEXT = st.text(min_size=1, max_size=30)


@given(TEXT, TEXT)
def test_a_song_is_itself_in_the_surest_tier(title: str, artist: str) -> None:
    found = match(keys_of(title, artist), keys_of(title, artist))
    assert found is not None
    assert found[0] is Tier.EXACT


@given(TEXT, TEXT, TEXT, TEXT)
def test_matching_is_symmetric(a: str, b: str, c: str, d: str) -> None:
    one, other = keys_of(a, b), keys_of(c, d)
    assert match(one, other) == match(other, one)


@given(WORDS, WORDS)
def test_case_and_space_do_not_count(title: str, artist: str) -> None:
    found = match(keys_of(title, artist), keys_of(f"  {title.upper()} ", artist.title()))
    assert found is not None


@given(
    WORDS,
    WORDS,
    st.sampled_from(
        ["(Live)", "(Kojo Remix)", "- Acoustic", "[Demo]", "(Instrumental)", "Pt. 2", "7", "(Dub)"]
    ),
)
def test_another_recording_is_never_the_same(title: str, artist: str, remark: str) -> None:
    assert match(keys_of(title, artist), keys_of(f"{title} {remark}", artist)) is None


@given(WORDS, WORDS, WORDS)
def test_other_people_are_never_the_same(title: str, one: str, other: str) -> None:
    if not artist_words(one) & artist_words(other):
        assert match(keys_of(title, one), keys_of(title, other)) is None


#: No word that is known to say nothing, or to say something: neither "feat" nor "interlude".
UNKNOWN = st.text(alphabet="qxz", min_size=1, max_size=9)
UNKNOWNS = st.lists(UNKNOWN, min_size=1, max_size=5).map(" ".join)


@given(UNKNOWNS, UNKNOWNS, UNKNOWN, st.sampled_from(["{0} ({1})", "({1}) {0}", "{0} [{1}]"]))
def test_an_unknown_bracket_is_for_a_person_to_see(
    title: str, artist: str, remark: str, form: str
) -> None:
    one, other = keys_of(title, artist), keys_of(form.format(title, remark), artist)
    if one.exact != other.exact and not set(remark.split()) <= one.people:
        assert match(one, other) is None
        assert nearness(one, other) == nearness(other, one) >= FUZZY_REVIEW


@pytest.mark.parametrize("title", ["Interlude", "Track 3"])
def test_what_is_alike_by_habit_is_no_doubt_for_a_person(title: str) -> None:
    one, other = keys_of(title, "Mara Quill"), keys_of(f"{title} (Qxz)", "Mara Quill")
    assert match(one, other) is None
    assert nearness(one, other) == 0


@given(TEXT, TEXT, TEXT, TEXT)
def test_what_musicbrainz_tells_apart_is_one_only_by_equal_words(
    a: str, b: str, c: str, d: str
) -> None:
    one, other = keys_of(a, b), keys_of(c, d)
    found = match(one, other, contradicted=True)
    assert (found is not None) == (one.exact == other.exact)
    assert match(one, other, contradicted=True) == match(other, one, contradicted=True)


def test_when_recordings_contradict() -> None:
    assert contradict("a", "b")
    assert not contradict("a", "a")
    assert not contradict(None, "b")
    assert not contradict("a", None)


@given(WORDS, WORDS)
def test_a_slip_is_one_small_thing(one: str, other: str) -> None:
    if is_slip(one, other):
        assert one != other
        assert fuzz.ratio(one, other) / 100 > FUZZY_ACCEPT - 0.1
        assert len(one.split()) == len(other.split())


@pytest.mark.parametrize(
    ("title", "artist", "isrc", "term"),
    [
        ("Slow Tide", "Mara Quill", "USUM70000001", "isrc:USUM70000001"),
        ("Slow Tide", "Mara Quill", None, 'track:"Slow Tide" artist:"Mara Quill"'),
        (
            "Slow Tide (Live)",
            "Mara Quill feat. Kojo",
            None,
            'track:"Slow Tide" artist:"Mara Quill"',
        ),
        ('The "Big" One', "A & B", None, 'track:"The Big One" artist:"A"'),
        ("(Only)", "(Various Artists) Kojo", None, 'track:"(Only)" artist:"Kojo"'),
        ('""', "Kojo", None, ""),
    ],
)
def test_search_terms(title: str, artist: str, isrc: str | None, term: str) -> None:
    assert search_term(title, artist, isrc) == term


@given(
    st.text("aé語\U0001f600 -(", min_size=1, max_size=30).map(lambda text: (text * 2_000)[:2_000]),
    st.text("aé語\U0001f600 -(", min_size=1, max_size=30).map(lambda text: (text * 2_000)[:2_000]),
)
def test_no_key_is_longer_than_an_index_takes(title: str, artist: str) -> None:
    keys = keys_of(title, artist)
    for key in (keys.exact, keys.artist):
        assert len(key.encode()) < 2_600


def test_long_titles_that_differ_late_are_two_songs() -> None:
    words = " ".join(f"word{number}" for number in range(200))
    one, other = (keys_of(f"{words} {last}", "Artist") for last in ("here", "there"))
    assert one.exact != other.exact
    assert keys_of(f"{words} HERE", "The Artist").exact == one.exact
