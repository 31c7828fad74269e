"""`scrapy report [DIR]`: the HTML report of a release."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Prints where the report is, or writes it anew from the manifest."""

    usage = "[DIR]"
    summary = "Show where a release's report is (default: export/latest)"
    arity = 0, 1
    wants = "name one release folder: scrapy report [DIR]"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Where to write instead."""
        super().add_options(parser)
        parser.add_argument(
            "-o", dest="file", metavar="FILE", help="write the report to FILE, from the manifest"
        )

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 done, 2 there is no such release."""
        from pathlib import Path

        from runclub_spider.console.report import report

        folder = Path(args[0]) if args else self.config().export_dir / "latest"
        print(report(folder, Path(opts.file) if opts.file else None))
