"""The benchmarks can at least be loaded: nothing else runs them before a release."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from html import unescape
from importlib import import_module
from pathlib import Path
from statistics import median

import pytest

from bench.__main__ import named
from bench.benchmarks import NAMES
from bench.benchmarks.speed_crawl import parts
from bench.benchmarks.speed_tracks import script
from bench.context import Context, Options
from bench.pairs import Pairs, alternate
from bench.process import measure
from bench.terminal_picture import PICTURE, SCREEN, picture


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_has_a_run(name: str) -> None:
    module = import_module(f"bench.benchmarks.{name}")
    assert callable(module.run)
    assert module.__doc__


def test_a_name_stands_for_all_that_begin_with_it() -> None:
    assert named("crawl") == ["crawl"]
    assert set(named("speed")) == {name for name in NAMES if name.startswith("speed_")}
    assert named("spee") == []


def test_the_picture_of_a_terminal_shows_what_the_program_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else `python -m bench.terminal_picture` draws it anew."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in SCREEN.items():
        monkeypatch.setenv(name, value)
    drawn, kept = picture(), PICTURE.read_text(encoding="utf-8")
    assert said(drawn) == said(kept)
    assert "@font-face" not in kept
    assert "url(http" not in kept


def said(svg: str) -> list[str]:
    """The words of a picture; how they are placed is the library's."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return unescape("".join(texts)).split()


def test_two_are_measured_in_turns() -> None:
    order: list[str] = []
    values = iter([8.0, 1.0, 2.0, 30.0, 4.0, 1.0])

    def run(name: str) -> float:
        order.append(name)
        return next(values)

    found = alternate(3, lambda: run("ours"), lambda: run("theirs"))
    assert "".join(name[0] for name in order) == "ottoot"
    assert found == Pairs((8.0, 30.0, 4.0), (1.0, 2.0, 1.0))
    assert found.our(float) == median((8.0, 30.0, 4.0))
    # The median of the pairs' ratios, not the ratio of the medians.
    assert found.ratio(float, float) == median((8.0, 15.0, 4.0))


def test_memory_is_that_of_all_processes(tmp_path: Path) -> None:
    block = "import sys, time; kept = bytearray(60_000_000); time.sleep(float(sys.argv[1]))"
    spawn = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {block!r}, '0.3'])"
    found = measure(
        [sys.executable, "-c", f"kept = bytearray(60_000_000); {spawn}"],
        env=dict(os.environ),
        folder=tmp_path,
        timeout=60,
    )
    assert found.tree_mb > 120
    assert found.peak_mb < found.tree_mb


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with ExitStack() as stack:
        yield Context(
            Options(data=None, quick=True, limit=300),
            tmp_path_factory.mktemp("bench"),
            stack,
            lambda _: None,
        )


@pytest.mark.e2e
def test_the_script_that_is_replaced_does_its_work(context: Context) -> None:
    place = context.place("script")
    found = script(context, ["running", "running"], place)
    rows = [
        json.loads(line)
        for line in (place.export / "tracks.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert found.exported == len(rows) > 0
    assert found.requests > 2
    for name in ("id", "isrc"):
        assert max(Counter(row[name] for row in rows if row[name]).values()) == 1
    assert all(120_000 <= row["duration_ms"] <= 360_000 and row["tempo"] for row in rows)
    assert len((place.export / "tracks.csv").read_bytes().splitlines()) > len(rows)


@pytest.mark.e2e
def test_a_crawl_is_cut_into_its_parts(context: Context) -> None:
    found = parts(context, context.place("marked"), 1)
    assert found.requests > 0
    assert min(found.start, found.asking, found.release) > 0
    assert found.start + found.asking + found.release == pytest.approx(found.run.cpu)
