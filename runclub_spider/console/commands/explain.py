"""`scrapy explain WHAT`: why a track is in the release or out of it."""

from __future__ import annotations

import argparse
import math

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Reads the store; sends nothing and changes nothing."""

    usage = 'ID | ISRC | "ARTIST – TITLE"'
    summary = "Say why a track is in or out: sources, rules, duplicates, cell (no request)"
    arity = 1, math.inf
    wants = 'name a Spotify track id, an ISRC, or "artist – title"'

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0 answered, be the track known or not; 2 wrong use or no usable store."""
        from runclub_spider.console.explain import explain

        what = " ".join(args).strip()
        if not what:
            self.refuse(args)
        explain(self.config(), what)
