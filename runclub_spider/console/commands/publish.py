"""`scrapy publish`: the store into a release, without a crawl."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import SteadyOutput


class Command(SteadyOutput, ScrapyCommand):
    """Publishes what the store holds."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, object]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        """One line for `scrapy -h`."""
        return "Make a release of what the store holds (no request)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """The command's own options."""
        super().add_options(parser)
        parser.add_argument(
            "--accept",
            metavar='GATE="reason"',
            action="append",
            default=[],
            help="publish although this gate fails; the manifest records the reason (repeatable)",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Exit 0 done or nothing to do, 3 a gate refused it, 2 it cannot be done."""
        if args:
            raise UsageError("scrapy publish takes no argument")
        assert self.settings is not None
        from runclub_spider.config import Config
        from runclub_spider.crawl.preflight import check_writable
        from runclub_spider.errors import RunclubError
        from runclub_spider.publish.account.gates import read_acceptances
        from runclub_spider.publish.write.release import publish
        from runclub_spider.store.db.lock import exclusive

        try:
            accepted = read_acceptances(opts.accept)
            config = Config.from_settings(self.settings)
            check_writable(config.cache_dir, "CACHE_DIR")
            check_writable(config.export_dir, "EXPORT_DIR")
            with exclusive(config, "scrapy publish"):
                print(publish(config, accepted))
        except RunclubError as error:
            print(f"scrapy publish: {error}", file=sys.stderr)
            self.exitcode = error.exit_code
