"""`scrapy verify DIR`: checks a release offline."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyCommand

from runclub_spider.console.streams import SteadyOutput

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

_BAD_USE, _BAD_RELEASE = 2, 3


class Command(SteadyOutput, ScrapyCommand):
    """Prints one line a problem, or one line that says what was found sound."""

    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """The arguments, for the usage line."""
        return "[options] DIR"

    def short_desc(self) -> str:
        """One line for the list of commands."""
        return "Check a release offline: hashes, counts, schemas, joins, order, policies"

    def long_desc(self) -> str:
        """The text of `-h`."""
        return (
            "Checks the release in the folder DIR, for example export/latest, against the "
            "release contract: files and SHA-256s, gzip twins, JSON form and schemas, order and "
            "uniqueness, how the app's three files derive from catalog_wide.jsonl, the totals "
            "and accounting of manifest.json, the duration, playability and coverage policies. "
            "Reads nothing but that folder; needs no key, no store and no network. Prints one "
            "line a problem, FILE:LINE: RULE: MESSAGE, at most 20 a rule. Exit code: 0 sound, "
            "2 wrong use, 3 problems found."
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002
        """Check the folder named by the only argument."""
        # Imported here: Scrapy imports this module for every command it runs.
        from pathlib import Path

        if len(args) != 1 or not args[0] or args[0].startswith("-"):
            self._refuse("name one release folder, for example: scrapy verify export/latest")
            return
        directory = Path(args[0])
        try:
            if directory.is_dir():
                self._verify(directory)
            else:
                exists = directory.exists()
                self._refuse(f"{args[0]!r} {'is no folder' if exists else 'does not exist'}")
        except (OSError, ValueError) as error:
            # Path calls raise ValueError for a name no file can have.
            self._refuse(f"cannot read {args[0]!r}: {error}")

    def _verify(self, directory: Path) -> None:
        from runclub_spider.publish.verify import summarise, verify_release

        problems = verify_release(directory)
        if not problems:
            print(summarise(directory))
            return
        for problem in problems:
            print(problem)
        count = sum(problem.count for problem in problems)
        print(f"{count} problem{'' if count == 1 else 's'} in {str(directory)!r}")
        self.exitcode = _BAD_RELEASE

    def _refuse(self, message: str) -> None:
        print(f"verify: {message}", file=sys.stderr)
        self.exitcode = _BAD_USE
