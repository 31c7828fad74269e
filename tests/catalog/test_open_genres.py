"""Genres from tags: shares by kind of entity, in one order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.open_genres import MOST, shares


def test_kinds_are_weighed_whatever_their_number_of_votes() -> None:
    tags = [
        ("recording", "Synth-Pop", 1),
        ("artist", "rock", 30),
        ("artist", "synth-pop", 10),
        ("release_group", "new wave", 1),
    ]
    # 2 of 5 for the recording, 1 of 5 for the release group, 2 of 5 for the artist.
    assert shares(tags) == (("synth pop", 500), ("rock", 300), ("new wave", 200))


def test_nothing_is_nothing() -> None:
    assert shares([]) == ()
    assert shares([("artist", "rock", 0), ("label", "rock", 3), ("artist", " ", 1)]) == ()


TAGS = st.lists(
    st.tuples(
        st.sampled_from(["recording", "artist", "release_group"]),
        st.sampled_from([f"genre {n}" for n in range(30)]),
        st.integers(-1, 20),
    ),
    max_size=60,
)


@given(TAGS, st.randoms())
def test_the_order_of_tags_does_not_matter(tags: list[tuple[str, str, int]], rng: object) -> None:
    found = shares(tags)
    mixed = list(tags)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    assert shares(mixed) == found
    assert len(found) <= MOST
    numbers = [share for _, share in found]
    assert numbers == sorted(numbers, reverse=True)
    assert sum(numbers) <= 1000 + MOST
