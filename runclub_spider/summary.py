"""What a person sees at the end of a run."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from runclub_spider.runtime import FINISHED, Runtime
from runclub_spider.text import moment


def print_outcome(runtime: Runtime) -> None:
    """A summary table on stdout; what went wrong on stderr, one line a reason."""
    crawler, outcome = runtime.crawler, runtime.outcome
    stats = crawler.stats.get_stats()

    def number(key: str) -> str:
        return f"{stats.get(f'runclub/{key}', 0):,}"

    table = Table(title=f"{crawler.spidercls.name}: {outcome.result}", title_justify="left")
    table.add_column("what")
    table.add_column("count", justify="right")
    rows = [("requests", f"{runtime.spent.total():,}")]
    rows += [(f"  {family}", f"{n:,}") for family, n in sorted(runtime.spent.items())]
    rows += [
        ("pages stored", number("pages_stored")),
        ("pages put off", number("pages_put_off")),
        ("track rows", number("rows/track")),
        ("eligible tracks, new", number("eligible_new")),
        ("features found", number("features/found")),
        ("features missed", number("features/missed")),
    ]
    if "runclub/open_metadata/changed" in stats:
        rows.append(("tracks with new open metadata", number("open_metadata/changed")))
    rejected = {k: v for k, v in stats.items() if k.startswith("runclub/rejected/")}
    rows += [(f"rejected: {k.rsplit('/', 1)[1]}", f"{v:,}") for k, v in sorted(rejected.items())]
    for row in rows:
        table.add_row(*row)
    Console(file=sys.stdout).print(table)
    for note in outcome.notes:
        print(note)
    if outcome.release:
        print(outcome.release)
    for reason in outcome.reasons:
        print(f"scrapy crawl: {reason}", file=sys.stderr)
    if outcome.resume_at:
        print(
            f"scrapy crawl: the same command resumes after {moment(outcome.resume_at)}",
            file=sys.stderr,
        )
    elif outcome.result != FINISHED and outcome.code == 75:
        print("scrapy crawl: nothing is lost; the same command resumes", file=sys.stderr)
