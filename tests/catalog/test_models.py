"""What the catalogue is made of."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from runclub_spider.catalog.models import Row, RowKind
from testkit.making import a_playlist, a_track, an_artist, an_id, features


@pytest.mark.parametrize(
    ("tempo", "energy", "usable"),
    [(120.0, 0.5, True), (120.0, 0.0, True), (None, 0.5, False), (120.0, None, False)],
)
def test_usable_features(tempo: float | None, energy: float | None, usable: bool) -> None:
    assert features(an_id(1), tempo=tempo, energy=energy).usable is usable


def test_usable_does_not_need_the_rest() -> None:
    row = features(an_id(1), key=None, mode=None, valence=None, loudness=None, danceability=None)
    assert row.usable


@pytest.mark.parametrize(
    "record",
    [a_track(1), an_artist(1), a_playlist(1), features(an_id(1)), Row(0, RowKind.NULL)],
    ids=lambda record: type(record).__name__,
)
def test_records_are_values(record: object) -> None:
    field = fields(record)[0].name  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(record, field, "other")
    assert not hasattr(record, "__dict__")
    assert hash(record) is not None


def test_row_kinds_are_a_closed_list() -> None:
    assert {str(kind) for kind in RowKind} == {"track", "episode", "local", "null", "unknown"}


@pytest.mark.parametrize(
    ("changes", "categories"),
    [
        ({}, ("track",)),
        ({"restriction": "market"}, ("track", "restricted")),
        ({"linked_from": an_id(2)}, ("track", "relinked")),
        (
            {"restriction": "explicit", "linked_from": an_id(2)},
            ("track", "restricted", "relinked"),
        ),
    ],
)
def test_what_is_said_of_a_row(changes: dict[str, str], categories: tuple[str, ...]) -> None:
    assert Row(0, RowKind.TRACK, a_track(1, **changes)).categories == categories


@pytest.mark.parametrize("kind", [kind for kind in RowKind if kind is not RowKind.TRACK])
def test_a_row_without_a_track_is_its_kind(kind: RowKind) -> None:
    assert Row(0, kind).categories == (str(kind),)
