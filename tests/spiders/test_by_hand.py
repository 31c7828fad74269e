"""Which page an address asks: what the crawl asks of a page leads back to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.call import Call
from runclub_spider.apis.spotify.calls import SpotifyCalls
from runclub_spider.frontier.templates import Kind
from runclub_spider.spiders.by_hand import task_of
from runclub_spider.store.queue.pages import PageKind, PageTask
from testkit.making import an_id

TASK = PageTask("a spider", PageKind.TRACK_SEARCH, "rock", "US", 0, 50, "")
PAGE = "https://api.spotify.com/v1/search?q=rock&type=track&limit=50"


def read(url: str, given: object = None, seed_kind: Kind = "track") -> PageTask:
    return task_of(url, given, spider="a spider", seed_kind=seed_kind, market="US")


@given(
    kind=st.sampled_from(list(PageKind)),
    words=st.text(min_size=1).filter(str.isprintable),
    market=st.sampled_from(["US", "GB"]),
    first=st.integers(0, 10_000),
    count=st.integers(1, 50),
)
def test_what_is_asked_of_a_page_leads_back_to_it(
    kind: PageKind, words: str, market: str, first: int, count: int
) -> None:
    calls = SpotifyCalls("https://api.spotify.com/v1", market)
    call: Call
    if kind in {PageKind.TRACK_SEARCH, PageKind.PLAYLIST_SEARCH}:
        what = "track" if kind is PageKind.TRACK_SEARCH else "playlist"
        call, key = calls.search(what, words, limit=count, offset=first), words
    elif kind is PageKind.PLAYLIST:
        key, first, count = an_id(1, "playlist"), 0, 100
        call = calls.playlist(key)
    else:
        key = an_id(1, "playlist")
        call = calls.playlist_items(key, limit=count, offset=first)
    found = read(call.url, seed_kind="track" if kind is PageKind.TRACK_SEARCH else "playlist")
    assert found == PageTask("a spider", kind, key, market, first, count, "")


def test_what_is_given_goes_before_the_address() -> None:
    assert read(PAGE) == TASK
    changed = {"first_row": 5, "version": "g2", "kind": "track_search"}
    assert read(PAGE, changed) == replace(TASK, first_row=5, version="g2")
    # All of it: then any address will do.
    assert read("http://127.0.0.1/answer.json", as_json()) == TASK


def as_json() -> dict[str, object]:
    """The task as `--cbkwargs` has it."""
    names = ("spider", "kind", "source_key", "market", "first_row", "row_count", "version")
    return {name: getattr(TASK, name) for name in names} | {"kind": "track_search"}


@pytest.mark.parametrize(
    ("url", "given", "said"),
    [
        (PAGE.replace("type=track", "type=playlist"), None, "it reads track_search"),
        (PAGE.replace("search", "me"), None, "reads no page like"),
        (PAGE, {"kind": "playlist"}, "reads no page like"),
        (PAGE, {"colour": "red"}, "task has no colour"),
        (PAGE, {"first_row": "the third"}, "task: first_row"),
        (PAGE, "rock", "task is 'rock', not an object"),
    ],
)
def test_what_no_spider_reads_is_told(url: str, given: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(url, given)
