"""The rows span by span, on as many processors as there are.

A span says only that nothing is wrong with it, and what it holds. Where anything is wrong
anywhere the files are walked as one, so that what is told of it is the same on every machine.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from operator import eq
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runclub_spider.publish.processes import processes, processors
from runclub_spider.publish.verify.files import DATA_FILES
from runclub_spider.publish.verify.joins import Counts, Told, sound_artists, unlike
from runclub_spider.publish.verify.rows import ID_LENGTH, Policies

if TYPE_CHECKING:
    from runclub_spider.publish.verify.columnar import Span

_log = logging.getLogger(__name__)

#: Rows in a span.
SPAN = 2000
# Of a smaller wide file processes take longer to start than to check their rows.
_WORTH_PROCESSES = 24 << 20
_MOST_PROCESSES = 8
# Pieces of work that a process has at once, so that it need not wait for the next.
_IN_HAND = 2

# What a process hands back: counts, what all must agree about, and the ids of the artists, who are
# as their file has them, one after the other. Or the ids that are in that file.
_Found = tuple[Counts | None, Told | None, str] | None


class SpansOfRows:
    """The rows of a release, and its tables, being checked.

    Args:
        root: The release; its tables are known to be the ones that were hashed.
        policies: What its rows are held against.
        size: Rows in a span.
        executor: Where spans are worked on beside this thread.
        in_hand: Spans that others have at once.
    """

    def __init__(
        self,
        root: Path,
        policies: Policies,
        size: int = SPAN,
        executor: ProcessPoolExecutor | None = None,
        in_hand: int = 0,
    ) -> None:
        # See :func:`ready`.
        from runclub_spider.publish.verify.columnar import split

        spans = split(root, policies.form, size)
        self._policies = policies
        self._possible = spans is not None
        self._works: list[Callable[[], _Found]] = [partial(_artists_of, root, policies)]
        self._works += [partial(_rows_of, root, policies, span) for span in spans or ()]
        # Others take from the front, this thread from the back.
        self._left = deque(range(len(self._works))) if self._possible else deque()
        self._elsewhere: dict[int, Future[_Found]] = {}
        self._lock = threading.Lock()
        if executor is not None:
            for _ in range(in_hand):
                self._hand_out(executor)

    def _hand_out(self, executor: ProcessPoolExecutor, _: object = None) -> None:
        """Give others a piece of work, and the next one when it is done."""
        with self._lock:
            if not self._left:
                return
            try:
                future = executor.submit(self._works[self._left[0]])
            except (BrokenProcessPool, RuntimeError):  # ended; this thread does what is left
                return
            self._elsewhere[self._left.popleft()] = future
        future.add_done_callback(partial(self._hand_out, executor))

    def counts(self) -> Counts | None:
        """What the files hold; None if anything is wrong with them, or may be."""
        if not self._possible:
            return None
        sums = _Sums(len(self._works), self._policies)
        try:
            for number, found in self._found():
                if not sums.take(number, found):
                    return None
        except BrokenProcessPool:
            _log.warning("Other processes cannot work here; verifying takes longer.")
            return None
        finally:
            # Nobody asks for more once the answer is known.
            with self._lock:
                self._left.clear()
            _close()
        return sums.counts()

    def _found(self) -> Iterator[tuple[int, _Found]]:
        """The number and result of each piece of work, as they come."""
        while True:
            with self._lock:
                own = self._left.pop() if self._left else None
            if own is not None:
                yield own, self._works[own]()
            with self._lock:
                known = {future: number for number, future in self._elsewhere.items()}
            if own is None and not known:
                return
            done, _ = wait(known, 0 if own is not None else None, FIRST_COMPLETED)
            for future in done:
                del self._elsewhere[known[future]]
                yield known[future], future.result()


@contextmanager
def begun(root: Path, policies: Policies) -> Iterator[Callable[[], SpansOfRows]]:
    """Start processes on this machine's other processors, where that pays; then begin with rows."""
    others, wide = processors() - 1, root / DATA_FILES[0]
    if not others or not wide.is_file() or wide.stat().st_size < _WORTH_PROCESSES:
        yield partial(SpansOfRows, root, policies)
        return
    others = min(others, _MOST_PROCESSES)
    with processes(others, ready) as executor:
        # One that dies at once is told of when it is asked for work.
        with suppress(BrokenProcessPool):
            for _ in range(others):
                executor.submit(ready)
        yield partial(SpansOfRows, root, policies, SPAN, executor, _IN_HAND * others)


class _Sums:
    """What all spans hold together."""

    def __init__(self, works: int, policies: Policies) -> None:
        self._policies = policies
        self._ids = [b""] * works
        self._sum = Counts()
        self._told = Told()
        self._named = set[str]()
        self._listed = set[str]()

    def take(self, number: int, found: _Found) -> bool:
        """Add the result of a piece of work; False if it is at odds with what is known."""
        if found is None:
            return False
        counts, told, ids = found
        artists = {ids[at : at + ID_LENGTH] for at in range(0, len(ids), ID_LENGTH)}
        if counts is None or told is None:
            self._listed = artists
            return True
        self._named |= artists
        self._ids[number] = bytes(counts.ids)
        self._sum.add(counts)
        known = self._told
        agreed = (
            known.isrcs.isdisjoint(told.isrcs)
            and known.merged.keys().isdisjoint(told.merged)
            and _agree(known.queries, told.queries)
        )
        known.isrcs |= told.isrcs
        for isrc, group in told.sharing.items():
            known.sharing.setdefault(isrc, []).extend(group)
        known.merged |= told.merged
        return agreed

    def counts(self) -> Counts | None:
        """All of them; None if the spans do not fit together."""
        ids = [one for one in self._ids if one]
        in_order = all(one[-ID_LENGTH:] < other[:ID_LENGTH] for one, other in pairwise(ids))
        found = self._sum
        found.ids = bytearray().join(ids)
        found.lines[DATA_FILES[3]] = len(self._listed)
        apart = not any(map(found.holds, self._told.merged))
        apart = apart and not any(unlike(self._told, self._policies))
        return found if in_order and apart and self._named == self._listed else None


def _agree(known: dict[str, Any], more: dict[str, Any]) -> bool:
    """Whether nothing is known otherwise already; what is new is taken."""
    return all(map(eq, map(known.setdefault, more, more.values()), more.values()))


def _rows_of(root: Path, policies: Policies, span: Span) -> _Found:
    from runclub_spider.publish.verify.columnar import sound_span

    found = sound_span(root, policies, span)
    if found is None:
        return None
    counts, told = found
    artists, told.artists = told.artists, {}
    return counts, told, "".join(artists)


def _artists_of(root: Path, policies: Policies) -> _Found:
    found = sound_artists(root, policies)
    return None if found is None else (None, None, "".join(found))


def ready() -> None:
    """Import what spans need: a tenth of a second, which other processes begin with before."""
    import runclub_spider.publish.verify.columnar  # noqa: F401


def _close() -> None:
    from runclub_spider.publish.verify.columnar import forget_files

    forget_files()
