"""`scrapy auth`: the one-time consent; keeps the refresh token."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Authorization Code with PKCE over 127.0.0.1."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Let a user consent once; keeps the refresh token for unattended runs"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Ways to consent."""
        super().add_options(parser)
        group = parser.add_argument_group("consent")
        group.add_argument(
            "--paste",
            action="store_true",
            help="print the address and ask for the one the browser ends at (no browser here)",
        )
        group.add_argument(
            "--no-browser", action="store_true", help="print the address, open nothing"
        )
        group.add_argument(
            "--timeout", type=_seconds, default=300.0, metavar="S", help="seconds to wait (300)"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 kept, 2 refused or wrong, 75 the service is away, 1 stopped."""
        if args:
            raise UsageError("scrapy auth takes no argument")
        assert self.settings is not None
        from runclub_spider.console.auth import authorize
        from runclub_spider.errors import RunclubError

        try:
            print(
                authorize(
                    self.settings,
                    paste=opts.paste,
                    browser=not opts.no_browser,
                    timeout=opts.timeout,
                )
            )
        except RunclubError as error:
            print(f"scrapy auth: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
        except KeyboardInterrupt:
            print("scrapy auth: stopped; nothing was kept", file=sys.stderr)
            self.exitcode = 1


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 86_400:
        raise argparse.ArgumentTypeError("must be seconds, above 0 and below a day")
    return seconds
