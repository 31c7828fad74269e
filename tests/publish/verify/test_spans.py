"""Spans of the rows, put together, say what the walk over whole files says."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from runclub_spider.publish.verify import spans, verify_release
from runclub_spider.publish.verify.columnar import split
from runclub_spider.publish.verify.files import TABLE_FILES
from runclub_spider.publish.verify.joins import Counts, check_rows
from runclub_spider.publish.verify.manifest import checked_manifest, parse_manifest, policies_of
from runclub_spider.publish.verify.problems import Problems
from runclub_spider.publish.verify.rows import Policies
from runclub_spider.publish.verify.schema import NEWEST_FORM
from runclub_spider.publish.verify.spans import SpansOfRows
from runclub_spider.publish.verify.tables import check_tables
from testkit.release_factory import DATA_FILES, ROWS_OF_GROUP, WIDE, Release

from .mutants import Mutant, groups, write

#: Rows of a span at least: each row group a span of its own, some groups, all.
SIZES = (1, 2 * ROWS_OF_GROUP, 1 << 20)
#: What may be wrong with rows: each change of a field, of rows and of lines.
GROUPS = {
    name: group
    for name, group in groups().items()
    if name[0] in DATA_FILES and not name[1].startswith("file ")
}
_MORE = {"last", "bell", "odd", "null", "lacking", "other", "other everywhere"}


def sound(place: Path) -> Path:
    return Release(80).derive().serialise().assemble().write(place)


def policies(folder: Path) -> Policies:
    data = parse_manifest(folder, Problems())
    return policies_of(checked_manifest(data, NEWEST_FORM, Problems()), NEWEST_FORM)


def as_a_whole(folder: Path) -> Counts | None:
    """What a walk over the files counts; None if it finds anything wrong, or the tables do not."""
    problems, known = Problems(), policies(folder)
    counts = check_rows(folder, known, problems)
    if not problems:
        check_tables(folder, TABLE_FILES, known, problems)
    return None if problems else counts


def followed(parent: Path, mutant: Mutant) -> Path | None:
    """A release with a fault that all files are made of; None where tables cannot hold it."""
    release = Release(40).build()
    mutant.fault(release)
    # Where a row is too odd for it, the app's files stay as they were.
    with suppress(KeyError, TypeError, IndexError, AttributeError):
        release.derive()
    release.serialise()
    try:
        release.tables(release.wide)
    except (pa.ArrowException, TypeError, ValueError, AttributeError):
        return None
    for name in DATA_FILES:
        release.files[name] = b"".join(line + b"\n" for line in release.lines[name])
    release.seal()
    return release.write(parent)


def in_spans(folder: Path, size: int) -> Counts | None:
    return SpansOfRows(folder, policies(folder), size).counts()


@pytest.mark.parametrize("size", SIZES)
def test_a_sound_release_is_counted_alike(tmp_path: Path, size: int) -> None:
    folder, problems = sound(tmp_path), Problems()
    counts = check_rows(folder, policies(folder), problems)
    assert not problems
    assert in_spans(folder, size) == counts


@pytest.mark.parametrize("size", SIZES)
def test_spans_cover_the_files_each_place_once(tmp_path: Path, size: int) -> None:
    folder = sound(tmp_path)
    found = split(folder, NEWEST_FORM, size)
    assert found is not None
    assert len(found) == {1: 5, 1 << 20: 1}.get(size, 3)
    groups = [number for span in found for number in range(*span.groups)]
    assert groups == list(range(5))
    for column, name in enumerate((*DATA_FILES[:3], "catalog.csv"), 1):
        data = (folder / name).read_bytes()
        if name == "catalog.csv":
            _, data = data.split(b"\n", 1)
            begin = found[0].cells[0]
        else:
            begin = 0
        parts = [range(*span[column]) for span in found]
        assert [part.start for part in parts] == [begin, *(part.stop for part in parts[:-1])]
        assert sum(map(len, parts)) == len(data)


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(group, id=" ".join(name), marks=[pytest.mark.full] * (name[1] in _MORE))
        for name, group in GROUPS.items()
    ],
)
def test_whatever_the_whole_finds_no_span_passes(tmp_path: Path, group: list[Mutant]) -> None:
    for number, mutant in enumerate(group):
        (tmp_path / str(number)).mkdir()
        folder = write(tmp_path / str(number), mutant.step, mutant.fault)
        assert in_spans(folder, SIZES[number % 2]) == as_a_whole(folder), mutant.part


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(group, id=name[1], marks=[pytest.mark.full] * (name[1] in _MORE))
        for name, group in GROUPS.items()
        if name[0] == WIDE and group[0].step == "fields"
    ],
)
def test_nor_where_the_tables_and_other_files_follow(tmp_path: Path, group: list[Mutant]) -> None:
    """All that is left to find is the fault of the wide row itself."""
    made = 0
    for number, mutant in enumerate(group):
        (tmp_path / str(number)).mkdir()
        folder = followed(tmp_path / str(number), mutant)
        if folder is not None:
            made += 1
            assert in_spans(folder, 1) == as_a_whole(folder), mutant.part
    assert made


def test_a_file_that_is_not_there_has_no_spans(tmp_path: Path) -> None:
    folder = sound(tmp_path)
    (folder / DATA_FILES[2]).unlink()
    assert split(folder, NEWEST_FORM, 1) is None
    assert in_spans(folder, 1) is None


def test_other_processes_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sound(tmp_path)
    monkeypatch.setattr(spans, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr(spans, "SPAN", 1)
    monkeypatch.setattr(spans, "processors", lambda: 2)
    with spans.begun(folder, policies(folder)) as begun:
        assert begun().counts() == check_rows(folder, policies(folder), Problems())
    (folder / WIDE).write_bytes((folder / WIDE).read_bytes().replace(b"80s", b"90s", 1))
    assert {problem.rule for problem in verify_release(folder)} >= {"sha256", "decade"}


class Counting(ProcessPoolExecutor):
    """Processes that know how much work they were given."""

    given = 0

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        self.given += 1
        return super().submit(*args, **kwargs)


def test_no_more_is_handed_out_once_a_span_is_wrong(tmp_path: Path) -> None:
    folder = sound(tmp_path)
    *lines, last = (folder / WIDE).read_bytes().splitlines(keepends=True)
    # This thread begins with the last.
    (folder / WIDE).write_bytes(b"".join([*lines, last.replace(b'"tempo":', b'"Tempo":')]))
    with Counting(1, get_context("spawn")) as pool:
        assert SpansOfRows(folder, policies(folder), 1, pool, 1).counts() is None
        given = pool.given
        # What it had in hand is done before.
        pool.submit(os.getpid).result()
        assert pool.given == given + 1


def test_without_other_processes_it_takes_longer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = sound(tmp_path)
    ends = ProcessPoolExecutor(1, get_context("spawn"), os._exit, (1,))
    with ends, caplog.at_level(logging.WARNING):
        assert SpansOfRows(folder, policies(folder), 1, ends, 2).counts() is None
    assert "Other processes cannot work here" in caplog.text
