"""ISRCs that stand for several recordings, found in columns."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.editions import Edition, split
from runclub_spider.catalog.versions import soft_key
from runclub_spider.publish.choose.apart import sharing
from runclub_spider.publish.choose.collapse import collapse
from runclub_spider.publish.choose.pool import Pool
from testkit.candidates import Candidate, pool_of
from tests.publish.choose.pools import LABELS, candidate

_TITLES = [
    "Song",
    "Song - Remastered",
    "Song (Sped Up)",
    "Other",
    "Suite: I. Allegro",
    "Suite: II. Largo",
]
_LENGTHS = [200_000, 200_500, 210_000, 215_000, 230_000]


@st.composite
def bearers(draw: st.DrawFn) -> list[Candidate]:
    """Tracks of few codes, with the key that their words lead to."""
    numbers = draw(st.lists(st.integers(0, 99), unique=True, max_size=12))
    world = []
    for number in numbers:
        people = draw(st.sampled_from([("Finch",), ("Finch", "Lem"), ("Lem",)]))
        one = Edition(draw(st.sampled_from(_TITLES)), people, draw(st.sampled_from(_LENGTHS)))
        world.append(
            candidate(
                f"t{number:02d}",
                isrc=draw(st.sampled_from([None, "I1", "I2"])),
                duration_ms=one.duration_ms,
                soft_key=soft_key(one.title, one.artists) if draw(st.booleans()) else "",
                edition=one,
            )
        )
    return world


def recordings(pool: Pool) -> list[list[str]]:
    """The ids of each group that the codes lead to."""
    found: dict[int, list[str]] = {}
    for at, label in enumerate(collapse(pool, "id+isrc").recording.tolist()):
        found.setdefault(label, []).append(pool.id_of(at))
    return sorted(found.values())


def plain(world: Sequence[Candidate]) -> list[list[str]]:
    """The same with every title read."""
    found = [[one.track_id] for one in world if one.isrc is None]
    for code in ("I1", "I2"):
        group = sorted((one for one in world if one.isrc == code), key=lambda one: one.track_id)
        places = split([one.edition for one in group])
        found += [[group[at].track_id for at in some] for some in places]
    return sorted(found)


@given(bearers(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_neither_order_nor_parts_nor_unread_titles_matter(
    world: list[Candidate], chance: random.Random, parts: int
) -> None:
    mixed = chance.sample(world, len(world))
    assert recordings(pool_of(mixed, LABELS, parts=parts)) == plain(world)


def test_titles_are_read_of_the_doubtful_alone() -> None:
    read: list[str] = []

    def look_up(ids: Sequence[str]) -> dict[str, Edition]:
        read.extend(ids)
        return {one: Edition("Song", ("Artist",), 200_000) for one in ids}

    world = [
        candidate("alone", isrc="I0", soft_key="k"),
        candidate("near 1", isrc="I1", soft_key="k"),
        candidate("near 2", isrc="I1", soft_key="k", duration_ms=219_000),
        candidate("far 1", isrc="I2", soft_key="k"),
        candidate("far 2", isrc="I2", soft_key="k", duration_ms=221_000),
        candidate("words 1", isrc="I3", soft_key="k"),
        candidate("words 2", isrc="I3", soft_key="other"),
        candidate("nothing 1", isrc="I4"),
        candidate("nothing 2", isrc="I4"),
        candidate("none 1"),
        candidate("none 2"),
    ]
    pool_of(world, LABELS, look_up=look_up)
    assert {one.split()[0] for one in read} == {"far", "words", "nothing"}


@given(st.lists(st.sampled_from([b"", b"A", b"AB", b"GBAYE0100001", b"GBAYE0100002", b"B" * 20])))
def test_sharing_is_what_equal_codes_are(codes: list[bytes]) -> None:
    found = [places.tolist() for places in sharing(np.array(codes, dtype="S20"))]
    wanted = [[at for at, one in enumerate(codes) if one == code] for code in {*codes} - {b""}]
    assert sorted(found) == sorted(places for places in wanted if len(places) > 1)
