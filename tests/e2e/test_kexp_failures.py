"""KEXP's failure modes: refusals, a network that fails, rows and rows' writes that fail."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.config import utc_now
from testkit.places import Place
from testkit.serving import Reply, Visit, json_reply, serving

from .airing import DAY, QUICK, aired, everything, stored, summary, tables, valid
from .running import Run, asked, one_line, untouched

pytestmark = pytest.mark.e2e
KEXP = ("crawl", "kexp")


def a_row(number: int, **changes: object) -> dict[str, Any]:
    """A track play of 2026-03-07, one a minute."""
    return {
        "id": 1000 + number,
        "airdate": f"2026-03-07T{10 + number // 60:02d}:{number % 60:02d}:00-08:00",
        "song": f"Song {number}",
        "artist": "A Band",
        "album": None,
        "recording_id": None,
        "release_date": None,
        "comment": "",
        "play_type": "trackplay",
    } | changes


def in_pages(rows: list[dict[str, Any]], **more: Any) -> Callable[[Visit], Reply]:
    """A server of these rows, a few a page, with a next link that never ends."""

    def reply(visit: Visit) -> Reply:
        query = {name: values[0] for name, values in parse_qs(urlsplit(visit.target).query).items()}
        offset, limit = int(query.get("offset", 0)), min(int(query["limit"]), 10)
        host = more.get("host") or f"http://{visit.headers['host']}"
        link = f"{host}/plays/?limit={limit}&offset={offset + limit}&ordering=airdate"
        return json_reply(
            {"next": link, "previous": None, "results": rows[offset : offset + limit]}
        )

    return reply


@pytest.mark.parametrize(("headers", "least"), [({"Retry_After": "1"}, 1.0), ({}, 0.6)])
def test_a_refusal_is_waited_out(
    headers: dict[str, str], least: float, place: Place, run: Run
) -> None:
    serve, times = in_pages([a_row(number) for number in range(15)]), list[float]()

    def reply(visit: Visit) -> Reply:
        times.append(time.monotonic())
        return json_reply({"detail": "slow"}, 429, **headers) if len(times) < 3 else serve(visit)

    with serving(reply) as server:
        run(place, *KEXP, *DAY, KEXP_BASE_URL=server.url, KEXP_BACKOFF_SECONDS="0.3")
    assert len(stored(place)) == 15
    # The waits double, and a Retry-After that is longer wins.
    first, second = times[1] - times[0], times[2] - times[1]
    assert first >= (1.0 if headers else 0.3)
    assert second >= least


def test_four_tries_with_growing_waits(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, *KEXP, *DAY, "-a", "page_limit=1")
    before = everything(place)
    sandbox.configure(faults={"kexp:429": 1.0}, retry_after_form="none")
    sandbox.reset_stats()
    begin = time.monotonic()
    done = run(place, *KEXP, *DAY, code=75, KEXP_BACKOFF_SECONDS="0.2")
    assert time.monotonic() - begin >= 0.2 + 0.4 + 0.8
    assert asked(sandbox)["plays"] == 4
    assert "429 after 4 tries; the checkpoint is intact" in done.err
    assert everything(place) == before


def test_a_refusal_for_long_is_a_pause(place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(faults={"kexp:429": 1.0}, fault_retry_after=3000)
    done = run(place, *KEXP, code=75)
    assert "resumes after" in done.err
    # Before its time nothing is sent.
    sandbox.reset_stats()
    assert "refuses requests until" in run(place, *KEXP, code=75).err
    assert asked(sandbox) == {}


@pytest.mark.parametrize("fault", ["reset", "503", "truncated"])
def test_a_network_that_stays_away_ends_the_run(
    fault: str, place: Place, sandbox: Sandbox, run: Run
) -> None:
    run(place, *KEXP, *DAY, "-a", "page_limit=1")
    before = everything(place)
    sandbox.configure(faults={f"kexp:{fault}": 1.0})
    sandbox.reset_stats()
    done = run(place, *KEXP, *DAY, code=75, **QUICK)
    assert asked(sandbox)["plays"] == 4
    assert "after 4 tries; the checkpoint is intact" in done.err
    assert "the same command resumes" in done.err
    assert everything(place) == before


def test_pages_get_smaller_when_they_are_too_much(place: Place, run: Run) -> None:
    rows, limits = [a_row(number) for number in range(150)], []
    serve = in_pages(rows)

    def reply(visit: Visit) -> Reply:
        (limit,) = parse_qs(urlsplit(visit.target).query)["limit"]
        limits.append(int(limit))
        return Reply(502) if int(limit) > 50 else serve(visit)

    with serving(reply) as server:
        run(place, *KEXP, *DAY, KEXP_BASE_URL=server.url, **QUICK)
    assert limits[:3] == [200, 100, 50]
    assert max(limits[3:]) <= 50
    assert len(stored(place)) == 150


def test_other_faults_now_and_then_change_nothing(place: Place, sandbox: Sandbox, run: Run) -> None:
    whole = Place(place.root.with_name("whole"))
    run(whole, *KEXP, *DAY)
    sandbox.configure(
        faults={f"kexp:{kind}": 0.12 for kind in ("500", "502", "reset", "truncated")}
    )
    for _ in range(4):
        done = run(place, *KEXP, *DAY, code=None, **QUICK)
        if done.code == 0:
            break
    assert done.code == 0, done.text
    assert tables(place) == tables(whole)


def test_one_poisoned_row_is_one_error(place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(kexp_poison=True)
    counts = summary(run(place, *KEXP, *DAY, "-a", "page_limit=1"))
    assert (counts["errors"], counts["fetched"]) == (1, 200)
    parts = ("provenance_inserted", "skipped_invalid", "duplicates_skipped")
    assert counts["track_plays"] == 1 + sum(counts[name] for name in parts)
    assert counts["provenance_inserted"] > 140


@pytest.mark.parametrize(
    "poison",
    [
        {"id": None},
        {"id": "17"},
        {"song": 5},
        {"artist": ["A"]},
        {"airdate": None},
        {"airdate": "yesterday"},
        {"song": "a\0b"},
        {"song": "\ud800"},
        {"play_type": None},
        {"airdate": "1999-01-01T00:00:00-08:00"},
        {"airdate": "9998-01-01T00:00:00-08:00"},
    ],
    ids=lambda poison: repr(poison)[:30],
)
def test_kinds_of_poison(poison: dict[str, Any], place: Place, run: Run) -> None:
    rows = [a_row(number) for number in range(9)]
    rows[4] |= poison
    with serving(in_pages(rows)) as server:
        counts = summary(run(place, *KEXP, *DAY, KEXP_BASE_URL=server.url))
    assert (counts["errors"], counts["provenance_inserted"]) == (1, 8)
    assert "1004" not in stored(place)


@pytest.mark.parametrize(
    "ornament",
    [
        {"comment": "x" * 1_000_000},
        {"comment": "\0"},
        {"album": "\ud800"},
        {"release_date": {"year": 1999}},
    ],
    ids=lambda ornament: repr(ornament)[:30],
)
def test_a_wrong_ornament_costs_itself(ornament: dict[str, Any], place: Place, run: Run) -> None:
    rows = [a_row(number) for number in range(9)]
    rows[4] |= ornament
    with serving(in_pages(rows)) as server:
        counts = summary(run(place, *KEXP, *DAY, KEXP_BASE_URL=server.url))
    assert (counts["errors"], counts["provenance_inserted"]) == (0, 9)
    assert "1004" in stored(place)


def test_a_play_of_the_future_claims_nothing(place: Place, run: Run) -> None:
    """The time up to it was not read, and what follows is asked for again."""
    rows = [a_row(number) for number in range(8)]
    with serving(in_pages(rows)) as server:
        run(place, *KEXP, *DAY, KEXP_BASE_URL=server.url)
    late = [rows[7], a_row(8, airdate="9998-01-01T00:00:00-08:00")]
    with serving(in_pages(late)) as server:
        done = run(place, *KEXP, "-a", "incremental=1", KEXP_BASE_URL=server.url)
    counts = summary(done)
    assert (counts["errors"], counts["duplicates_skipped"]) == (1, 1)
    assert "1008" not in stored(place)
    assert max(place.column("SELECT end_at FROM covered_interval")) < utc_now() + 2 * 86_400


def test_an_unknown_type_is_put_aside_and_counted(place: Place, run: Run) -> None:
    rows = [a_row(number) for number in range(4)]
    rows[1]["play_type"] = "psa"
    with serving(in_pages(rows)) as server:
        done = run(place, *KEXP, *DAY, KEXP_BASE_URL=server.url)
    assert (summary(done)["track_plays"], summary(done)["errors"]) == (3, 0)
    assert "rows: unknown" in done.out
    (line,) = (place.cache / "kexp_review.jsonl").read_text(encoding="utf-8").splitlines()
    note = json.loads(line)
    assert (note["source_play_id"], note["kind"], note["play_type"]) == (
        "1001",
        "unknown_type",
        "psa",
    )


@pytest.mark.parametrize("table", ["external_play", "song"])
def test_a_write_that_fails_costs_its_row_only(
    table: str, place: Place, sandbox: Sandbox, run: Run
) -> None:
    run(place, *KEXP, "-a", "limit=1")
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute(
            f"CREATE TRIGGER stubborn BEFORE INSERT ON {table} WHEN NEW.title LIKE 'S%' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    done = run(place, *KEXP, *DAY)
    counts = summary(done)
    lost = [
        row
        for row in valid(
            aired(sandbox, "2026-03-07T00:00:00-08:00", "2026-03-07T23:59:59.999-08:00")
        ).values()
        if row["song"].startswith("S")
    ]
    assert 0 < len(lost) == counts["errors"]
    assert counts["provenance_inserted"] > 200
    assert not {str(row["id"]) for row in lost} & set(stored(place))
    # Nothing hangs in the air: every play has its song.
    assert place.query("SELECT 1 FROM external_play WHERE song_id IS NULL") == []


def test_a_next_link_to_another_host_is_not_followed(place: Place, run: Run) -> None:
    with serving(in_pages([])) as other:
        rows = [a_row(number) for number in range(30)]
        with serving(in_pages(rows, host=other.url)) as server:
            done = run(place, *KEXP, *DAY, code=1, KEXP_BASE_URL=server.url)
        assert other.seen == []
    assert "which is not followed" in done.err
    assert len(stored(place)) == 10
    ((cursor,),) = place.query("SELECT cursor FROM ingestion_checkpoint")
    assert cursor == "2026-03-07T18:08:59Z"


def test_a_server_that_ignores_the_window(place: Place, run: Run) -> None:
    rows = [a_row(number, airdate="2026-01-01T00:00:00-08:00") for number in range(30)]
    with serving(in_pages(rows)) as server:
        done = run(place, *KEXP, *DAY, code=1, KEXP_BASE_URL=server.url)
        assert len(server.seen) == 1
    assert "not to know the parameters" in done.err
    assert summary(done)["errors"] == 10
    assert stored(place) == []
    assert place.query("SELECT * FROM covered_interval") == []


def test_an_order_of_the_servers_own_claims_nothing_before_the_end(place: Place, run: Run) -> None:
    rows = [a_row(number) for number in range(30)][::-1]
    with serving(in_pages(rows)) as server:
        run(place, *KEXP, *DAY, "-a", "page_limit=2", KEXP_BASE_URL=server.url)
        assert place.query("SELECT * FROM covered_interval") == []
        run(place, *KEXP, *DAY, KEXP_BASE_URL=server.url)
    assert len(stored(place)) == 30
    assert len(place.query("SELECT * FROM covered_interval")) == 1


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("-a", "incremental=1", "-a", "start_date=2026-03-01"), "incremental"),
        (("-a", "incremental=yes", "-a", "end_date=2026-03-01"), "incremental"),
        (("-a", "start_date=2026-03-02", "-a", "end_date=2026-03-01"), "start_date is after"),
        (("-a", "start_date=soon"), "start_date"),
        (("-a", "end_date=2026-13-01"), "end_date"),
        (("-a", "limit=0"), "limit"),
        (("-a", "page_limit=-1"), "page_limit"),
        (("-a", "dry_run=perhaps"), "dry_run"),
        (("-a", "budget=0"), "budget"),
        (("-a", "market=US"), "market"),
        (("-s", "KEXP_OVERRIDES=tests/e2e/running.py"), "KEXP_OVERRIDES"),
    ],
)
def test_wrong_use_is_refused_before_any_request(
    argv: tuple[str, ...], says: str, place: Place, sandbox: Sandbox, run: Run
) -> None:
    done = run(place, *KEXP, *argv, code=2)
    assert says in one_line(done)
    assert asked(sandbox) == {}
    assert untouched(place) == {}


def test_no_release_and_no_key_are_needed(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, *KEXP, "-a", "limit=5", SPOTIFY_CLIENT_ID="", SPOTIFY_CLIENT_SECRET="")
    assert asked(sandbox) == {"plays": 1}
    assert not place.export.exists()


def test_a_budget_is_the_most_requests(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, *KEXP, "-a", "budget=2")
    assert asked(sandbox) == {"plays": 2}
    assert len(stored(place)) > 250


def test_the_same_rows_for_ever_end_the_run(place: Place, run: Run) -> None:
    rows, number = [a_row(number) for number in range(10)], count(1)

    def reply(visit: Visit) -> Reply:
        link = f"http://{visit.headers['host']}/plays/?limit=10&offset=0&cursor={next(number)}"
        return json_reply({"next": link, "previous": None, "results": rows})

    with serving(reply) as server:
        done = run(place, *KEXP, *DAY, code=1, KEXP_BASE_URL=server.url)
        assert len(server.seen) <= 4
    assert "the same rows on page after page" in one_line(done)
    assert len(stored(place)) == 10


def test_pages_of_one_moment_for_ever_end_the_run(place: Place, run: Run) -> None:
    number = count(1000)

    def reply(visit: Visit) -> Reply:
        rows = [a_row(5) | {"id": next(number)} for _ in range(10)]
        link = f"http://{visit.headers['host']}/plays/?limit=10&offset=0&cursor={next(number)}"
        return json_reply({"next": link, "previous": None, "results": rows})

    with serving(reply) as server:
        done = run(place, *KEXP, *DAY, code=1, KEXP_BASE_URL=server.url)
        assert len(server.seen) <= 25
    assert "page after page of the same time" in one_line(done)
    assert len(stored(place)) >= 200
