"""`scrapy diff A B`: what changed between two releases, and why."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Reads two release folders and nothing else."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """Arguments, for `-h`."""
        return "[--format json] A B"

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Show what changed between two releases (folders, versions or `latest`)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """How to print it."""
        super().add_options(parser)
        parser.add_argument(
            "--format",
            choices=("text", "json"),
            default="text",
            help="text (the default) shows at most 20 tracks of each kind, json all of them",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 compared, equal or not; 2 wrong use or no such release."""
        if len(args) != 2:
            raise UsageError("name two releases: scrapy diff A B")
        assert self.settings is not None
        from runclub_spider.console.diff import diff
        from runclub_spider.errors import RunclubError

        try:
            diff(self.settings, *args, as_json=opts.format == "json")
        except RunclubError as error:
            print(f"scrapy diff: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
