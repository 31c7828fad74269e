"""The artists' other tracks in sums: any parts in any order tell what each track alone is told."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.content import Label, Track, Work, mask_of, of_mask
from runclub_spider.catalog.content.judge import Leaning, labels_of, leaning, plainly
from runclub_spider.catalog.content.works import Works, brought

TITLES = ["Paper Lanterns", "Paper Lanterns (Karaoke Version)", "Sleep Rain", "Cold Hands - Skit"]
#: By digest: artists whose names leave open what they sell, and one whose name says nothing.
ARTISTS = {1: "Party Tyme", 2: "Ada Voss", 3: "Rain Sounds", 4: "Piano Tribute Players"}
TRACKS = st.lists(st.tuples(st.sampled_from(TITLES), st.sampled_from(sorted(ARTISTS))), max_size=14)


def _alone(tracks: list[tuple[str, int]]) -> list[set[Label]]:
    """Each track's labels, told from all others of its artist one by one."""
    plain = [plainly(title, (ARTISTS[artist],), "") for title, artist in tracks]
    found = []
    for at, (title, artist) in enumerate(tracks):
        others = [i for i, (_, other) in enumerate(tracks) if other == artist and i != at]
        counts = Counter(label for i in others for label in plain[i])
        track = Track(title, (ARTISTS[artist],), "", work=Work(len(others), counts))
        found.append(set(labels_of(track)))
    return found


@given(TRACKS, st.integers(1, 4), st.booleans())
def test_parts_in_any_order_say_what_the_artists_whole_work_says(
    tracks: list[tuple[str, int]], size: int, turned: bool
) -> None:
    parts = [tracks[start : start + size] for start in range(0, len(tracks), size)] or [[]]
    if turned:
        parts.reverse()
    said = [[leaning(Track(t, (ARTISTS[a],), "")) for t, a in part] for part in parts]
    works = [
        Works.of(
            [artist for _, artist in part],
            [
                (at, artist, one)
                for at, ((_, artist), one) in enumerate(zip(part, those, strict=True))
                if one != Leaning() or at % 2
            ],
        )
        for part, those in zip(parts, said, strict=True)
    ]
    found = []
    for those, (positions, labels) in zip(said, brought(works), strict=True):
        masks = [mask_of(one.labels) for one in those]
        for at, label in zip(positions.tolist(), labels.tolist(), strict=True):
            masks[at] |= label
        found += [set(of_mask(mask)) for mask in masks]
    assert found == _alone([track for part in parts for track in part])


def test_what_cannot_be_released_still_speaks_for_its_artist() -> None:
    plain = leaning(Track(TITLES[1], (ARTISTS[1],), ""))
    other = leaning(Track("Paper Lanterns", (ARTISTS[1],), ""))
    said = [*[(None, 1, plain)] * 5, (0, 1, other)]
    found = list(brought([Works.of([1] * 6, said)]))
    assert [(at.tolist(), of_mask(labels[0])) for at, labels in found] == [([0], (Label.KARAOKE,))]
