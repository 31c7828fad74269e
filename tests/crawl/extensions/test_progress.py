"""The progress line and the summary: short, whatever the numbers."""

from __future__ import annotations

import pytest

from runclub_spider.console.summary import print_outcome
from runclub_spider.crawl.extensions.progress import Progress
from runclub_spider.crawl.run import Run
from runclub_spider.spiders.search import SpotifySearchSpider
from tests.conftest import MakeCrawler


@pytest.mark.parametrize(
    ("sent", "budget", "rows", "new"),
    [
        (0, None, 0, 0),
        (7, 10, 140, 120),
        (9_000, None, 160_000, 40_000),
        # The size the specification asks for, on an allowance for a week.
        (9_000, 50_000, 160_000, 40_000),
    ],
)
def test_the_line_is_below_80_columns(
    sent: int, budget: int | None, rows: int, new: int, make_crawler: MakeCrawler
) -> None:
    crawler = make_crawler(SpotifySearchSpider)
    run = Run.of(crawler)
    run.read(SpotifySearchSpider, {} if budget is None else {"budget": str(budget)})
    run.budget.spent["search"] = sent
    for name, number in (("rows/track", rows), ("eligible_new", new), ("features/found", new)):
        crawler.stats.set_value(f"runclub/{name}", number)
    progress = Progress.from_crawler(crawler)
    progress._start -= 600
    line = progress.line()
    assert len(line) < 80, line
    assert line.startswith(f"{sent:,} requests")
    assert line.endswith("left") == (budget is not None)
    if budget is not None:
        assert f" {budget - sent:,} left" in line


def test_the_summary_of_a_pause_names_the_time(
    make_crawler: MakeCrawler, capsys: pytest.CaptureFixture[str]
) -> None:
    crawler = make_crawler(SpotifySearchSpider)
    run = Run.of(crawler)
    run.outcome.report("paused", "spotify refuses requests", resume_at=1_700_000_000)
    print_outcome(run)
    shown = capsys.readouterr()
    assert "spotify_search: paused" in shown.out
    assert shown.err.splitlines() == [
        "scrapy crawl: spotify refuses requests",
        "scrapy crawl: the same command resumes after 2023-11-14 22:13 UTC",
    ]
    assert run.outcome.code == 75
