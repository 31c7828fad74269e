"""Requests that were given up before they were sent; light, for whoever has to know one."""

from __future__ import annotations

from scrapy.exceptions import IgnoreRequest


class NotSent(IgnoreRequest):
    """A request that was given up; `cause` says why. Quiet: errbacks and workers handle it."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class NoToken(IgnoreRequest):
    """There is no token to be had; the run's outcome says why."""
