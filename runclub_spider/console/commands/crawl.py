"""`scrapy crawl SPIDER`: Scrapy's own command with checks before it and an exit code after."""

from __future__ import annotations

import argparse
import errno
from typing import Any, ClassVar

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import NOBODY_READS, SteadyOutput


class Command(SteadyOutput, ScrapyCrawl):
    """Runs a spider; 0 done, 2 wrong use, 3 gate failed, 75 paused or incomplete, 1 else."""

    # Its work is in the store; a summary that finds no room does not undo it.
    forgiven: ClassVar[frozenset[int]] = NOBODY_READS | {errno.ENOSPC}

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check everything that can be wrong, crawl, publish, sum up."""
        if len(args) != 1:
            raise UsageError("name one spider: scrapy crawl SPIDER [-a name=value]")
        assert self.settings is not None
        from runclub_spider.console.crawl import crawl

        process: Any = self.crawler_process
        self.exitcode = crawl(process, self.settings, args[0], opts.spargs)
