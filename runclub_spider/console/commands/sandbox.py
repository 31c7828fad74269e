"""``scrapy sandbox``: serves the offline twin of the APIs until stopped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyCommand

if TYPE_CHECKING:
    import argparse


class Command(ScrapyCommand):
    """Thin door to :func:`runclub_sandbox.server.run`."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """What the help shows after the command's name."""
        return "[options]"

    def short_desc(self) -> str:
        """The line in Scrapy's list of commands."""
        return "Serve the offline twin of the APIs on 127.0.0.1 until stopped"

    def long_desc(self) -> str:
        """The help's text."""
        return (
            "Serves Spotify (accounts and Web API), ReccoBeats, KEXP, MusicBrainz and "
            "ListenBrainz with made-up data, or with the real test tables of --data, over plain "
            "HTTP on 127.0.0.1; answers are packed and framed in changing ways, as the world's "
            "servers do it. Prints the environment to export. Stop it with Ctrl-C."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Adds the sandbox's flags."""
        from runclub_sandbox.options import add_arguments

        super().add_options(parser)
        add_arguments(parser)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Serves; exit code 2 for wrong options or a taken port."""
        from runclub_sandbox.options import OptionError, from_namespace

        try:
            if args:
                raise OptionError(f"unexpected argument {args[0]!r}")
            options = from_namespace(opts)
        except OptionError as problem:
            print(f"sandbox: {problem}", file=sys.stderr)
            self.exitcode = 2
            return
        from runclub_sandbox.server import run

        self.exitcode = run(options)
