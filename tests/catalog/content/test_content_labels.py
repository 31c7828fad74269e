"""The tracks that a person judged: enough of each kind, each of them in the tables."""

from __future__ import annotations

from collections import Counter

import pytest

from testkit.content_labels import TRACKS, judged, worded
from testkit.realdata import real_file

LABELS = {
    *("karaoke", "tribute", "rendition", "noise", "spoken", "altered", "dj_mix", "workout_cover"),
    *("instrumental", "live", "medley", "holiday", "children"),
}
#: The tables hold no more covers for workouts.
FEW = {"workout_cover": 17}


def test_there_are_enough_of_each_label_and_of_their_look_alikes() -> None:
    tracks = judged()
    assert len(tracks) >= 600
    assert len({track.track_id for track in tracks}) == len(tracks)
    counts = Counter(label for track in tracks for label in track.labels)
    assert set(counts) == LABELS
    assert all(count >= FEW.get(label, 30) for label, count in counts.items()), counts
    alike = Counter(track.look_alike_of for track in tracks if track.look_alike_of)
    assert alike.total() >= 200
    assert set(alike) == LABELS
    assert not any(track.look_alike_of in track.labels for track in tracks)
    assert 0.45 < sum(track.odd for track in tracks) / len(tracks) < 0.55


@pytest.mark.realdata
def test_every_judged_track_is_in_the_tables() -> None:
    known = worded(real_file(TRACKS).parents[1])
    assert [track for track in judged() if track.track_id not in known] == []
