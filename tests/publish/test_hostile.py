"""Folders that somebody else made: problems or one clear line, never a traceback, never a hang."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scrapy.settings import Settings

from runclub_spider.config import Config
from runclub_spider.console.diff import diff
from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.account.diff import compare
from runclub_spider.publish.verify import inspect_release, verify_release
from runclub_spider.publish.verify.schema import FORMS, NEWEST_FORM
from runclub_spider.publish.write import report
from testkit.release_factory import ARTISTS, FEATURES, TRACKS, WIDE, Release

DEEP = b"[" * 1200 + b"]" * 1200
NESTED = b"[" * 300 + b"]" * 300
JUNK = [
    b"",
    b"[]",
    b"7",
    b"null",
    b'"text"',
    b"1" * 5000,
    b"1e999",
    b"NaN",
    b"{",
    b"\xff\xfe",
    DEEP,
    NESTED,
    b'{"schemaVersion": %s}' % NESTED,
    b'{"schemaVersion": NaN}',
    b'{"version": {}, "createdAt": []}',
]


def sound(parent: Path) -> Path:
    return Release().build().write(parent)


def refused(folder: Path, tmp_path: Path) -> None:
    """Each command's own way of saying no, on one line."""
    assert verify_release(folder)
    for problem in verify_release(folder):
        assert str(problem).isprintable()
    with pytest.raises(ConfigurationError) as told:
        report.write(folder, tmp_path / "report.html")
    assert str(told.value).isprintable()
    other = Release(4).build().write(tmp_path / "other")
    for pair in ((folder, other), (other, folder)):
        with pytest.raises(ConfigurationError) as told:
            compare(*pair)
        assert str(told.value).isprintable()


@pytest.mark.parametrize("content", JUNK, ids=lambda content: repr(content[:20]))
def test_a_manifest_that_is_none(content: bytes, tmp_path: Path) -> None:
    folder = sound(tmp_path)
    (folder / "manifest.json").write_bytes(content)
    refused(folder, tmp_path)


def paths_to(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) and len(path) < 2 else ()
    for key, one in items:
        found += paths_to(one, (*path, key))
    return found


@pytest.mark.parametrize("value", [None, 2**70, "a\x1b[2J", [[1]], "gone"], ids=repr)
def test_a_manifest_with_one_odd_value(value: Any, tmp_path: Path) -> None:
    """Of each place in turn: verify has a problem or none, the others go on or say no."""
    folder = sound(tmp_path)
    whole = (folder / "manifest.json").read_text(encoding="utf-8")
    for path in paths_to(json.loads(whole)):
        document = json.loads(whole)
        place = document
        for key in path[:-1]:
            place = place[key]
        if value == "gone":
            del place[path[-1]]
        else:
            place[path[-1]] = value
        (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
        if len(path) == 1:
            for problem in verify_release(folder):
                assert str(problem).isprintable()
        with suppress(ConfigurationError):
            report.write(folder, tmp_path / "report.html")
        if len(path) == 1:
            with suppress(ConfigurationError):
                compare(folder, folder)


LINES: dict[str, Callable[[bytes], bytes]] = {
    "nested deeper than it is read": lambda line: line[:-1] + b',"x":%b}' % DEEP,
    "nested deeper than it is written": lambda line: line[:-1] + b',"x":%b}' % NESTED,
    "a list": lambda line: b"[1]",
    "a number": lambda line: b"1" * 5000,
    "infinite": lambda line: line[:-1] + b',"x":1e999}',
    "not UTF-8": lambda line: line[:-1] + b',"x":"\xff"}',
    "a lone surrogate": lambda line: line[:-1] + b',"x":"\\ud800"}',
    "an empty object": lambda line: b"{}",
}


@pytest.mark.parametrize("change", LINES.values(), ids=LINES)
@pytest.mark.parametrize("file", [WIDE, TRACKS, FEATURES, ARTISTS])
def test_a_line_that_is_no_row(file: str, change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    release = Release().derive().serialise()
    release.lines[file][3] = change(release.lines[file][3])
    folder = release.assemble().write(tmp_path)
    assert verify_release(folder)
    if file == WIDE:
        with pytest.raises(ConfigurationError, match="cannot be read as a release"):
            compare(folder, folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_extra", None),
        ("_extra", {}),
        ("_extra", {"umbrellas": "x"}),
        ("_extra", {"umbrellas": [[]], "merged_track_ids": 3}),
        ("artist_names", None),
        ("artist_names", [1]),
        ("album_decade_label", 3),
        ("spotify_track_id", 2**64),
        ("name", None),
        ("created_at", []),
    ],
)
def test_a_row_with_one_odd_value(name: str, value: Any, tmp_path: Path) -> None:
    release = Release().derive()
    release.rows[WIDE][3][name] = value
    release.serialise()
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"version": "v", "createdAt": "t"}')
    (folder / WIDE).write_bytes(b"\n".join(release.lines[WIDE]) + b"\n")
    assert verify_release(folder)
    with pytest.raises(ConfigurationError, match="cannot be read as a release"):
        compare(folder, Release(4).build().write(tmp_path))


KINDS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "loop": lambda path: path.symlink_to(path.name),
    "dangling": lambda path: path.symlink_to("gone"),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    "name", ["manifest.json", WIDE, "catalog.csv", "catalog.parquet", "discovery.csv", f"{WIDE}.gz"]
)
def test_something_else_where_a_file_should_be(
    name: str, kind: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = sound(tmp_path)
    (folder / name).unlink()
    kind(folder / name)
    if name == "manifest.json":
        refused(folder, tmp_path)
    else:
        assert {problem.file for problem in verify_release(folder)} >= {name}
    if name == WIDE:
        with pytest.raises(ConfigurationError, match=WIDE):
            compare(folder, folder)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder = sound(tmp_path)
    (folder / os.fsdecode(b"caf\xe9\x1b[2J")).write_bytes(b"")
    (problem,) = verify_release(folder)
    assert problem.rule == "unexpected"
    assert str(problem).isprintable()
    moved = folder.rename(tmp_path / os.fsdecode(b"caf\xe9"))
    assert all(str(problem).isprintable() for problem in verify_release(moved))


def test_a_report_that_cannot_be_written_names_its_own_path(tmp_path: Path) -> None:
    folder = sound(tmp_path)
    for target in (tmp_path / "none" / "x.html", tmp_path, Path("/proc/nothing")):
        with pytest.raises(ConfigurationError, match="cannot write to ") as told:
            report.write(folder, target)
        assert str(target) in str(told.value)
        assert "manifest" not in str(told.value)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\udcff", "none"])
def test_a_folder_that_can_not_be(name: str) -> None:
    with pytest.raises(ConfigurationError, match="no report"):
        report.find(Path(name))
    with pytest.raises(ConfigurationError):
        report.write(Path(name), Path("x.html"))


@pytest.mark.parametrize(
    "form", [0, NEWEST_FORM + 1, 99, -1, 2**70, 1.0, 2.0, True, None, "2", [2], {}]
)
def test_a_form_that_is_not_known_is_one_line(form: Any, tmp_path: Path) -> None:
    release = Release().build()
    release.manifest["schemaVersion"] = form
    (problem,) = verify_release(release.write(tmp_path))
    assert problem.rule == "schema-version"
    assert f"this program knows {FORMS[0]} to {NEWEST_FORM}" in problem.message


def test_an_older_form_has_older_rules(tmp_path: Path) -> None:
    """A row that form 2 refuses, in a release of form 1 and in one of form 2."""
    release = Release()
    release.wide[5]["name"] = "line\u2028break"
    release.wide[6]["preview_url"] = "javascript:alert(1)"
    release.build()
    found = verify_release(release.write(tmp_path / "new"))
    assert {problem.rule for problem in found} == {"text-control", "url"}
    release.older(1)
    release.describe()
    del release.manifest["schemaVersion"], release.manifest["unsound"]
    assert verify_release(release.write(tmp_path / "old")) == []


@pytest.mark.parametrize(
    "values",
    [
        pa.array([2**31 - 1] * 40, pa.int32()).view(pa.date32()),
        pa.array([2**62] * 40, pa.int64()).view(pa.duration("s")),
        pa.array([2**62] * 40, pa.int64()).view(pa.time64("ns")),
        pa.array([b"\xff"] * 40, pa.binary()).view(pa.string()),
    ],
    ids=lambda values: str(values.type),
)
def test_a_parquet_of_values_that_are_none(values: pa.Array, tmp_path: Path) -> None:
    release = Release().build()
    table = pq.read_table(pa.BufferReader(release.files["catalog.parquet"]))
    at = table.schema.get_field_index("name")
    pq.write_table(table.set_column(at, "name", values), tmp_path / "odd.parquet")
    release.files["catalog.parquet"] = (tmp_path / "odd.parquet").read_bytes()
    release.seal()
    (problem,) = verify_release(release.write(tmp_path))
    assert (problem.file, problem.rule) == ("catalog.parquet", "table")
    assert str(problem).isprintable()


@pytest.mark.parametrize(
    ("file", "rule"), [("catalog.csv", "table"), ("discovery.csv", "csv")], ids=lambda one: one
)
def test_a_csv_without_line_ends_is_not_read_whole(file: str, rule: str, tmp_path: Path) -> None:
    release = Release().build()
    release.files[file] = b"x," * (9 << 20)
    release.seal()
    (problem,) = verify_release(release.write(tmp_path))
    assert (problem.file, problem.rule) == (file, rule)
    assert "a line is longer than 16 MiB" in problem.message


# Which row is at fault


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        (WIDE, "tempo", -1),
        (WIDE, "duration_ms", 1),
        (WIDE, "name", "\x07"),
        (WIDE, "updated_at", "yesterday"),
        (TRACKS, "popularity", 101),
        (TRACKS, "_ingestQuery", "a\u0085b"),
        (FEATURES, "energy", 2),
    ],
)
def test_every_row_at_fault_is_named_by_its_track(
    file: str, name: str, value: Any, tmp_path: Path
) -> None:
    release = Release().derive()
    for row in release.rows[file][:35]:
        row[name] = value
    folder = release.serialise().assemble().write(tmp_path)
    findings = inspect_release(folder)
    key = {WIDE: "spotify_track_id", TRACKS: "id", FEATURES: "trackId"}[file]
    assert set(findings.tracks) == {row[key] for row in release.rows[file][:35]}
    assert findings.artists == {}
    assert all(words.isprintable() for words in findings.tracks.values())


def test_an_artists_row_is_named_by_the_artist(tmp_path: Path) -> None:
    release = Release().derive()
    release.rows[ARTISTS][2]["popularity"] = 101
    findings = inspect_release(release.serialise().assemble().write(tmp_path))
    assert set(findings.artists) == {release.rows[ARTISTS][2]["id"]}
    assert findings.tracks == {}


def test_of_two_rows_that_contradict_each_other_the_later_is_named(tmp_path: Path) -> None:
    release = Release()
    release.wide[9]["isrc"] = release.wide[5]["isrc"]
    findings = inspect_release(release.build().write(tmp_path / "isrc"))
    assert set(findings.tracks) == {release.wide[9]["spotify_track_id"]}

    release = Release()
    first, second = (release.wide[at]["spotify_track_id"] for at in (5, 9))
    release.wide[5]["_extra"]["merged_track_ids"] = [second]
    findings = inspect_release(release.build().write(tmp_path / "merged"))
    assert set(findings.tracks) == {max(first, second)}


def test_a_fault_of_the_whole_names_no_row(tmp_path: Path) -> None:
    release = Release().build()
    release.manifest["accounting"]["pending"] += 1
    findings = inspect_release(release.write(tmp_path))
    assert (findings.tracks, findings.artists) == ({}, {})
    assert [problem.rule for problem in findings.unnamed] == ["accounting"]


def test_what_a_release_says_steers_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = Release(4).build(), Release(4)
    for row in after.wide:
        row["name"] = "\x1b]0;title\x07\x9b2J\u2028"
        row["_extra"]["umbrellas"] = ["\x1b[31mRock"]
    after.build()
    after.manifest["version"] = "\x1b[2J\x9b"
    folders = [str(one.write(tmp_path, name)) for one, name in ((before, "a"), (after, "b"))]
    settings = Settings()
    settings.setmodule("runclub_spider.settings")
    for as_json in (False, True):
        diff(Config.from_settings(settings), *folders, as_json=as_json)
        told = capsys.readouterr().out
        assert not {"\x1b", "\x07", "\x9b", "\u2028"} & set(told)
        assert "title" in told
    assert len(json.loads(told)["moved"]) == 4
