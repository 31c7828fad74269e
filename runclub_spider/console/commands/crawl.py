"""`scrapy crawl SPIDER`: Scrapy's own command with checks before it and an exit code after."""

from __future__ import annotations

import argparse
from typing import Any, ClassVar

from scrapy.commands.crawl import Command as ScrapyCrawl

from runclub_spider.console.command import ProjectCommand
from runclub_spider.console.streams import FULL, NOBODY_READS


class Command(ProjectCommand, ScrapyCrawl):
    """Runs a spider; 0 done, 2 wrong use, 3 gate failed, 75 paused or incomplete, 1 else."""

    requires_crawler_process = True
    default_settings: ClassVar[dict[str, Any]] = {}
    usage = "[options] <spider>"
    summary = "Run a spider of the current project, by name"
    arity = 1, 1
    wants = "name one spider: scrapy crawl SPIDER [-a name=value]"
    # Its work is in the store; a summary that finds no room does not undo it.
    forgiven: ClassVar[frozenset[int]] = NOBODY_READS | FULL

    def foresee(self, args: list[str], opts: argparse.Namespace) -> None:
        """A mistake that is known without the spiders is told before Scrapy loads them all."""
        from runclub_spider.spiders.arguments import KNOWN

        assert self.settings is not None
        # A log file is set up later, and a scheduler's users read nothing else.
        if len(args) == 1 and args[0] in KNOWN and not self.settings.get("LOG_FILE"):
            self.config()
            KNOWN[args[0]].read(args[0], opts.spargs)

    def perform(self, args: list[str], opts: argparse.Namespace) -> int:
        """Check everything that can be wrong, crawl, publish, sum up."""
        from runclub_spider.console.crawl import crawl

        assert self.settings is not None
        process: Any = self.crawler_process
        return crawl(process, self.settings, args[0], opts.spargs)
