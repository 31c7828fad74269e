"""Pages that are stored together: all of them, in their order, and none behind a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.plays import PlayCounts
from runclub_spider.spiders.portions import Held
from runclub_spider.spiders.together import Together
from runclub_spider.store.songs.ingest import Ingested


class Storing:
    """A store of pages that are told apart by the length of their rows."""

    def __init__(self, turns: int = 0, fails_at: int | None = None) -> None:
        self.groups: list[list[int]] = []
        self.begun = asyncio.Event()
        self._turns, self._fails_at = turns, fails_at

    async def __call__(self, pages: Sequence[Held]) -> Sequence[Ingested]:
        names = [len(page.rows) for page in pages]
        self.begun.set()
        for _ in range(self._turns):
            await asyncio.sleep(0)
        if self._fails_at in names:
            raise OSError("the disk is full")
        self.groups.append(names)
        return [Ingested(PlayCounts(fetched=name)) for name in names]

    @property
    def stored(self) -> list[int]:
        return [name for group in self.groups for name in group]


def a_page(name: int) -> Held:
    return Held([None] * name, None)  # type: ignore[list-item]


@given(
    pauses=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    turns=st.integers(0, 9),
    ends=st.sets(st.integers(0, 59)),
)
def test_every_page_once_and_in_order(pauses: list[int], turns: int, ends: set[int]) -> None:
    async def reading() -> None:
        together = Together(storing)
        for name, pause in enumerate(pauses):
            for _ in range(pause):
                await asyncio.sleep(0)
            await together.add(a_page(name))
            if name in ends:
                done = await together.all()
                assert done.counts.fetched == name
                assert storing.stored == list(range(name + 1))
        await together.all()

    storing = Storing(turns)
    asyncio.run(reading())
    assert storing.stored == list(range(len(pauses)))
    assert max(map(len, storing.groups)) <= 16


def test_a_page_waits_for_no_other_for_long() -> None:
    async def reading() -> None:
        together = Together(storing)
        await together.add(a_page(1))
        await together.add(a_page(2))
        assert storing.groups == []
        await storing.begun.wait()
        await together.add(a_page(3))
        await together.all()

    storing = Storing()
    asyncio.run(asyncio.wait_for(reading(), 10))
    assert storing.groups == [[1, 2], [3]]


@pytest.mark.parametrize("turns", [0, 5])
def test_nothing_behind_a_failure_is_stored(turns: int) -> None:
    async def reading() -> None:
        together = Together(storing)
        try:
            for name in range(60):
                await together.add(a_page(name))
                await asyncio.sleep(0)
        finally:
            # What a reading does at its end, whatever ends it.
            await together.all()

    storing = Storing(turns, fails_at=20)
    with pytest.raises(OSError, match="the disk is full"):
        asyncio.run(reading())
    assert storing.stored == list(range(storing.stored[-1] + 1))
    assert storing.stored[-1] < 20
