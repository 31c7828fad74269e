"""`scrapy doctor`: what works, what does not, and what to do."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Probes keys, regime, APIs, store and disk with fewer than ten requests."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Say what works, what does not, and what to do (fewer than 10 requests)"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Exit 0 usable, 2 something must be mended, 75 wait and try again, 1 anything else."""
        if args:
            raise UsageError("scrapy doctor takes no argument")
        assert self.settings is not None
        from runclub_spider.console.doctor import examine
        from runclub_spider.errors import RunclubError

        try:
            self.exitcode = examine(self.settings)
        except RunclubError as error:
            print(f"scrapy doctor: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
