"""`scrapy forget`: removes tracks and never takes them up again."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Writes a tombstone that survives every further crawl."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """Arguments, for `-h`."""
        return "--track ID | --artist ID | --isrc CODE"

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Remove tracks from the store for good (tombstone)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Exactly one of three."""
        super().add_options(parser)
        group = parser.add_argument_group("what to forget")
        group.add_argument("--track", metavar="ID", help="a Spotify track id")
        group.add_argument("--artist", metavar="ID", help="a Spotify artist id: all its tracks")
        group.add_argument("--isrc", metavar="CODE", help="an ISRC: all its editions")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 done, 2 wrong use."""
        given = {name: getattr(opts, name) for name in ("track", "artist", "isrc")}
        given = {name: value for name, value in given.items() if value}
        if args or len(given) != 1:
            raise UsageError("name one thing to forget: --track ID, --artist ID or --isrc CODE")
        assert self.settings is not None
        from runclub_spider.console.forget import forget
        from runclub_spider.errors import RunclubError

        ((kind, value),) = given.items()
        try:
            print(forget(self.settings, kind, value))
        except RunclubError as error:
            print(f"scrapy forget: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
