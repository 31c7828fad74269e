"""`scrapy publish`: the store into a release, without a crawl."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Publishes what the store holds."""

    summary = "Make a release of what the store holds (no request)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """The command's own options."""
        super().add_options(parser)
        parser.add_argument(
            "--accept",
            metavar='GATE="reason"',
            action="append",
            default=[],
            help="publish although this gate fails; the manifest records the reason (repeatable)",
        )

        # Scrapy's own option of that name writes what took time; here it is the release's.
        parser.add_argument(
            "--profile",
            dest="fields",
            metavar="full|ids|open",
            default="full",
            help="which fields it may hold; ids and open go to folders of their own",
        )
        parser.set_defaults(profile=None)
        parser.add_argument(
            "--engine",
            metavar="local|dask",
            help="where it is computed, with the same bytes: this machine's processes, or Dask",
        )
        parser.add_argument(
            "--scheduler",
            metavar="URL",
            help="of a Dask scheduler: tcp://10.0.0.5:8786; without, one of its own is started",
        )

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0 done or nothing to do, 3 a gate refused it, 2 it cannot be done."""
        from runclub_spider.console.publish import publish

        print(publish(self.config(), opts.accept, opts.fields, opts.engine, opts.scheduler))
