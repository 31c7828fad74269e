"""Lines that fit a terminal, and steps that are shown on one and told elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider import terminal
from runclub_spider.terminal import folded, on_stderr, problem


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("narrow")
@given(st.text(alphabet='ab -.{}"', max_size=200))
def test_what_is_folded_is_the_same_words(text: str) -> None:
    found = folded(text, Terminal())
    assert found.split() == text.split()
    longest = max(map(len, text.split()), default=0)
    assert all(len(line) <= max(20, longest) for line in found.split("\n"))
    assert folded(text, io.StringIO()) == text


def test_on_a_terminal_an_error_says_what_is_wrong_and_below_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "there is no report in old; or new; name a release folder"
    monkeypatch.setenv("COLUMNS", "80")
    assert problem("scrapy report", said, Terminal()) == (
        "scrapy report: there is no report in old; or new\n  name a release folder"
    )
    monkeypatch.setenv("COLUMNS", "20")
    assert problem("scrapy report", said, Terminal()).split("\n") == [
        *("scrapy report: there", "is no report in old;", "or new"),
        *("  name a release", "  folder"),
    ]
    assert problem("scrapy report", said, io.StringIO()) == f"scrapy report: {said}"


@pytest.mark.parametrize("said", ["stopped", "one; a\ntwo; b"])
def test_what_names_no_cure_stays_as_it_is(said: str) -> None:
    assert problem("scrapy auth", said, Terminal()) == f"scrapy auth: {said}"


@pytest.fixture(scope="module")
def narrow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "20")
        yield


def steps() -> None:
    with on_stderr("scrapy publish") as progress:
        progress.step("choosing", 12_000)
        progress.step("writing", 11_241)
        progress.advance(4_096)


def test_elsewhere_a_line_is_told_when_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(terminal._Lines, "seconds", 0.0)
    steps()
    assert capsys.readouterr().err.splitlines() == [
        "scrapy publish: choosing, 12,000 tracks",
        "scrapy publish: writing, 11,241 tracks",
        "scrapy publish: writing, 4,096 of 11,241 tracks",
    ]


def test_on_a_terminal_nothing_of_the_line_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    steps()
    assert shown.getvalue().endswith("\r\x1b[K")
    lines = [line for line in shown.getvalue().split("\r\x1b[K") if line]
    assert lines[0] == "scrapy publish: choosing, 12,"
    assert all(len(line) < 30 for line in lines)
