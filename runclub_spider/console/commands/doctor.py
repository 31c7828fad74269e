"""`scrapy doctor`: what works, what does not, and what to do."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Probes keys, regime, APIs, store and disk with fewer than ten requests."""

    summary = "Say what works, what does not, and what to do (fewer than 10 requests)"

    def perform(self, args: list[str], opts: argparse.Namespace) -> int:  # noqa: ARG002
        """Exit 0 usable, 2 something must be mended, 75 wait and try again, 1 anything else."""
        from runclub_spider.console.doctor import examine

        assert self.settings is not None
        return examine(self.config(), self.settings["USER_AGENT"])
