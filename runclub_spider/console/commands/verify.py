"""`scrapy verify DIR`: checks a release offline."""

from __future__ import annotations

import argparse

from runclub_spider.console.command import ProjectCommand


class Command(ProjectCommand):
    """Prints one line a problem, or one line that says what was found sound."""

    requires_project = False
    usage = "[options] DIR"
    summary = "Check a release offline: hashes, counts, schemas, joins, order, policies"
    description = (
        "Checks the release in the folder DIR, for example export/latest, against the "
        "release contract: files and SHA-256s, gzip twins, JSON form and schemas, order and "
        "uniqueness, how the app's three files derive from catalog_wide.jsonl, the totals "
        "and accounting of manifest.json, the duration, playability and coverage policies. "
        "Reads nothing but that folder; needs no key, no store and no network. Prints one "
        "line a problem, FILE:LINE: RULE: MESSAGE, at most 20 a rule. Exit code: 0 sound, "
        "2 wrong use, 3 problems found."
    )
    arity = 1, 1
    wants = "name one release folder, for example: scrapy verify export/latest"

    def perform(self, args: list[str], opts: argparse.Namespace) -> int:  # noqa: ARG002
        """Check the folder named by the only argument."""
        from runclub_spider.console.verify import verify

        if not args[0] or args[0].startswith("-"):
            self.refuse(args)
        return verify(args[0])
