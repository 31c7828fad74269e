"""`scrapy fleet start|worker|status|stop`: many workers on one store."""

from __future__ import annotations

import argparse
from typing import ClassVar

from runclub_spider.console.command import ProjectCommand
from runclub_spider.errors import ConfigurationError


class Command(ProjectCommand):
    """Orders a plan, does its jobs, shows them, ends them."""

    usage = "start SPIDER [-a name=value …] | worker [--until-idle] | status | stop"
    summary = "Run a spider on many workers that share a PostgreSQL store"
    description = (
        "start orders a plan: one crawl an account, then enrichment, then a release (of kexp "
        "windows of its time, one after the other); all share budget. worker does jobs of the plan "
        "until told to end, any number of them, on any machine. status shows workers, jobs and "
        "accounts. stop ends the plan and the workers; what they have in hand ends resumable."
    )
    arity = 1, 2
    wants = (
        "say what to do: scrapy fleet start SPIDER [-a name=value], scrapy fleet worker, "
        "scrapy fleet status, scrapy fleet stop"
    )
    verbs: ClassVar[dict[str, int]] = {"start": 2, "worker": 1, "status": 1, "stop": 1}

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """The options of each verb."""
        super().add_options(parser)
        group = parser.add_argument_group("of start")
        group.add_argument(
            "-a",
            dest="arguments",
            metavar="NAME=VALUE",
            action="append",
            default=[],
            help="an argument of the spider, as of scrapy crawl (repeatable)",
        )
        group = parser.add_argument_group("of worker")
        group.add_argument(
            "--until-idle",
            action="store_true",
            help="end when no job is to do or being done, by whomever",
        )
        group = parser.add_argument_group("of status")
        group.add_argument("--format", metavar="json", help="everything as one JSON object")

    def perform(self, args: list[str], opts: argparse.Namespace) -> int | None:
        """Exit 0 done, 2 it cannot be done, 75 a signal ended a worker in its job."""
        from runclub_spider.console import fleet

        verb = args[0]
        if self.verbs.get(verb) != len(args):
            self.refuse(args)
        misplaced = {
            "-a": opts.arguments and verb != "start",
            "--until-idle": opts.until_idle and verb != "worker",
            "--format": opts.format and verb != "status",
        }
        if option := next((name for name, wrong in misplaced.items() if wrong), None):
            raise ConfigurationError(f"{verb} takes no option {option}; see scrapy fleet -h")
        config = self.config()
        if verb == "start":
            assert self.settings is not None
            print(fleet.start(config, self.settings, args[1], opts.arguments))
        elif verb == "worker":
            words = [word for one in opts.set for word in ("-s", one)]
            return fleet.work(config, words, until_idle=opts.until_idle)
        elif verb == "status":
            fleet.show(config, opts.format)
        else:
            print(fleet.stop(config))
        return 0
