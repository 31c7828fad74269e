"""The tracks that a person judged: enough of each kind, each of them in the tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import pytest

from runclub_spider.catalog.content import Features, Label, Track
from runclub_spider.catalog.content.judge import labels_of
from runclub_spider.catalog.yaml_file import YamlFile
from testkit.content_labels import (
    LEAST_PRECISION,
    LEAST_RECALL,
    LEAST_RECALL_BY_NAMES,
    REJECTED,
    TRACKS,
    Known,
    judged,
    known,
    score,
    told,
)
from testkit.realdata import real_file

#: The tables hold no more covers for workouts.
FEW = {"workout_cover": 17}


def test_there_are_enough_of_each_label_and_of_their_look_alikes() -> None:
    tracks = judged()
    assert len(tracks) >= 600
    assert len({track.track_id for track in tracks}) == len(tracks)
    counts = Counter(label for track in tracks for label in track.labels)
    assert set(counts) == set(Label)
    assert all(count >= FEW.get(label, 30) for label, count in counts.items()), counts
    alike = Counter(track.look_alike_of for track in tracks if track.look_alike_of)
    assert alike.total() >= 200
    assert set(alike) == set(Label)
    assert not any(track.look_alike_of in track.labels for track in tracks)
    assert 0.45 < sum(track.odd for track in tracks) / len(tracks) < 0.55


@pytest.fixture(scope="module")
def tracks() -> list[Known]:
    return known(real_file(TRACKS).parents[1])


@pytest.mark.realdata
def test_every_judged_track_is_in_the_tables(tracks: list[Known]) -> None:
    assert [track.judged for track in tracks] == judged()


@pytest.mark.realdata
@pytest.mark.parametrize("odd", [False, True])
def test_what_is_rejected_deserves_it_and_little_escapes(tracks: list[Known], odd: bool) -> None:
    half = [track for track in tracks if track.judged.odd is odd]
    reached = score(half, lambda each: told(each.track), REJECTED)
    assert reached.precision >= LEAST_PRECISION, [each.track for each in reached.wrong]
    assert reached.recall >= LEAST_RECALL
    by_names = score(half, lambda each: labels_of(each.named), REJECTED)
    assert by_names.precision >= LEAST_PRECISION, [each.track for each in by_names.wrong]
    assert by_names.recall >= LEAST_RECALL_BY_NAMES


@pytest.mark.realdata
def test_the_public_cases() -> None:
    cases = YamlFile(real_file("../cases/content.yaml")).data
    wrong = []
    for case in cases:
        track = Track(
            str(case["title"]),
            tuple(map(str, case["artists"])),
            str(case.get("album", "")),
            tuple(case["genres"]) if "genres" in case else None,
            _features(case["f"]) if "f" in case else None,
        )
        found = set(labels_of(track))
        # An empty list means: none of those that reject or come last.
        if found != set(case["labels"]) and (case["labels"] or found - {Label.LIVE}):
            wrong.append((case, found))
    assert not wrong
    assert len(cases) > 30


def _features(given: dict[str, float]) -> Features:
    names = {field.name for field in fields(Features)}
    return Features(**{name: value for name, value in given.items() if name in names})
