"""What a person at a terminal sees of a crawl: how far it is, what it waits for, what is next."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
from collections.abc import Mapping
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox
from testkit.places import Place
from testkit.sandboxes import Sandboxes

from .running import ROOT

pytestmark = pytest.mark.e2e


def on_a_terminal(*argv: str, env: Mapping[str, str], columns: int = 80) -> tuple[int, str]:
    """Exit code of a command and all that it wrote to a terminal so wide."""
    ours, theirs = pty.openpty()
    ioctl(ours, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "scrapy", *argv]
    kept = {k: v for k, v in env.items() if k not in {"COLUMNS", "LINES", "NO_COLOR"}}
    child = subprocess.Popen(
        command, cwd=ROOT, env={"TERM": "xterm", **kept}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    read = bytearray()
    try:
        while data := os.read(ours, 1 << 16):
            read += data
    except OSError:
        pass  # The other end was closed.
    finally:
        os.close(ours)
    return child.wait(), read.decode()


def test_a_crawl_shows_how_far_it_is_and_what_is_next(place: Place, sandbox: Sandbox) -> None:
    code, seen = on_a_terminal("crawl", "spotify_search", "-a", "budget=30", env=place.env(sandbox))
    assert code == 0, seen
    assert " of 30 requests" in seen
    assert "cells below" in seen
    assert "scrapy crawl spotify_search: verifying" in seen
    assert seen.rstrip().splitlines()[-1].startswith("Next: scrapy report")


def test_a_terminal_that_cannot_redraw_gets_plain_lines(place: Place, sandbox: Sandbox) -> None:
    env = {**place.env(sandbox), "TERM": "dumb"}
    code, seen = on_a_terminal("crawl", "spotify_search", "-a", "budget=10", env=env)
    assert code == 0, seen
    assert "\x1b" not in seen
    assert "Next: scrapy report" in seen


def test_a_wait_is_told(place: Place, sandboxes: Sandboxes) -> None:
    with sandboxes.running(SandboxOptions(rate_limit=4, rate_window=2.0)) as limited:
        code, seen = on_a_terminal(
            "crawl", "spotify_search", "-a", "budget=12", env=place.env(limited), columns=40
        )
    assert code == 0, seen
    assert "spotify asks to wait" in seen


@pytest.mark.parametrize("argv", [("report", "nowhere"), ("crawl", "nothing")])
def test_an_error_is_a_line_for_what_and_one_for_the_cure(
    argv: tuple[str, ...], place: Place
) -> None:
    code, seen = on_a_terminal(*argv, env=place.env(), columns=120)
    assert code == 2
    what, cure = seen.splitlines()
    assert what.startswith(f"scrapy {argv[0]}: ")
    assert cure.startswith("  ")


def test_a_long_line_is_cut_between_words(place: Place) -> None:
    code, seen = on_a_terminal("crawl", "kexp", "-a", "from=1", env=place.env(), columns=40)
    assert code == 2
    lines = seen.splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 40
