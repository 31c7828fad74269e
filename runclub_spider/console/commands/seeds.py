"""`scrapy seeds`: the plan of searches before a request is sent, and what it would cost."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import ClassVar

from scrapy.commands import ScrapyCommand

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Expands the templates; sends nothing, needs neither key nor store."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """Arguments, for `-h`."""
        return "[options]"

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Show or export the plan of searches, and what it would cost (no request)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """What of the plan, and in what form."""
        super().add_options(parser)
        group = parser.add_argument_group("the plan")
        group.add_argument(
            "--format", default="table", metavar="FORM", help="table (default), json or csv"
        )
        group.add_argument("--family", metavar="NAME", help="one seed family only")
        group.add_argument("--kind", metavar="KIND", help="track or playlist searches only")
        group.add_argument(
            "--thin",
            action="store_true",
            help="only seeds that may fill a cell (umbrella and decade) below CELL_MINIMUM",
        )
        group.add_argument("--output", metavar="FILE", help="write to FILE instead of stdout")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 shown, 2 wrong options, settings or seed files."""
        assert self.settings is not None
        from runclub_spider.console.seeds import Look, show
        from runclub_spider.errors import ConfigurationError, RunclubError

        try:
            if args:
                raise ConfigurationError(f"there is no option or argument {args[0]!r}; see -h")
            if opts.output == "":
                raise ConfigurationError("--output: an empty path; name a file")
            output = Path(opts.output) if opts.output else None
            show(self.settings, Look(opts.format, opts.family, opts.kind, opts.thin, output))
        except RunclubError as error:
            print(f"scrapy seeds: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
