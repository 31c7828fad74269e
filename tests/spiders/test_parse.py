"""What the crawl makes of an answer: a page, a closed page, a page put off, or the end."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import TextResponse
from twisted.python.failure import Failure

from runclub_spider.apis.call import Api
from runclub_spider.apis.guard import ApiPaused, ApiUnavailable, Stopping
from runclub_spider.crawl.budget import BudgetSpent
from runclub_spider.crawl.middlewares.in_flight import AlreadyAsked
from runclub_spider.crawl.outcome import FAILED, FINISHED, INCOMPLETE, PAUSED
from runclub_spider.crawl.run import Run
from runclub_spider.crawl.unsent import NoToken, NotSent
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.base import SpotifySpider
from runclub_spider.spiders.playlist import SpotifyPlaylistSpider
from runclub_spider.spiders.search import SpotifySearchSpider
from runclub_spider.store.queue.pages import PageKind, PageTask
from testkit.making import an_id
from tests.apis import wire
from tests.conftest import MakeCrawler

SEARCHES = PageTask("spotify_search", PageKind.TRACK_SEARCH, "rock", "US", 0, 50, "g0")
GOOD = wire.search_page(wire.track(1), None)
FORBIDDEN = b'{"error":{"status":403,"message":"Forbidden"}}'
LIMIT = b'{"error":{"status":400,"message":"Invalid limit"}}'


class Asked:
    """A spider that is handed answers; nothing runs."""

    def __init__(self, make_crawler: MakeCrawler, spider: type[SpotifySpider]) -> None:
        crawler = make_crawler(spider)
        self.spider: Any = spider.from_crawler(crawler)
        self.run = Run.of(crawler)
        self.crawler = crawler

    def answered(self, status: int, body: bytes, task: PageTask = SEARCHES) -> list[DiscoveredPage]:
        response = TextResponse("https://api.spotify.com/v1/search", status=status, body=body)
        return list(self.spider.parse(response, task))

    def lost(self, error: Exception, task: PageTask = SEARCHES) -> None:
        """The page's errback is called with what kept it from being answered."""
        try:
            raise error
        except Exception:  # noqa: BLE001 - a failure has a trace
            failure = Failure()
        failure.request = self.spider._request(task)
        self.spider.give_up(failure)

    def stats(self, prefix: str) -> dict[str, int]:
        found = self.crawler.stats.get_stats()
        return {key: n for key, n in found.items() if key.startswith(f"runclub/{prefix}")}


@pytest.fixture
def asked(make_crawler: MakeCrawler) -> Asked:
    return Asked(make_crawler, SpotifySearchSpider)


def test_a_good_answer_is_a_page(asked: Asked) -> None:
    (item,) = asked.answered(200, GOOD)
    assert [str(row.kind) for row in item.rows] == ["track", "null"]
    assert (item.refused, asked.run.outcome.result) == (None, FINISHED)


REFUSED = [(403, FORBIDDEN), (404, b""), (400, b'{"error":{"message":"invalid id"}}')]


def search(term: str) -> PageTask:
    return replace(SEARCHES, source_key=term)


@pytest.mark.parametrize(("status", "body"), REFUSED)
def test_a_refused_page_is_closed(status: int, body: bytes, asked: Asked) -> None:
    asked.answered(200, GOOD, search("soul"))
    (item,) = asked.answered(status, body)
    assert item.refused == str(status)
    assert asked.stats("refused/") == {f"runclub/refused/track_search/{status}": 1}
    assert asked.run.outcome.result == FINISHED


@pytest.mark.parametrize(("status", "body"), REFUSED)
def test_before_any_answer_refused_searches_are_kept_back(
    status: int, body: bytes, asked: Asked
) -> None:
    for term in "abcd":
        assert asked.answered(status, body, search(term)) == []
    # The same seed once more says nothing of the others.
    assert asked.answered(status, body, replace(search("d"), first_row=50)) == []
    assert asked.run.outcome.result == FINISHED
    assert asked.stats("refused/") == {}
    found = asked.answered(200, GOOD, search("e"))
    assert [(item.task.source_key, item.refused) for item in found] == [
        *((term, str(status)) for term in "abcdd"),
        ("e", None),
    ]
    assert asked.stats("refused/") == {f"runclub/refused/track_search/{status}": 5}
    (closed,) = asked.answered(status, body, search("f"))
    assert closed.refused == str(status)
    assert asked.run.outcome.result == FINISHED


@pytest.mark.parametrize(
    ("status", "body"),
    [*REFUSED, (401, b""), (410, b"gone")],
)
def test_the_same_refusal_of_every_search_ends_the_run(
    status: int, body: bytes, asked: Asked
) -> None:
    for term in "abcdefg":
        assert asked.answered(status, body, search(term)) == []
    outcome = asked.run.outcome
    assert (outcome.result, outcome.code) == (FAILED, 1)
    (told,) = [reason for reason in outcome.reasons if "every search is refused" in reason]
    assert str(status) in told
    assert asked.stats("refused/") == {}
    # What was on its way is stored, and closes nothing that was refused.
    assert [item.refused for item in asked.answered(200, GOOD, search("h"))][-1:] == [None]


def test_refusals_of_other_pages_never_speak_for_all(make_crawler: MakeCrawler) -> None:
    asked = Asked(make_crawler, SpotifyPlaylistSpider)
    for number in range(8):
        task = PageTask("spotify_playlist", PageKind.PLAYLIST, f"p{number}", "US", 0, 100, "s")
        (item,) = asked.answered(404, b"", task)
        assert item.refused == "404"
    assert asked.run.outcome.result == FINISHED


def test_failures_of_the_server_never_speak_for_all(asked: Asked) -> None:
    for term in "abcdefg":
        assert asked.answered(501, b"", search(term)) == []
    assert asked.run.outcome.code == 75


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("Invalid market code", "use a market of Spotify"),
        ("Bad search type field", "Bad search type field"),
        ("Invalid additional_types", "additional_types"),
    ],
)
def test_a_refusal_of_what_every_page_sends_ends_the_run_at_once(
    message: str, says: str, asked: Asked
) -> None:
    body = json.dumps({"error": {"status": 400, "message": message}}).encode()
    asked.answered(200, GOOD, search("soul"))
    assert asked.answered(400, body) == []
    outcome = asked.run.outcome
    assert (outcome.result, outcome.code) == (FAILED, 1)
    assert [says in reason for reason in outcome.reasons] == [True]
    assert asked.stats("refused/") == {}


@pytest.mark.parametrize(
    ("status", "body"),
    [(302, b""), (204, b""), (501, b""), (200, b"<html></html>"), (200, GOOD[:-1]), (200, b"{}")],
)
def test_what_is_no_answer_puts_the_page_off(status: int, body: bytes, asked: Asked) -> None:
    assert asked.answered(status, body) == []
    outcome = asked.run.outcome
    assert (outcome.result, outcome.code) == (INCOMPLETE, 75)
    assert asked.stats("pages_put_off") == {"runclub/pages_put_off": 1}


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"Active premium subscription required for the owner of the app.", "Premium"),
        (b'{"error":{"message":"User not registered in the Developer Dashboard"}}', "allow-list"),
    ],
)
def test_an_account_that_is_shut_out_ends_the_run_and_keeps_its_pages(
    body: bytes, cause: str, asked: Asked
) -> None:
    for _ in range(3):
        assert asked.answered(403, body) == []
    outcome = asked.run.outcome
    assert (outcome.result, outcome.code) == (FAILED, 1)
    assert [cause in reason for reason in outcome.reasons] == [True]
    assert asked.stats("refused/") == {}
    assert asked.stats("pages_put_off") == {"runclub/pages_put_off": 3}


def test_a_page_too_large_has_the_key_probed_anew(asked: Asked) -> None:
    assert asked.answered(400, LIMIT) == []
    assert asked.run.key.doubted
    assert asked.run.outcome.code == 75


def test_new_fields_are_counted(asked: Asked) -> None:
    asked.answered(200, wire.search_page(wire.track(1, mood=1), wire.track(2), season="wet"))
    asked.answered(200, wire.search_page(wire.track(3, mood=1)))
    assert asked.stats("unexpected/") == {
        "runclub/unexpected/track.mood": 2,
        "runclub/unexpected/page.season": 1,
    }


def test_rows_of_a_new_type_are_told_once(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            (item,) = asked.answered(
                200, wire.search_page(wire.track(number), wire.track(9, type="hologram"), 7)
            )
            assert [str(row.kind) for row in item.rows] == ["track", "unknown", "unknown"]
    (told,) = caplog.messages
    assert "'hologram', 'malformed'" in told
    assert asked.run.outcome.result == FINISHED


@pytest.mark.parametrize(
    ("kind", "body", "fields"),
    [
        (
            PageKind.PLAYLIST_SEARCH,
            wire.playlists_page(wire.playlist_row(mood=1), None, season="wet"),
            {"playlist.mood", "page.season"},
        ),
        (
            PageKind.PLAYLIST,
            wire.whole_playlist(wire.entry(wire.track(1, mood=1), season="wet")),
            {"track.mood", "entry.season"},
        ),
        (
            PageKind.PLAYLIST_ITEMS,
            wire.items_page(wire.entry(wire.track(1, mood=1)), season="wet"),
            {"track.mood", "page.season"},
        ),
    ],
)
def test_new_fields_of_playlists_are_counted_once(
    kind: PageKind, body: bytes, fields: set[str], make_crawler: MakeCrawler
) -> None:
    asked = Asked(make_crawler, SpotifyPlaylistSpider)
    asked.spider.max_items, asked.spider.page_rows = 100, 100
    task = PageTask("spotify_playlist", kind, an_id(1, "playlist"), "US", 0, 100, "s")
    (item,) = asked.answered(200, body, task)
    assert item.refused is None
    assert asked.stats("unexpected/") == {f"runclub/unexpected/{name}": 1 for name in fields}


PAUSE = ApiPaused(Api.SPOTIFY, "search", 2_000_000_000.0, "quota exceeded")


@pytest.mark.parametrize(
    ("error", "result", "says"),
    [
        (NotSent(PAUSE), PAUSED, "quota exceeded"),
        (NotSent(ApiUnavailable("spotify", "status 500")), INCOMPLETE, "status 500"),
        (DownloadCancelledError("2 GiB"), INCOMPLETE, "2 GiB"),
        (IgnoreRequest("not today"), INCOMPLETE, "not today"),
        (LookupError("nobody expected this"), FAILED, "a fault of this program"),
        # These have been told where they came from.
        (NotSent(BudgetSpent("100")), FINISHED, None),
        (NotSent(Stopping("spotify")), FINISHED, None),
        (NoToken("refused"), FINISHED, None),
    ],
)
def test_a_page_that_was_not_answered(
    error: Exception, result: str, says: str | None, asked: Asked
) -> None:
    asked.lost(error)
    outcome = asked.run.outcome
    assert outcome.result == result
    assert len(outcome.reasons) == (says is not None)
    assert all(says in reason for reason in outcome.reasons if says)
    assert asked.stats("pages_put_off") == {"runclub/pages_put_off": 1}


def test_the_other_copy_of_a_page_settles_it(asked: Asked) -> None:
    asked.lost(AlreadyAsked("key"))
    assert asked.run.outcome.result == FINISHED
    assert asked.stats("pages_put_off") == {}


def test_many_lost_pages_are_one_reason_a_kind(asked: Asked) -> None:
    for number in range(20):
        asked.lost(DownloadCancelledError(f"https://api.spotify.com/v1/search?q={number}"))
        asked.lost(IgnoreRequest(str(number)))
    assert len(asked.run.outcome.reasons) == 2
