"""`scrapy sandbox`: serves the offline twin of the APIs until stopped."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand
from runclub_spider.errors import ConfigurationError


class Command(ProjectCommand):
    """The door to a package that knows nothing of this one."""

    usage = "[options]"
    summary = "Serve the offline twin of the APIs on 127.0.0.1 until stopped"
    description = (
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

    def perform(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0 after a clean stop, 2 for wrong options or a taken port."""
        from runclub_sandbox.options import OptionError, from_namespace
        from runclub_sandbox.server import run

        try:
            run(from_namespace(opts))
        except OptionError as error:
            raise ConfigurationError(str(error)) from None
