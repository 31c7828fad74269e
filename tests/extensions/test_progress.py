"""The progress line and the summary: short, whatever the numbers."""

from __future__ import annotations

import pytest

from runclub_spider.extensions.progress import Progress
from runclub_spider.runtime import Runtime
from runclub_spider.spiders.spotify_search import SpotifySearchSpider
from runclub_spider.summary import print_outcome
from tests.conftest import MakeCrawler


@pytest.mark.parametrize(
    ("sent", "budget"), [(0, None), (7, 10), (99_999, 99_999), (99_999, 199_998)]
)
def test_the_line_is_below_80_columns(
    sent: int, budget: int | None, make_crawler: MakeCrawler
) -> None:
    crawler = make_crawler(SpotifySearchSpider)
    runtime = Runtime.of(crawler)
    runtime.spent["search"], runtime.budget = sent, budget
    for name in ("rows/track", "eligible_new", "features/found"):
        crawler.stats.set_value(f"runclub/{name}", sent)
    progress = Progress.from_crawler(crawler)
    # As slow as no run is, so that the rate is the widest.
    progress._start -= 1
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
    runtime = Runtime.of(crawler)
    runtime.outcome.report("paused", "spotify refuses requests", resume_at=1_700_000_000)
    print_outcome(runtime)
    shown = capsys.readouterr()
    assert "spotify_search: paused" in shown.out
    assert shown.err.splitlines() == [
        "scrapy crawl: spotify refuses requests",
        "scrapy crawl: the same command resumes after 2023-11-14 22:13 UTC",
    ]
    assert runtime.outcome.code == 75
