"""Answers that hold no row this program can read: no success, no mark, and no asking for ever."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.apis.wire import PARSER_VERSION
from testkit.places import Place, blanked, problems
from testkit.serving import Visit

from .relaying import relaying, through
from .running import Run, asked

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=40")
DAY = 86_400
KNOWN = {"SPOTIFY_PROFILE": "extended"}


def without(path: str, key: str) -> Callable[[Visit, bytes], bytes]:
    """Answers below a path whose rows call this key otherwise."""

    def rewrite(visit: Visit, body: bytes) -> bytes:
        if path not in visit.path:
            return body

        def renamed(one: Any) -> Any:
            if isinstance(one, list):
                return [renamed(row) for row in one]
            if isinstance(one, dict):
                return {f"new_{k}" if k == key else k: renamed(v) for k, v in one.items()}
            return one

        return json.dumps(renamed(json.loads(body))).encode()

    return rewrite


def waits(place: Place) -> list[tuple[Any, ...]]:
    """How often in a row each open page could not be read, its days of waiting, and by whom."""
    rows = place.query(
        "SELECT drifts, retry_at - (SELECT max(started_at) FROM run), parser_version "
        "FROM page WHERE state = 'open' ORDER BY key"
    )
    return [(drifts, round(seconds / DAY, 2), version) for drifts, seconds, version in rows]


def later(place: Place, seconds: int) -> None:
    """As if that much time had passed."""
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute("UPDATE page SET retry_at = retry_at - ?", (seconds,))
        rows = connection.execute("SELECT key, value FROM meta WHERE key LIKE 'drift|%'").fetchall()
        for key, value in rows:
            drifts, until, version = map(int, value.split("|"))
            new = f"{drifts}|{until - seconds}|{version}"
            connection.execute("UPDATE meta SET value = ? WHERE key = ?", (new, key))


def test_pages_wait_longer_each_time_and_are_read_in_the_end(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    with relaying(sandbox, rewrite=without("/v1/search", "id")) as relay:
        for drifts, days in enumerate((1, 2, 4, 8, 8), 1):
            sandbox.reset_stats()
            done = run(place, *SEARCH, code=75, **KNOWN, **through(relay))
            assert asked(sandbox)["search_track"] == 2
            assert done.err.count("track.id") == 1
            assert "2 pages wait of which no row could be read" in done.err
            assert "resumes after" in done.err
            assert waits(place) == [(drifts, days, PARSER_VERSION)] * 2
            assert not place.latest.exists()
            # Before its time nothing is asked.
            sandbox.reset_stats()
            again = run(place, *SEARCH, code=75, **KNOWN, **through(relay))
            assert "search_track" not in asked(sandbox)
            assert "2 pages wait" in again.err
            later(place, days * DAY + 60)
    run(place, *SEARCH, **KNOWN)
    untroubled = Place(place.root.with_name("untroubled"))
    run(untroubled, *SEARCH, **KNOWN)
    assert blanked(place.latest) == blanked(untroubled.latest)


def test_a_newer_parser_asks_at_once(place: Place, sandbox: Sandbox, run: Run) -> None:
    with relaying(sandbox, rewrite=without("/v1/search", "id")) as relay:
        run(place, *SEARCH, code=75, **KNOWN, **through(relay))
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute("UPDATE page SET parser_version = parser_version - 1")
    run(place, *SEARCH, **KNOWN)
    assert waits(place) == []


def test_one_page_waits_and_the_others_are_stored(place: Place, sandbox: Sandbox, run: Run) -> None:
    first = list[str]()
    spoil = without("/v1/search", "id")

    def rewrite(visit: Visit, body: bytes) -> bytes:
        if "/v1/search" in visit.path and not first:
            first.append(visit.target)
        return spoil(visit, body) if visit.target in first else body

    with relaying(sandbox, rewrite=rewrite) as relay:
        run(place, *SEARCH, code=75, **KNOWN, **through(relay))
    assert len(waits(place)) == 1
    # What is stored can be published by hand, and other searches go on.
    run(place, "publish")
    assert problems(place) == []
    run(place, "crawl", "spotify_playlist", "-a", "max_seeds=1", "-a", "top_playlists=1", **KNOWN)


@pytest.mark.parametrize(
    ("path", "key", "kind", "family"),
    [
        ("/audio-features", "id", "audio features", "recco_features"),
        ("/v1/artists", "id", "artists", "artists"),
    ],
)
def test_batches_wait_as_well(
    path: str, key: str, kind: str, family: str, place: Place, sandbox: Sandbox, run: Run
) -> None:
    spoil = without(path, key)

    def rewrite(visit: Visit, body: bytes) -> bytes:
        return spoil(visit, body).replace(b'"href"', b'"new_href"') if path in visit.path else body

    with relaying(sandbox, rewrite=rewrite) as relay:
        done = run(place, *SEARCH, code=75, **KNOWN, **through(relay))
        assert f"{kind}: not readable to this program" in done.err
        # Those on their way when the first was read; the others are not sent.
        assert 1 <= asked(sandbox)[family] <= 6
        sandbox.reset_stats()
        again = run(place, *SEARCH, code=75, **KNOWN, **through(relay))
        assert family not in asked(sandbox)
        assert f"{kind}: not readable" in again.err
    later(place, DAY + 60)
    run(place, *SEARCH, **KNOWN)
    assert place.query("SELECT * FROM meta WHERE key LIKE 'drift|%'") == []
    assert problems(place) == []


def test_plays_wait_and_nothing_of_their_time_is_claimed(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    argv = ("crawl", "kexp", "-a", "page_limit=2")
    with relaying(sandbox, rewrite=without("/v2/plays", "airdate")) as relay:
        done = run(place, *argv, code=75, **through(relay))
        assert "KEXP's plays: not readable to this program" in done.err
        assert "play.airdate" in done.err
        assert place.query("SELECT * FROM covered_interval") == []
        assert place.query("SELECT * FROM external_play") == []
        sandbox.reset_stats()
        run(place, *argv, code=75, **through(relay))
        assert asked(sandbox) == {}
    later(place, DAY + 60)
    run(place, *argv)
    assert len(place.query("SELECT * FROM external_play")) > 100
