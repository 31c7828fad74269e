"""`scrapy diff A B`: what changed between two releases, and why."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Reads two release folders and nothing else; 0 compared, equal or not, 2 no such release."""

    usage = "[--format json] A B"
    summary = "Show what changed between two releases (folders, versions or `latest`)"
    arity = 2, 2
    wants = "name two releases: scrapy diff A B"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """How to print it."""
        super().add_options(parser)
        parser.add_argument(
            "--format",
            choices=("text", "json"),
            default="text",
            help="text (the default) shows at most 20 tracks of each kind, json all of them",
        )

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:
        """Compare them and print what changed."""
        from runclub_spider.console.diff import diff

        diff(self.config(), *args, as_json=opts.format == "json")
