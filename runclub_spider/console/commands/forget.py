"""`scrapy forget`: removes tracks and never takes them up again."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Writes a tombstone that survives every further crawl."""

    usage = "--track ID | --artist ID | --isrc CODE"
    summary = "Remove tracks from the store for good (tombstone)"
    wants = "name one thing to forget: --track ID, --artist ID or --isrc CODE"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Exactly one of three."""
        super().add_options(parser)
        group = parser.add_argument_group("what to forget")
        group.add_argument("--track", metavar="ID", help="a Spotify track id")
        group.add_argument("--artist", metavar="ID", help="a Spotify artist id: all its tracks")
        group.add_argument("--isrc", metavar="CODE", help="an ISRC: all its editions")

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 done, 2 wrong use."""
        from runclub_spider.console.forget import forget

        named = {kind: getattr(opts, kind) for kind in ("track", "artist", "isrc")}
        given = [(kind, value) for kind, value in named.items() if value]
        if len(given) != 1:
            self.refuse(args)
        print(forget(self.config(), *given[0]))
