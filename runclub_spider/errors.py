"""What can go wrong, grouped by what the person at the terminal should do about it.

Every class carries the exit code of the outside contract. The message is one line that names
the culprit and the cure; commands print it and stop, without a traceback.
"""

from __future__ import annotations


class RunclubError(Exception):
    """Root of all expected failures; raised through its subclasses only."""

    exit_code = 1


class ConfigurationError(RunclubError):
    """Settings, arguments, files or store cannot be used; found before the first request."""

    exit_code = 2


class StoreError(ConfigurationError):
    """The store is corrupt, newer than this code, or not a store; raised when it is opened."""


class StoreWriteError(RunclubError):
    """The disk is full, read-only or gone while writing; what was committed stays usable."""


class StoreTaken(StoreWriteError):
    """Another run holds the store by now: this one's hold was lost with its connection."""

    exit_code = 75


class GateFailed(RunclubError):
    """A quality gate refused the release; `export/latest` is untouched."""

    exit_code = 3


class RunPaused(RunclubError):
    """The run is incomplete and the same command resumes it (quota, long Retry-After).

    `until` is the moment (epoch seconds) before which it need not be tried, if one is known.
    """

    exit_code = 75

    def __init__(self, message: str, until: float | None = None) -> None:
        super().__init__(message)
        self.until = until
