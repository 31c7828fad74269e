"""`scrapy status`: what the store holds, what is open, and when the APIs may be asked again."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Reads the store and sends nothing; only `--lift` changes something."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Show coverage grid, ledgers, quota, resume time and releases"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """The command's own options."""
        super().add_options(parser)
        parser.add_argument(
            "--lift",
            metavar="API",
            help="end a refusal before its time: an API as shown here, API:FAMILY, or all",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0, 2 when there is no usable store or no such API, 75 when a run holds it."""
        if args:
            raise UsageError("scrapy status takes no argument")
        assert self.settings is not None
        from runclub_spider.console.status import lift, show
        from runclub_spider.errors import RunclubError

        try:
            if opts.lift is None:
                show(self.settings)
            else:
                lift(self.settings, opts.lift)
        except RunclubError as error:
            print(f"scrapy status: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
