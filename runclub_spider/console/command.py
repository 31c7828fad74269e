"""What all commands of the project have in common.

Scrapy imports every command's module at each start, so a command is a thin door: it declares what
it takes, and imports the module that does the work when it is run.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from runclub_spider.console.streams import NOBODY_READS, steady
from runclub_spider.errors import ConfigurationError, RunclubError

if TYPE_CHECKING:
    from runclub_spider.config import Config

_WRONG_USE = ConfigurationError.exit_code
# New objects that make Python look for garbage (700 by default): what is made at a start stays,
# and to look at it again and again was an eighth of the processor time of an unchanged crawl.
_OBJECTS = 50_000


class ProjectCommand(ScrapyCommand):
    """Checks the arguments, does the work, and ends with one line and the code of an error.

    A command declares its texts and how many arguments it takes, adds its options, and imports
    and calls its verb in `perform`.
    """

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    #: Arguments and options, for the usage line.
    usage: ClassVar[str] = ""
    #: One line for `scrapy -h`.
    summary: ClassVar[str]
    #: The text of `-h`, where the line is not enough.
    description: ClassVar[str] = ""
    #: Fewest and most arguments.
    arity: ClassVar[tuple[int, float]] = 0, 0
    #: What is told to who gives fewer or more; of a command without arguments, nothing.
    wants: ClassVar[str] = ""
    #: Errors of writing to a stream (`errno`) that are none of this command's.
    forgiven: ClassVar[frozenset[int]] = NOBODY_READS

    @property
    def name(self) -> str:
        """The word behind `scrapy`."""
        return type(self).__module__.rpartition(".")[2]

    def syntax(self) -> str:
        """Called by Scrapy for the usage line."""
        return self.usage

    def short_desc(self) -> str:
        """Called by Scrapy for its list of commands."""
        return self.summary

    def long_desc(self) -> str:
        """Called by Scrapy for `-h`."""
        return self.description or self.summary

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Called by Scrapy before anything else of the command."""
        gc.set_threshold(_OBJECTS)
        steady(self.forgiven)
        try:
            if "FLEET_LIFELINE" in os.environ:
                from runclub_spider.fleet import lifeline

                lifeline.hold()
            super().process_options(args, opts)
            self.foresee(args, opts)
        except (UsageError, ConfigurationError) as error:
            self.complain(str(error))
            gc.freeze()  # as in `run`
            sys.exit(_WRONG_USE)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Called by Scrapy; sets the exit code of the contract."""
        least, most = self.arity
        try:
            if not least <= len(args) <= most:
                self.refuse(args)
            self.exitcode = self.perform(args, opts) or 0
        except RunclubError as error:
            self.complain(str(error))
            self.exitcode = error.exit_code
        # The process ends: Python need not look through all that was loaded once more.
        gc.freeze()

    def foresee(self, args: list[str], opts: argparse.Namespace) -> None:
        """Raise `ConfigurationError` for what can be told before Scrapy makes anything ready."""

    @abstractmethod
    def perform(self, args: list[str], opts: argparse.Namespace) -> int | None:
        """Do the work; returns the exit code, nothing for 0.

        Raises:
            RunclubError: whatever is to be told in one line, with its exit code.
        """

    def config(self) -> Config:
        """The project's settings; raises `ConfigurationError` for a wrong one."""
        from runclub_spider.config import Config

        assert self.settings is not None
        return Config.from_settings(self.settings)

    def refuse(self, args: list[str]) -> NoReturn:
        """Raise `ConfigurationError` for arguments that the command does not take."""
        raise ConfigurationError(
            self.wants or f"takes no argument {args[0]!r}; see scrapy {self.name} -h"
        )

    def complain(self, message: str) -> None:
        """One line on stderr, with the command's name before it; two on a terminal."""
        from runclub_spider.terminal import problem

        print(problem(f"scrapy {self.name}", message, sys.stderr), file=sys.stderr)
