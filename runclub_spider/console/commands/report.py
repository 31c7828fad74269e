"""`scrapy report [DIR]`: the HTML report of a release."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Prints where the report is, or writes it anew from the manifest."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """Arguments, for `-h`."""
        return "[DIR]"

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Show where a release's report is (default: export/latest)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Where to write instead."""
        super().add_options(parser)
        parser.add_argument(
            "-o", dest="file", metavar="FILE", help="write the report to FILE, from the manifest"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 done, 2 there is no such release."""
        if len(args) > 1:
            raise UsageError("name one release folder: scrapy report [DIR]")
        assert self.settings is not None
        from runclub_spider.config import Config
        from runclub_spider.errors import RunclubError
        from runclub_spider.publish.write.report import find, write
        from runclub_spider.text import printable

        try:
            folder = (
                Path(args[0]) if args else Config.from_settings(self.settings).export_dir / "latest"
            )
            found = write(folder, Path(opts.file)) if opts.file else find(folder)
            print(printable(str(found)))
        except RunclubError as error:
            print(f"scrapy report: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
