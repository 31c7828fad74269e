"""How a command ends does not hang on who reads what it prints."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place, problems

from .running import ROOT, TIMEOUT

pytestmark = pytest.mark.e2e
CRAWL = "crawl spotify_search -a max_seeds=1 -a max_results=20"


def shell(line: str, env: dict[str, str]) -> tuple[int, str]:
    """A line for bash: the exit code of its first command, and all that could be read of it."""
    reader, writer = os.pipe()
    found = subprocess.run(
        ["bash", "-c", f"{line}\necho ${{PIPESTATUS[0]}} >&{writer}"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        pass_fds=[writer],
    )
    os.close(writer)
    with os.fdopen(reader) as file:
        return int(file.read()), found.stdout + found.stderr


def check(code: int, told: str) -> None:
    assert code == 0, told
    assert "Traceback" not in told
    assert "Exception ignored" not in told


@pytest.mark.parametrize(
    "where",
    [">&-", "2>&-", ">&- 2>&- <&-", "| true", "2>&1 | head -c 1", ">/dev/full", "2>/dev/full"],
)
def test_a_crawl_ends_as_its_work_did(where: str, place: Place, sandbox: Sandbox) -> None:
    check(*shell(f"{sys.executable} -m scrapy {CRAWL} {where}", place.env(sandbox)))
    assert place.latest.exists()
    assert problems(place) == []


@pytest.mark.parametrize(
    ("command", "where"),
    [
        ("status", ">&-"),
        ("status", "2>&-"),
        ("status", "| true"),
        ("explain 0000000000000000000000", "| true"),
        ("publish", ">&-"),
        ("verify {latest}", "| true"),
        ("report", "2>&- >&-"),
    ],
)
def test_a_command_that_nobody_reads(command: str, where: str, crawled: Place) -> None:
    argv = command.format(latest=crawled.latest)
    check(*shell(f"{sys.executable} -m scrapy {argv} {where}", crawled.env()))


def test_a_file_of_what_a_crawl_answered(place: Place, sandbox: Sandbox) -> None:
    target = place.root / "out" / "pages.jsonl"
    code, told = shell(f"{sys.executable} -m scrapy {CRAWL} -o {target}", place.env(sandbox))
    check(code, told)
    assert len(target.read_text(encoding="utf-8").splitlines()) > 1


def test_a_file_that_cannot_be_written_is_named(place: Place, sandbox: Sandbox) -> None:
    code, told = shell(f"{sys.executable} -m scrapy {CRAWL} -o /proc/x.jsonl", place.env(sandbox))
    assert code == 2
    (line,) = told.splitlines()
    assert line.startswith("scrapy crawl: cannot write the file of -o, /proc/x.jsonl: No such file")
    assert not place.store.exists()


def test_what_was_asked_for_and_found_no_room_is_told(crawled: Place) -> None:
    code, told = shell(f"{sys.executable} -m scrapy status >/dev/full", crawled.env())
    assert code != 0
    assert "No space left" in told
