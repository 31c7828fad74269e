"""What `scrapy store copy` does: look at the target, then copy all rows."""

from __future__ import annotations

from runclub_spider.config import Config
from runclub_spider.errors import RunPaused
from runclub_spider.store.db import copying
from runclub_spider.terminal import on_stderr

_WHAT = "scrapy store copy"


def copy(config: Config, url: str) -> str:
    """Copy the configured store into an empty database; returns one line.

    Raises:
        ConfigurationError: one of the two cannot be used as it is.
        RunPaused: a run holds one of them, or it was interrupted.
    """
    target = copying.target_of(config, url)
    try:
        with on_stderr(_WHAT) as progress:
            return copying.copy(config, target, _WHAT, progress)
    except KeyboardInterrupt:
        raise RunPaused(
            "interrupted; the target holds no row, the same command begins anew"
        ) from None
