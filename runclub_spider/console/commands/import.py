"""`scrapy import features FILE`: audio features from elsewhere.

The module bears the name of the command, which Python keeps for itself: Scrapy loads it by name.
"""
# ruff: noqa: N999

from __future__ import annotations

import argparse
import math

from runclub_spider.console.command import ProjectCommand
from runclub_spider.errors import ConfigurationError


class Command(ProjectCommand):
    """Fills what ReccoBeats does not know; sends nothing."""

    usage = "features FILE [FILE …] --key id|isrc|mbid --source NAME --licence TEXT"
    summary = "Import audio features from elsewhere, from CSV, JSONL or Parquet (no request)"
    description = (
        "Imports audio features for tracks that ReccoBeats has none of, or not all: never over a "
        "value of its own, and its answer wins whenever it comes. FILE is .csv, .jsonl (both also "
        ".gz) or .parquet, with the columns of audio_features and one of the key: track_id, isrc "
        "or mbid. Bad rows are named and left out; the same file again changes nothing."
    )
    arity = 2, math.inf
    wants = (
        "say what to import, and from which files: "
        "scrapy import features FILE --key id --source NAME --licence TEXT"
    )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """What the rows are keyed by, and where they come from."""
        super().add_options(parser)
        group = parser.add_argument_group("what the files hold")
        group.add_argument(
            "--key", metavar="KIND", help="rows name tracks by: id (Spotify's), isrc, mbid"
        )
        group.add_argument("--source", metavar="NAME", help="where they are from: acousticbrainz")
        group.add_argument("--licence", metavar="TEXT", help="under which licence: CC0-1.0")

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 done, also with bad rows; 2 wrong use or a file that cannot be read."""
        from pathlib import Path

        from runclub_spider.console.importing import import_features, origin_of

        what, *files = args
        if what != "features":
            raise ConfigurationError(f"cannot import {what!r}: {self.wants}")
        if option := next((one for one in files if one.startswith("-")), None):
            raise ConfigurationError(f"takes no option {option}; see scrapy {self.name} -h")
        config = self.config()
        origin = origin_of(opts.key, opts.source, opts.licence)
        print(import_features(config, [Path(one) for one in files], origin))
