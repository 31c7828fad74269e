"""When tracks of one ISRC are editions of one recording."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.editions import (
    MOST_COMPARED,
    REMARK_MS,
    TITLE_MS,
    WHOLE_MS,
    Edition,
    objection,
    plausible,
    split,
)
from runclub_spider.catalog.versions import soft_key

TITLES = st.sampled_from(
    [
        *("Cold Hands", "Cold Hands - Live", "Cold Hands (Sped Up)", "Cold Hands 2", "Warm Feet"),
        *("Sea: I. Adagio", "Sea: II. Largo", "Cold Hands - Remastered", "冷たい手", ""),
    ]
)
LENGTHS = st.sampled_from([0, 198_000, 200_000, 201_500, 207_000, 215_000, 230_000])
SONG = Edition("Cold Hands", ("Finch",), 200_000)


def _edition(title: str, seconds: float = 200, *artists: str) -> Edition:
    return Edition(title, artists or ("Finch",), round(seconds * 1000))


@pytest.mark.parametrize(
    "other",
    [
        SONG,
        _edition("Cold Hands", 216.6),
        _edition("COLD HANDS - 2011 Remaster", 205),
        _edition("Cold Hands (feat. Lem)", 198, "Finch", "Lem"),
        _edition("Cold Hands - Single Version", 190),
        _edition("Cold Hands - Radio Edit", 185),
        _edition("Cold Hands (Slow Water)", 201),
        _edition("Cold Hans", 200),
        _edition("Cold Hands", 203, "Lem"),
        _edition("Cold Hands", 203, "Various Artists"),
        # Its title in another language, and a live album's own track.
        _edition("冷たい手", 200.4),
        _edition("Cold Hands - Live at the Old Mill", 200.1),
        _edition("Cold Hands", 0),
    ],
)
def test_editions_of_one_recording(other: Edition) -> None:
    assert plausible(SONG, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SONG, _edition("Warm Feet", 251, "Lem")),
        (SONG, _edition("Warm Feet", 200, "Lem")),
        (SONG, _edition("Warm Feet", 203)),
        (SONG, _edition("Cold Hands", 221)),
        (SONG, _edition("Cold Hands", 209, "Lem")),
        (SONG, _edition("Warm Feet", 0)),
        (SONG, _edition("Cold Hands - Sped Up", 190)),
        (SONG, _edition("Cold Hands (Slowed + Reverb)", 200)),
        (SONG, _edition("Cold Hands (Instrumental)", 200)),
        (SONG, _edition("Cold Hands - Karaoke Version", 200)),
        (SONG, _edition("Cold Hands - Live", 204)),
        (SONG, _edition("Cold Hands (Kojo Remix)", 205)),
        (SONG, _edition("Cold Hands 2", 200)),
        (_edition("Symphony No. 2: I. Adagio"), _edition("Symphony No. 2: III. Scherzo")),
        (_edition("Sea Suite: Morning"), _edition("Sea Suite: Anitra")),
        (_edition("Ghosts, Pt. 1"), _edition("Ghosts, Pt. 2")),
        (_edition("Intro", 30, ""), _edition("Cold Hands", 30, "")),
    ],
)
def test_what_a_wrong_code_puts_together(one: Edition, other: Edition) -> None:
    assert not plausible(one, other)
    assert split([one, other]) == [[0], [1]]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (_edition("Warm Feet", 251, "Lem"), "neither title nor artist agrees"),
        (_edition("Warm Feet", 203), "other titles, and lengths 3.0 s apart"),
        (_edition("Warm Feet", 0), "other titles, and a length is not known"),
        (_edition("Cold Hands", 168.2), "lengths 31.8 s apart"),
        (_edition("Cold Hands", 209, "Lem"), "other artists, and lengths 9.0 s apart"),
        (_edition("Cold Hands - Live", 200, "Lem"), "other artists, and only one title says live"),
        (_edition("Cold Hands - Live", 204), "only one title says live, and lengths 4.0 s apart"),
        (_edition("Cold Hands - Sped Up", 190), "only one title says spedup"),
        (_edition("Cold Hands 2", 200), "titles of different parts"),
    ],
)
def test_why_not_in_words(other: Edition, words: str) -> None:
    assert objection(SONG, other) == objection(other, SONG) == words


@given(st.data())
def test_of_equal_keys_only_the_lengths_count(data: st.DataObject) -> None:
    """Choosing holds keys and lengths of a million tracks against each other, and no titles."""
    title = data.draw(TITLES)
    spelt = [title, title.upper(), f"{title} (Album Version)", f"{title} (feat. Lem)"]
    people = [("Finch",), ("FINCH",), ("Finch", "Lem"), ("Lem", "Finch")]
    one, other = (
        data.draw(st.builds(Edition, st.sampled_from(spelt), st.sampled_from(people), LENGTHS))
        for _ in range(2)
    )
    keys = [soft_key(side.title, side.artists) for side in (one, other)]
    if keys[0] == keys[1] != "":
        far = abs(one.duration_ms - other.duration_ms) > WHOLE_MS
        assert plausible(one, other) == (not far or not (one.duration_ms and other.duration_ms))


def test_the_symphony_under_one_code_falls_apart_and_its_reissues_stay_together() -> None:
    movements = [_edition(f"Symphony No. 2: {n}. Allegro", 300) for n in ("I", "II", "III")]
    assert split([*movements, *movements]) == [[0, 3], [1, 4], [2, 5]]


def test_a_chain_of_plausible_pairs_is_one_group() -> None:
    chain = [_edition("Cold Hands", 200 + 15 * n) for n in range(4)]
    assert split(chain) == [[0, 1, 2, 3]]
    assert split([chain[0], chain[3]]) == [[0], [1]]


def test_of_a_code_of_very_many_tracks_equal_words_alone_count() -> None:
    """Pairs of thousands of titles would take minutes."""
    heap = [_edition(f"Song {n}", 150 + n / 60, f"Singer {n}") for n in range(MOST_COMPARED)]
    few = [
        *(SONG, _edition("COLD HANDS", 215), _edition("Cold Hands (Album Version)", 230)),
        *(_edition("Cold Hands", 260), _edition("Cold Hans", 200), _edition("Intro", 30)),
        *(_edition("Intro", 30), _edition("Warm Feet", 0), _edition("Warm Feet", 100)),
    ]
    assert split(few) == [[0, 1, 2, 4], [3], [5, 6], [7, 8]]
    alone = [[len(few) + at] for at in range(len(heap))]
    assert split([*few, *heap]) == [[0, 1, 2], [3], [4], [5, 6], [7, 8], *alone]


def test_nothing_and_one() -> None:
    assert split([]) == []
    assert split([SONG]) == [[0]]


EDITIONS = st.builds(
    Edition,
    TITLES | st.text(max_size=12),
    st.tuples(st.sampled_from(["Finch", "Lem", ""])),
    LENGTHS,
)


@given(EDITIONS, EDITIONS)
def test_plausible_is_symmetric_and_reflexive(one: Edition, other: Edition) -> None:
    assert plausible(one, one)
    assert plausible(one, other) == plausible(other, one)


@given(st.lists(EDITIONS, max_size=7), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(editions: list[Edition], chance: random.Random) -> None:
    places = chance.sample(range(len(editions)), len(editions))
    mixed = split([editions[at] for at in places])
    back = sorted(sorted(places[at] for at in group) for group in mixed)
    assert back == split(editions)


@given(st.lists(EDITIONS, max_size=7))
def test_a_group_is_what_plausible_pairs_hold_together(editions: list[Edition]) -> None:
    """The plain way: pairs, and the groups that touch."""
    groups: list[set[int]] = [{at} for at in range(len(editions))]
    for one in range(len(editions)):
        for other in range(one):
            if plausible(editions[one], editions[other]):
                mine = next(group for group in groups if one in group)
                theirs = next(group for group in groups if other in group)
                if mine is not theirs:
                    groups.remove(theirs)
                    mine |= theirs
    assert split(editions) == sorted(sorted(group) for group in groups)


def test_the_limits() -> None:
    for most, other in (
        (WHOLE_MS, SONG),
        (TITLE_MS, SONG._replace(artists=("Lem",))),
        (REMARK_MS, SONG._replace(title="Warm Feet")),
    ):
        assert plausible(SONG, other._replace(duration_ms=SONG.duration_ms + most))
        assert not plausible(SONG, other._replace(duration_ms=SONG.duration_ms + most + 1))
