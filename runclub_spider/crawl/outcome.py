"""How a run went: the worst of what was reported, and the exit code that follows."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from runclub_spider.crawl import faults
from runclub_spider.errors import RunclubError
from runclub_spider.terminal import folded

logger = logging.getLogger(__name__)

FINISHED, PAUSED, INCOMPLETE, INTERRUPTED, FAILED = (
    "finished",
    "paused",
    "incomplete",
    "interrupted",
    "failed",
)
_RANK = (FINISHED, INCOMPLETE, PAUSED, INTERRUPTED, FAILED)
_EXIT = {FINISHED: 0, INCOMPLETE: 75, PAUSED: 75, INTERRUPTED: 75, FAILED: 1}


@dataclass(slots=True)
class Outcome:
    """The worst report wins; the exit code follows from it."""

    result: str = FINISHED
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resume_at: float | None = None
    exit_code: int | None = None
    release: str | None = None
    #: Whether stdout belongs to rows (`-o -`): what is told goes to stderr then.
    aside: bool = False
    #: Called when something ends the run.
    when_ended: list[Callable[[], None]] = field(default_factory=list)
    _broken: bool = False

    def report(
        self,
        result: str,
        reason: str,
        *,
        resume_at: float | None = None,
        exit_code: int | None = None,
    ) -> None:
        """Record that something kept the run from finishing, once per reason."""
        if _RANK.index(result) > _RANK.index(self.result):
            self.result = result
        if reason not in self.reasons:
            self.reasons.append(reason)
        if resume_at is not None:
            self.resume_at = max(self.resume_at or 0, resume_at)
        if exit_code is not None:
            self.exit_code = exit_code

    def note(self, text: str) -> None:
        """Say something the person should know, once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def stream(self) -> TextIO:
        """Where a person reads of the run."""
        return sys.stderr if self.aside else sys.stdout

    def tell(self, line: str) -> None:
        """Say something at once."""
        print(folded(line, self.stream), file=self.stream, flush=True)

    def failed(self, error: RunclubError) -> None:
        """Something that ends the run: told once, without a traceback."""
        self.report(FAILED, str(error), exit_code=error.exit_code)
        self._end()

    def broke(self, error: BaseException) -> None:
        """An exception that nobody expected ends the run; the first of them is told."""
        if isinstance(error, RunclubError):
            self.failed(error)
            return
        logger.debug("a fault of this program", exc_info=error)
        if not self._broken:
            self._broken = True
            self.report(FAILED, faults.report(error))
        self._end()

    def _end(self) -> None:
        for listener in self.when_ended:
            listener()

    @property
    def ended(self) -> bool:
        """Whether something has ended the run: nothing more is to be asked."""
        return self.result == FAILED

    @property
    def code(self) -> int:
        """The process exit code of the contract."""
        return _EXIT[self.result] if self.exit_code is None else self.exit_code
