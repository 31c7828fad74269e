"""The store's own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.config import Config
from runclub_spider.store.db import meta, thread
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.thread import MOST_TOGETHER, Behind, Chain, StoreThread


def test_work_runs_in_order_off_the_event_loop(store: Store) -> None:
    thread = StoreThread(store)
    seen: list[int] = []
    threads: set[int] = set()

    def work(number: int) -> int:
        seen.append(number)
        threads.add(threading.get_ident())
        return number

    async def go() -> list[int]:
        return await asyncio.gather(*(thread.run(lambda _c, n=n: work(n)) for n in range(20)))

    assert asyncio.run(go()) == list(range(20))
    assert seen == list(range(20))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    thread.close()


def test_an_error_rolls_back_and_comes_out(store: Store) -> None:
    thread = StoreThread(store)

    def fails(connection: sa.Connection) -> None:
        meta.put(connection, "a", "1")
        raise KeyError("bug")

    async def go() -> str | None:
        with pytest.raises(KeyError):
            await thread.run(fails)
        return await thread.run(lambda c: meta.get(c, "a"))

    assert asyncio.run(go()) is None
    thread.close()


def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    thread = StoreThread(Store.open(config))

    async def go() -> None:
        for number in range(20):
            task = asyncio.ensure_future(thread.run(lambda c, n=number: meta.put(c, f"k{n}", "1")))
            await asyncio.sleep(0)
        thread.close()
        await task

    asyncio.run(go())
    store = Store.open(config)
    with store.begin() as connection:
        assert all(meta.get(connection, f"k{number}") for number in range(20))
    store.close()


# Units that share a transaction


class Commits:
    """Counts the commits of a store."""

    def __init__(self, store: Store) -> None:
        self.number = 0
        sa.event.listen(store.engine, "commit", self._count)

    def _count(self, _: sa.Connection) -> None:
        self.number += 1


@pytest.fixture
def patient(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreThread]:
    """Waits for company until it is hurried."""
    monkeypatch.setattr(thread, "LONGEST_UNCOMMITTED", 3600.0)
    found = StoreThread(store)
    yield found
    found.close()


def put(key: str) -> Callable[[sa.Connection], str]:
    def work(connection: sa.Connection) -> str:
        meta.put(connection, key, "1")
        return key

    return work


def fail(connection: sa.Connection) -> None:
    """Leaves something behind, were it not rolled back."""
    meta.put(connection, "bad", "1")
    raise KeyError("bug")


def refused(connection: sa.Connection) -> None:
    """What the database itself refuses: on a server the transaction is of no use any more."""
    connection.execute(sa.text("INSERT INTO meta (key) VALUES ('no value')"))


def stored(store: Store) -> set[str]:
    with store.reading() as connection:
        return set(meta.starting_with(connection, ""))


async def outcomes(futures: list[asyncio.Future[str]]) -> list[object]:
    return await asyncio.gather(*futures, return_exceptions=True)


def test_units_that_wait_share_a_commit(patient: StoreThread) -> None:
    commits = Commits(patient.store)

    async def go() -> list[object]:
        futures = [patient.share(put(f"k{n}")) for n in range(MOST_TOGETHER + 4)]
        patient.hurry()
        return await outcomes(futures)

    assert asyncio.run(go()) == [f"k{n}" for n in range(MOST_TOGETHER + 4)]
    assert commits.number == 2


def test_without_time_nobody_shares(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "LONGEST_UNCOMMITTED", 0.0)
    mine, commits = StoreThread(store), Commits(store)

    async def go() -> None:
        await outcomes([mine.share(put(f"k{n}")) for n in range(5)])

    asyncio.run(go())
    mine.close()
    assert commits.number == 5


def test_no_unit_is_told_done_before_its_commit(patient: StoreThread) -> None:
    worked = threading.Event()

    def work(connection: sa.Connection) -> str:
        meta.put(connection, "k", "1")
        worked.set()
        return "done"

    async def go() -> None:
        future = patient.share(work)
        await asyncio.to_thread(worked.wait)
        await asyncio.sleep(0)
        assert not future.done()
        assert "k" not in stored(patient.store)
        patient.hurry()
        assert await future == "done"
        assert "k" in stored(patient.store)

    asyncio.run(go())


def test_what_cannot_share_ends_the_waiting(patient: StoreThread) -> None:
    """It sees what was handed in before it, and nothing that came behind."""
    commits = Commits(patient.store)

    async def go() -> tuple[str | None, str | None]:
        before = patient.share(put("before"))
        looked = asyncio.ensure_future(
            patient.run(lambda c: (meta.get(c, "before"), meta.get(c, "after")))
        )
        await asyncio.sleep(0)
        after = patient.share(put("after"))
        patient.hurry()
        await outcomes([before, after])
        return await looked

    assert asyncio.run(go()) == ("1", None)
    assert commits.number == 3


def test_a_hurry_that_nobody_needs_hurries_nobody_later(patient: StoreThread) -> None:
    commits = Commits(patient.store)

    async def go() -> None:
        for _ in range(3):
            patient.hurry()
        both = [patient.share(put("a")), patient.share(put("b"))]
        patient.hurry()
        await outcomes(both)

    asyncio.run(go())
    assert commits.number == 1


def test_a_unit_that_is_given_up_before_its_turn_is_not_done(patient: StoreThread) -> None:
    going = threading.Event()

    async def go() -> None:
        busy = asyncio.ensure_future(patient.run(lambda _: going.wait()))
        await asyncio.sleep(0)
        kept, given_up = patient.share(put("kept")), patient.share(put("given up"))
        given_up.cancel()
        await asyncio.sleep(0)
        patient.hurry()
        going.set()
        await busy
        assert await kept == "kept"

    asyncio.run(go())
    assert stored(patient.store) >= {"kept"}
    assert "given up" not in stored(patient.store)


def test_an_error_that_comes_once_is_told_and_not_tried_away(patient: StoreThread) -> None:
    calls: list[str] = []

    def once(connection: sa.Connection) -> str:
        calls.append("once")
        if len(calls) == 1:
            raise KeyError("passing")
        return "as if nothing had been"

    async def go() -> list[object]:
        futures = [patient.share(work) for work in (put("a"), once, put("b"))]
        patient.hurry()
        return await outcomes(futures)

    before, failed, after = asyncio.run(go())
    assert (before, after, calls) == ("a", "b", ["once"])
    assert isinstance(failed, KeyError)
    assert stored(patient.store) >= {"a", "b"}


@pytest.mark.parametrize("takes_effect", [True, False])
def test_a_commit_that_fails_is_told_to_all_and_nothing_is_done_twice(
    patient: StoreThread, monkeypatch: pytest.MonkeyPatch, takes_effect: bool
) -> None:
    calls: list[str] = []
    dialect = patient.store.engine.dialect
    commit = dialect.do_commit

    def broken(connection: object) -> None:
        monkeypatch.setattr(dialect, "do_commit", commit)
        if takes_effect:
            commit(connection)  # type: ignore[arg-type]
        raise ValueError("at the commit")

    monkeypatch.setattr(dialect, "do_commit", broken)

    def work(key: str) -> Callable[[sa.Connection], str]:
        def counted(connection: sa.Connection) -> str:
            calls.append(key)
            return put(key)(connection)

        return counted

    async def go() -> list[object]:
        futures = [patient.share(work(key)) for key in "abc"]
        patient.hurry()
        return await outcomes(futures)

    assert [type(one) for one in asyncio.run(go())] == [ValueError] * 3
    assert calls == ["a", "b", "c"]
    assert (
        {"a", "b", "c"} <= stored(patient.store)
        if takes_effect
        else "a" not in stored(patient.store)
    )


class Tally:
    """A ledger: what was noted, and what of it is in the store for good."""

    def __init__(self) -> None:
        self.noted = self.written = self.writing = 0

    def flush(self, connection: sa.Connection) -> None:
        self.writing = self.noted
        before = int(meta.get(connection, "tally") or 0)
        meta.put(connection, "tally", str(before + self.writing - self.written))

    def flushed(self) -> None:
        self.written = self.writing


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(
        st.tuples(st.sampled_from(["good", "bug", "refused"]), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_a_unit_that_fails_costs_only_itself(store: Store, units: list[tuple[str, bool]]) -> None:
    """Against each in a transaction of its own: the same rows, answers, errors and counts."""
    with store.begin() as connection:
        connection.execute(sa.text("DELETE FROM meta"))
    tally = Tally()
    mine = StoreThread(store, tally)
    kinds: dict[str, Callable[[sa.Connection], object]] = {"bug": fail, "refused": refused}

    async def go() -> list[object]:
        futures = []
        for number, (kind, shares) in enumerate(units):
            tally.noted += 1
            work = kinds.get(kind) or put(f"k{number:02}")
            futures.append(mine.share(work) if shares else asyncio.ensure_future(mine.run(work)))
            await asyncio.sleep(0)
        mine.hurry()
        return await outcomes(futures)  # type: ignore[arg-type]

    answers = asyncio.run(go())
    tally.noted += 1
    asyncio.run(last(mine))
    mine.close()
    errors = {"bug": KeyError, "refused": sa.exc.IntegrityError}
    for number, ((kind, _), answer) in enumerate(zip(units, answers, strict=True)):
        if kind == "good":
            assert answer == f"k{number:02}"
        else:
            assert isinstance(answer, errors[kind])
    good = {f"k{number:02}" for number, (kind, _) in enumerate(units) if kind == "good"}
    assert stored(store) == good | {"last", "tally"}
    with store.reading() as connection:
        assert meta.get(connection, "tally") == str(len(units) + 1)


async def last(mine: StoreThread) -> None:
    future = mine.share(put("last"))
    mine.hurry()
    await future


def test_nothing_is_done_behind_what_it_builds_upon(store: Store, patient: StoreThread) -> None:
    chain = Chain()

    async def go() -> list[object]:
        units = [
            patient.share(put("first"), chain),
            patient.share(fail, chain),
            patient.share(put("behind"), chain),
            patient.share(put("another's")),
        ]
        patient.hurry()
        return await asyncio.gather(*units, return_exceptions=True)

    first, failed, behind, other = asyncio.run(go())
    assert (first, other) == ("first", "another's")
    assert isinstance(failed, KeyError)
    assert isinstance(behind, Behind)
    assert stored(store) >= {"first", "another's"}
    assert stored(store).isdisjoint({"bad", "behind"})
