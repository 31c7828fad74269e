"""`scrapy explain WHAT`: why a track is in the release or out of it."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Reads the store; sends nothing and changes nothing."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """Arguments, for `-h`."""
        return 'ID | ISRC | "ARTIST – TITLE"'

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Say why a track is in or out: sources, rules, duplicates, cell (no request)"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0 answered, be the track known or not; 2 wrong use or no usable store."""
        what = " ".join(args).strip()
        if not what:
            raise UsageError('name a Spotify track id, an ISRC, or "artist – title"')
        assert self.settings is not None
        from runclub_spider.console.explain import explain
        from runclub_spider.errors import RunclubError

        try:
            explain(self.settings, what)
        except RunclubError as error:
            print(f"scrapy explain: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
