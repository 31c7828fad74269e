"""`scrapy seeds`: the plan of searches before a request is sent, and what it would cost."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Expands the templates; sends nothing, needs neither key nor store."""

    usage = "[options]"
    summary = "Show or export the plan of searches, and what it would cost (no request)"

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

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0 shown, 2 wrong options, settings or seed files."""
        from runclub_spider.console.seeds import Look, show

        look = Look(opts.format, opts.family, opts.kind, opts.thin, opts.output)
        show(self.config(), look)
