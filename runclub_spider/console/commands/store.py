"""`scrapy store copy URL`: the whole store into another database."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand
from runclub_spider.errors import ConfigurationError


class Command(ProjectCommand):
    """Copies the store; the one that is configured is not changed."""

    usage = "copy URL"
    summary = "Copy the whole store into another, empty database (no request)"
    description = (
        "Copies the store that DATABASE_URL or CACHE_DIR names into an empty database, between "
        "SQLite and PostgreSQL, each to each. URL is sqlite:///songs.sqlite or "
        "postgresql://user@host/name; leave a password to PGPASSWORD or ~/.pgpass, where no other "
        "user sees it. No run may use the store meanwhile."
    )
    arity = 2, 2
    wants = "say what to do, and where to: scrapy store copy URL"

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0 done, 2 the target is not empty or cannot be used, 75 a run holds the store."""
        from runclub_spider.console.store import copy

        what, url = args
        if what != "copy":
            raise ConfigurationError(f"cannot {what!r} a store: {self.wants}")
        print(copy(self.config(), url))
