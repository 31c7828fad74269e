"""`scrapy status`: what the store holds, what is open, and when the APIs may be asked again."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError


class Command(ScrapyCommand):
    """Reads the store; sends nothing and changes nothing."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Show coverage grid, ledgers, quota, resume time and releases"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0, or 2 when there is no usable store."""
        if args:
            raise UsageError("scrapy status takes no argument")
        assert self.settings is not None
        from runclub_spider.errors import RunclubError
        from runclub_spider.status import show

        try:
            show(self.settings)
        except RunclubError as error:
            print(f"scrapy status: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
