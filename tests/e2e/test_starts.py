"""What a command loads: nothing heavy that it does not use, for every start would pay for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place

from .running import ROOT, TIMEOUT

pytestmark = pytest.mark.e2e
# Each takes longer to load than a small command to run; `http11` brings TLS and Twisted's client.
HEAVY = (
    *("alembic", "authlib", "jinja2", "numpy", "pyarrow", "scipy", "sqlalchemy"),
    *("scrapy.core.downloader.handlers.http11", "sqlalchemy.dialects.postgresql"),
)
# `scrapy` as a person starts it, which tells at its end what it has loaded.
TELLING = f"""
import sys
from scrapy.cmdline import execute
try:
    execute(["scrapy", *sys.argv[1:]])
finally:
    print("LOADED", *(name for name in {HEAVY!r} if name in sys.modules))
"""


def loaded(*argv: str, env: Mapping[str, str], code: int = 0) -> set[str]:
    """The heavy modules that a command has loaded by its end."""
    found = subprocess.run(
        [sys.executable, "-c", TELLING, *argv],
        cwd=ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert found.returncode == code, found.stderr
    return set(found.stdout.splitlines()[-1].split()[1:])


def test_the_yardstick_can_be_missed(place: Place) -> None:
    """Else nothing that is said here would mean anything."""
    assert "sqlalchemy" in loaded("status", env=place.env(), code=2)


@pytest.mark.parametrize(
    "argv",
    [
        ("crawl", "spotify_search", "-a", "no_such=1"),
        ("crawl", "spotify_playlist", "-a", "max_items=none"),
        ("crawl", "enrich", "-s", "GLOBAL_CAP=none"),
        ("explain",),
    ],
    ids=lambda argv: argv[-1],
)
def test_a_mistake_is_told_before_anything_is_loaded(argv: tuple[str, ...], place: Place) -> None:
    assert loaded(*argv, env=place.env(), code=2) == set()


def test_a_crawl_that_finds_nothing_to_ask_loads_the_store_alone(
    sandbox: Sandbox, crawled: Place
) -> None:
    argv = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=40")
    assert loaded(*argv, env=crawled.env(sandbox)) == {"sqlalchemy"}


@pytest.mark.parametrize("argv", [("status",), ("explain", "ID"), ("diff", "latest", "latest")])
def test_what_is_asked_of_a_release_is_answered_without_choosing_again(
    argv: tuple[str, ...], crawled: Place
) -> None:
    (one,) = crawled.query("SELECT track_id FROM release_row ORDER BY track_id LIMIT 1")[0]
    # The copy lies elsewhere, and what is kept is for the store where it was made.
    loaded("explain", one, env=crawled.env())
    found = loaded(*(one if part == "ID" else part for part in argv), env=crawled.env())
    assert found <= {"sqlalchemy"}
