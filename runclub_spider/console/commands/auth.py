"""`scrapy auth`: the one-time consent; keeps the refresh token."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Authorization Code with PKCE over 127.0.0.1."""

    summary = "Let a user consent once; keeps the refresh token for unattended runs"

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

    def perform(self, args: list[str], opts: argparse.Namespace) -> int | None:  # noqa: ARG002
        """Exit 0 kept, 2 refused or wrong, 75 the service is away, 1 stopped."""
        from runclub_spider.console.auth import authorize

        browser = not opts.no_browser
        try:
            print(authorize(self.config(), paste=opts.paste, browser=browser, timeout=opts.timeout))
        except KeyboardInterrupt:
            self.complain("stopped; nothing was kept")
            return 1
        return 0


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 86_400:
        raise argparse.ArgumentTypeError("must be seconds, above 0 and below a day")
    return seconds
