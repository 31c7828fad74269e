"""The files of a part: a row at fault costs itself, wherever in a block it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from runclub_spider.publish.write.part import TRACKS, WIDE, Chosen, Share, Shared, write_part
from testkit.making import an_id
from testkit.release_factory import SCHEMAS
from tests.publish.write.test_quarantine import Wide

# Damage goes into SQLite's file, behind the gate.
pytestmark = pytest.mark.sqlite

SHARED = Shared(
    market="US",
    primary=("US",),
    tags=True,
    durations=(0, 360_000),
    lists={},
    terms={},
    document=json.loads((SCHEMAS / "catalog_wide.schema.json").read_bytes()),
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Wide]:
    made = Wide(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("wrong", [(), (0,), (8,), (3, 4), (0, 1, 7), tuple(range(9))], ids=str)
def test_all_but_the_rows_at_fault_are_written(wrong: tuple[int, ...], shop: Wide) -> None:
    shop.fill(range(9))
    ids = sorted(map(an_id, range(9)))
    shop.damage(*((number, "track", "updated_at", -number - 1) for number in wrong))
    said = (("Rock", "70s"), ("Rock",), "vote", 9000, 7, None, (), (), (), ())
    tracks = Chosen(ids, *([value] * len(ids) for value in said))
    share = Share(shop.root / "part", tracks)
    with shop.store.reading() as connection:
        written = write_part(connection, share, SHARED)
    assert written.faults == {
        an_id(number): f"ValueError: updated_at is {-number - 1}, "
        "not a whole number of 0 to 4102444800"
        for number in wrong
    }
    sound = [one for one in ids if one not in written.faults]
    assert written.tracks == len(sound)
    for name, key in ((WIDE, "spotify_track_id"), (TRACKS, "id")):
        lines = (share.folder / name).read_bytes().splitlines()
        assert [orjson.loads(line)[key] for line in lines] == sound
