"""`scrapy status`: what the store holds, what is open, and when the APIs may be asked again."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand
from runclub_spider.errors import ConfigurationError


class Command(ProjectCommand):
    """Reads the store and sends nothing; only `--lift` changes something."""

    summary = "Show coverage grid, ledgers, quota, resume time and releases"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """The command's own options."""
        super().add_options(parser)
        parser.add_argument(
            "--lift",
            metavar="API",
            help="end a refusal before its time: an API as shown here, API:FAMILY, or all",
        )

        parser.add_argument(
            "--plan",
            action="store_true",
            help="what a release made now would hold, chosen among all tracks: takes a while",
        )

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0, 2 when there is no usable store or no such API, 75 when a run holds it."""
        from runclub_spider.console.status import lift, show

        if opts.plan and opts.lift is not None:
            raise ConfigurationError("--plan and --lift are two questions; ask one at a time")
        if opts.lift is None:
            show(self.config(), plan=opts.plan)
        else:
            lift(self.config(), opts.lift)
