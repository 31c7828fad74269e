"""`scrapy seeds`: what it shows is the plan, and nobody is asked for it."""

from __future__ import annotations

import csv
import io
import json
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from scrapy.cmdline import execute

from runclub_spider.catalog.families import family_names
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from runclub_spider.config import Config, utc_now
from runclub_spider.console.seeds import COLUMNS, LEDGER
from runclub_spider.crawl.regime import regime_key
from runclub_spider.frontier.prospect import aims_at
from runclub_spider.frontier.templates import Seed, load_seeds
from runclub_spider.store.db import meta, tables
from runclub_spider.store.db.engine import Store
from runclub_spider.store.queue import quota, seeds

ROOT = Path(__file__).parents[2]
UMBRELLAS = UmbrellaMap.load(ROOT / "seeds" / "umbrellas.yaml")
PLAN = load_seeds(ROOT / "seeds", UMBRELLAS)
TRACK = [seed for seed in PLAN if seed.kind == "track"]
LISTS = [seed for seed in PLAN if seed.kind == "playlist"]
Show = Callable[..., str]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def show(cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Show:
    """`show(*options, code=0, **settings)`: what it prints, without keys and without a network.

    With another code: its line on stderr.
    """

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    def show(*options: str, code: int = 0, **settings: object) -> str:
        values = dict.fromkeys(Config.names(), "") | {"CACHE_DIR": cache} | settings
        given = [word for name, value in values.items() for word in ("-s", f"{name}={value}")]
        with pytest.raises(SystemExit) as end:
            execute(["scrapy", "seeds", *given, *options])
        shown = capsys.readouterr()
        assert end.value.code == code, shown.err
        silent, told = (shown.err, shown.out) if code == 0 else (shown.out, shown.err)
        assert silent == ""
        return told

    return show


def as_json(show: Show, *options: str, **settings: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(show("--format", "json", *options, **settings))
    return found


def without_ledger(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in LEDGER}


def test_json_holds_the_whole_plan_without_a_store(show: Show, cache: Path) -> None:
    found = as_json(show)
    assert [without_ledger(row) for row in found["seeds"]] == [asdict(seed) for seed in PLAN]
    assert all(row[name] is None for row in found["seeds"] for name in LEDGER)
    summary = found["summary"]
    assert summary["seeds"] == len(PLAN)
    for name, dimension in (
        ("families", "family"),
        ("umbrellas", "umbrella"),
        ("decades", "decade"),
    ):
        counted = Counter((getattr(s, dimension) or "any", s.kind) for s in PLAN)
        told = {(v, kind): n for v, row in summary[name].items() for kind, n in row.items() if n}
        assert told == counted
    assert (found["store"], found["regime"]) == (None, None)
    assert set(found["cost"]) == {"development", "extended"}
    assert not cache.exists()


def test_what_it_costs_at_most(show: Show) -> None:
    cost = as_json(show, MAX_RESULTS_PER_SEED=95, TOP_PLAYLISTS_PER_SEED=2)["cost"]
    development = cost["development"]
    assert development["first"]["calls"]["track_searches"] == len(TRACK)
    assert development["first"]["days"] == round(len(TRACK) / 600, 2)
    assert development["all"]["calls"]["track_searches"] == 10 * len(TRACK)
    assert development["all"]["calls"]["playlist_searches"] == 0
    assert development["all"]["calls"]["features"] == -(-95 * len(TRACK) // 40)
    assert development["limits"]["search"] == {"calls": 600, "origin": "assumed"}
    extended = cost["extended"]
    assert extended["all"]["calls"]["track_searches"] == 2 * len(TRACK)
    assert extended["all"]["calls"]["playlist_searches"] == len(LISTS)
    assert extended["all"]["calls"]["playlists"] == 2 * 5 * len(LISTS)
    assert extended["limits"] == {}


def test_regime_and_limits_of_the_settings(show: Show) -> None:
    found = as_json(
        show,
        *("--family", "cadence"),
        SPOTIFY_PROFILE="extended",
        QUOTA_LIMITS="search=30,playlist=0",
        QUOTA_SHARE="0.5",
    )
    assert found["regime"] == "extended"
    (cost,) = found["cost"].values()
    assert cost["limits"]["search"] == {"calls": 15, "origin": "set"}
    # No playlist call is allowed at all.
    assert cost["all"]["days"] is None
    tracks = as_json(show, "--family", "cadence", "--kind", "track", QUOTA_LIMITS="search=90")
    assert tracks["cost"]["development"]["first"]["days"] == 45 / 90


def test_csv_is_the_plan_a_line_a_seed(show: Show) -> None:
    text = show("--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(text.splitlines()) == len(PLAN) + 1
    assert tuple(rows[0]) == COLUMNS
    assert rows == [
        dict.fromkeys(LEDGER, "")
        | {name: "" if value is None else str(value) for name, value in asdict(seed).items()}
        for seed in PLAN
    ]


def test_a_term_in_csv_is_no_formula(show: Show, tmp_path: Path) -> None:
    seeds_dir = tmp_path / "seeds"
    shutil.copytree(ROOT / "seeds", seeds_dir)
    (seeds_dir / "search_terms.txt").write_text("=cmd|' /C calc'!A0\n+1 run\n", encoding="utf-8")
    text = show("--format", "csv", SEEDS_DIR=str(seeds_dir))
    first, second, *_ = csv.DictReader(io.StringIO(text))
    assert [first["term"], second["term"]] == ["'=cmd|' /C calc'!A0", "'+1 run"]


def test_the_table_fits_80_columns(show: Show) -> None:
    text = show()
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    numbers: dict[str, list[str]] = {}
    for line in lines:
        # The first table has the families; a later one has calls for artists.
        numbers.setdefault(*(line.split()[:1] or [""]), line.split()[1:])
    for family in family_names(ROOT / "seeds")[:-1]:
        of_kind = [sum(s.family == family for s in plan) for plan in (TRACK, LISTS, PLAN)]
        assert numbers[family] == [f"{n:,}" if n else "·" for n in of_kind]
    by_decade = Counter(s.decade or "any" for s in PLAN if s.umbrella == "Metal")
    shown = [by_decade[column] for column in (*DECADE_LABELS, "any")]
    assert numbers["Metal"] == [f"{n:,}" if n else "·" for n in (*shown, sum(shown))]
    assert f"all {len(TRACK):,} {len(LISTS):,} {len(PLAN):,}" in " ".join(text.split())
    for said in ("not probed yet", "assumed", "No store yet", "may not open other people's"):
        assert said in " ".join(text.split())


@pytest.mark.parametrize(
    ("family", "kind"),
    [("cadence", "track"), ("editorial", "playlist"), ("long_tail", None), (None, "playlist")],
)
def test_family_and_kind_narrow_the_plan(family: str | None, kind: str | None, show: Show) -> None:
    given = (("--family", family), ("--kind", kind))
    found = as_json(show, *(word for pair in given if pair[1] for word in pair))
    wanted = [s.term for s in PLAN if family in (None, s.family) and kind in (None, s.kind)]
    assert [row["term"] for row in found["seeds"]] == wanted
    assert found["summary"]["seeds"] == len(wanted)


def test_a_family_without_seeds(show: Show) -> None:
    assert as_json(show, "--family", "custom")["seeds"] == []
    assert "all · · 0" in " ".join(show("--family", "custom").split())


def test_own_terms_and_deduplication(show: Show, tmp_path: Path) -> None:
    own = tmp_path / "seeds"
    own.mkdir()
    for path in (ROOT / "seeds").iterdir():
        (own / path.name).write_bytes(path.read_bytes())
    (own / "search_terms.txt").write_text("Rock Running\nrock running\n", encoding="utf-8")
    counts = [
        as_json(show, "--family", "custom", SEEDS_DIR=own, SEED_DEDUPE=dedupe)["summary"]["seeds"]
        for dedupe in (1, 0)
    ]
    assert counts == [1, 2]
    (own / "cadence.yaml").write_text("family: cadenza\n", encoding="utf-8")
    assert f"{own / 'cadence.yaml'}:1: key 'family'" in show(code=2, SEEDS_DIR=own)


def test_without_a_store_all_cells_are_thin(show: Show) -> None:
    found = as_json(show, "--thin")
    assert found["summary"]["seeds"] == len(PLAN)
    assert len(found["cells"]["thin"]) == found["cells"]["possible"]
    assert as_json(show, "--thin", CELL_MINIMUM=0)["seeds"] == []


def test_a_seed_aims_at_the_cells_it_does_not_rule_out() -> None:
    thin = frozenset({("Rock", "70s")})
    for umbrella, decade, aims in (
        ("Rock", "70s", True),
        ("Rock", "80s", False),
        ("Pop", "70s", False),
        ("Rock", None, True),
        ("Pop", None, False),
        (None, "70s", True),
        (None, "80s", False),
        (None, None, True),
    ):
        assert aims_at(Seed("x", "track", "custom", umbrella, decade), thin) is aims
        assert not aims_at(Seed("x", "track", "custom", umbrella, decade), frozenset())


def test_output_into_a_file(show: Show, tmp_path: Path) -> None:
    for form in ("table", "json", "csv"):
        path = tmp_path / f"plan.{form}"
        told = show("--format", form, "--output", str(path), "--family", "cadence")
        assert told == f"135 seeds written to {path}\n"
        assert path.read_bytes().decode() == show("--format", form, "--family", "cadence")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--format", "xml"), ("--format 'xml'", "table, json, csv")),
        (("--family", "nope"), ("--family 'nope'", "editorial")),
        (("--family", ""), ("--family ''", "editorial")),
        (("--kind", "song"), ("--kind 'song'", "track, playlist")),
        (("--colour",), ("'--colour'",)),
        (("stray",), ("'stray'",)),
        (("--output", ""), ("--output", "name a file")),
        (("--output", "no/such/folder/x.csv"), ("--output", "no/such/folder/x.csv")),
        (("-s", "MAX_RESULTS_PER_SEED=0"), ("MAX_RESULTS_PER_SEED",)),
        (("-s", "SEEDS_DIR=nowhere"), ("umbrellas.yaml", "no such file")),
    ],
)
def test_wrong_options_are_one_line(
    options: tuple[str, ...], says: tuple[str, ...], show: Show
) -> None:
    line = show(*options, code=2)
    assert line.startswith("scrapy seeds: ")
    assert line.count("\n") == 1
    for words in says:
        assert words in line


def test_a_damaged_store_is_named(show: Show, cache: Path) -> None:
    cache.mkdir()
    (cache / "runclub.sqlite").write_bytes(b"no database" * 1000)
    line = show(code=2)
    assert "runclub.sqlite is corrupt" in line
    assert line.count("\n") == 1


def test_the_ledger_of_a_store(show: Show, cache: Path) -> None:
    """Exhausted searches cost nothing until they are due, running ones what is left of them."""
    config = Config(cache_dir=cache)
    first, second, third, fourth = TRACK[:4]
    now = utc_now()
    store = Store.open(config)
    with store.begin() as connection:
        seeds.register(
            connection,
            [
                {"term": s.term, "search_type": "track", "market": "US", "family": s.family}
                for s in TRACK[:5]
            ],
        )
        for seed, state, at, read in (
            (first, seeds.RUNNING, now, 30),
            (second, seeds.EXHAUSTED, now, 10),
            (third, seeds.EXHAUSTED, now - 40 * 86_400, 10),
            (fourth, seeds.RUNNING, now, 200),
        ):
            seeds.advance(
                connection,
                (seed.term, "track", "US"),
                state=state,
                next_offset=read,
                offset=0,
                now=at,
                rows=read,
            )
        # What an older version counted.
        connection.execute(
            sa.update(tables.seed)
            .where(tables.seed.c.requests > 0)
            .values(new_tracks=7, eligible_new=5, generation_new=5)
        )
        meta.put(connection, regime_key(config), f"development|{now}")
        quota.learn_limit(connection, "spotify", "search", 50)
    store.close()
    found = as_json(show, "--kind", "track")
    assert found["regime"] == "development"
    assert [[row[name] for name in LEDGER] for row in found["seeds"][:6]] == [
        ["open", 30, 1, 30, 7, 5],
        ["exhausted", 10, 1, 10, 7, 5],
        ["exhausted", 10, 1, 10, 7, 5],
        ["open", 200, 1, 200, 7, 5],
        ["fresh", 0, 0, 0, 0, 0],
        ["fresh", 0, 0, 0, 0, 0],
    ]
    (cost,) = found["cost"].values()
    assert cost["limits"]["search"] == {"calls": 50, "origin": "learnt"}
    assert cost["first"]["calls"]["track_searches"] == len(TRACK) - 2
    assert cost["all"]["calls"]["track_searches"] == (len(TRACK) - 4) * 20 + 17 + 20
    assert cost["all"]["days"] == round(cost["all"]["calls"]["track_searches"] / 50, 2)
    shown = " ".join(show("--kind", "track").split())
    assert "4 of these seeds were asked, 2 of them to their end" in shown
    assert "found out" in shown
    other = as_json(show, "--kind", "track", MARKET="CA")
    assert {row["state"] for row in other["seeds"]} == {"fresh"}


def test_a_reader_that_has_enough_is_no_error() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "seeds", "--format", "csv"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline().startswith(b"term,kind,")
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(30) == 0
    child.stderr.close()
