"""Whose an exception is, and that none which Scrapy caught goes unnoticed."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response
from scrapy.signalmanager import SignalManager
from scrapy.utils.gz import gunzip
from scrapy.utils.url import add_http_if_no_scheme
from twisted.internet.error import ConnectionLost

from runclub_spider.crawl.faults import is_ours, noticed, place, report, told


def raised(work: Callable[[], Any]) -> BaseException:
    """What a piece of work raises, with its trace."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - any
        return error
    raise AssertionError("nothing was raised")


def fails(error: BaseException) -> Callable[[], Any]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "ours"),
    [
        (fails(LookupError("x")), True),
        (fails(OSError("x")), True),
        # A library called wrongly.
        (lambda: json.loads("{"), True),
        (lambda: int("x"), True),
        # What brings answers here could not.
        (lambda: gunzip(b"plain"), False),
        (lambda: add_http_if_no_scheme(None), False),
        (fails(DownloadCancelledError("2 GiB")), False),
        (fails(IgnoreRequest("not today")), False),
        (fails(ConnectionLost()), False),
    ],
)
def test_whose_it_is(work: Callable[[], Any], ours: bool) -> None:
    assert is_ours(raised(work)) is ours


def test_an_exception_without_a_trace() -> None:
    assert is_ours(LookupError("x"))
    assert not is_ours(ConnectionLost())
    assert place(LookupError("x")) == "an unknown place"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (LookupError("two\nlines\x1b[2J"), "LookupError: two lines [2J"),
        (LookupError(), "LookupError"),
        (ValueError("x" * 300), "ValueError: " + "x" * 200),
        (zlib.error("Error -3"), "error: Error -3"),
    ],
)
def test_one_line(error: Exception, line: str) -> None:
    assert told(error) == line


def test_the_report_names_the_place_of_our_own_code() -> None:
    said = report(raised(lambda: json.loads("{")))
    assert said.startswith(f"a fault of this program in {__name__}, line ")
    assert "JSONDecodeError" in said
    assert "json.decoder" not in said


def test_what_a_signal_handler_raises_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    signals, first, second = SignalManager(), object(), object()

    def handler() -> None:
        raise LookupError("sync")

    async def later() -> None:
        raise LookupError("async")

    signals.connect(handler, signal=first)
    signals.connect(later, signal=second)
    found: list[BaseException] = []

    async def send() -> None:
        signals.send_catch_log(first)
        await signals.send_catch_log_async(second)

    with noticed(found.append):
        asyncio.run(send())
    assert [str(error) for error in found] == ["sync", "async"]
    # Their records are for those who debug, trace and all.
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert all(record.exc_info for record in caplog.records)
    signals.send_catch_log(first)
    assert len(found) == 2


def test_what_others_log_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    found: list[BaseException] = []
    with noticed(found.append):
        try:
            raise LookupError("x")
        except LookupError:
            logging.getLogger("somebody.else").exception("caught")
        logging.getLogger("scrapy.core.engine").error("without an exception")
        error = raised(lambda: Response("x").replace(nothing=1))
        logging.getLogger("twisted").error("late", exc_info=error)
    assert found == []
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
