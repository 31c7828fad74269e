"""Parquet and CSV of the wide catalogue hold what the lines hold."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runclub_spider.publish.choose.unsound import unformula
from runclub_spider.publish.files import sha256
from runclub_spider.publish.verify import cells as verified
from runclub_spider.publish.verify import columnar
from runclub_spider.publish.verify import tables as verified_tables
from runclub_spider.publish.verify.problems import Problems
from runclub_spider.publish.verify.rows import Policies
from runclub_spider.publish.verify.schema import NEWEST_FORM
from runclub_spider.publish.write import tables
from testkit import release_factory as factory
from testkit.blocks import columns_of

SCHEMA = json.loads((factory.SCHEMAS / "catalog_wide.schema.json").read_bytes())
COLUMNS = list(SCHEMA["properties"])


def rows(number: int) -> list[dict[str, Any]]:
    made = [factory.wide_row(one) for one in range(number)]
    factory.without_features(made[1])
    made[2]["name"] = 'Quote " comma , line — ünïcode'
    made[2]["artist_image_urls"] = ["", "https://i/1"]
    return [{name: row[name] for name in COLUMNS} for row in made]


def write(folder: Path, made: list[dict[str, Any]]) -> tuple[Path, Path]:
    """Both tables, of two parts."""
    parts = [folder / name for name in ("0", "1")]
    for part, some in zip(parts, (made[: 2 * tables.BATCH], made[2 * tables.BATCH :]), strict=True):
        part.mkdir()
        with tables.TablesPart(part, SCHEMA) as table:
            for start in range(0, len(some), tables.BATCH):
                table.add(columns_of(some[start : start + tables.BATCH]))
            assert table.fault is None
    parquet, plain = folder / "catalog.parquet", folder / "catalog.csv"
    tables.join_tables(parts, SCHEMA, parquet=parquet, csv=plain)
    return parquet, plain


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH", 7)


@pytest.mark.usefixtures("small_batches")
def test_parquet_gives_the_rows_back(tmp_path: Path) -> None:
    made = rows(23)
    parquet, _ = write(tmp_path, made)
    table = pq.read_table(parquet)
    assert table.column_names == COLUMNS
    back = table.to_pylist()
    for row in back:
        row["sources"], row["_extra"] = json.loads(row["sources"]), json.loads(row["_extra"])
    assert back == made


FORMULAS = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "  =1",
    '"=1',
    "'=1",
    "' -1",
    "\uff1d1",
    "`@x",
]
PLAIN = ["Song", "1-2-3", "a=b", "(+)", "—", "'Til I Die", "…and on", "", "#1", "é-1"]


def test_no_cell_is_a_formula_and_every_text_comes_back(tmp_path: Path) -> None:
    """A leading apostrophe, and nothing else; Parquet keeps the text as it is."""
    made = rows(len(FORMULAS) + len(PLAIN))
    for row, name in zip(made, [*FORMULAS, *PLAIN], strict=True):
        row["name"] = row["album_name"] = name
        row["loudness"] = -6.5
    parquet, plain = write(tmp_path, made)
    with plain.open(encoding="utf-8", newline="") as file:
        back = list(csv.DictReader(file))
    for name in ("name", "album_name"):
        assert [row[name] for row in back] == [*(f"'{one}" for one in FORMULAS), *PLAIN]
        assert [verified.written_cell(row[name]) for row in back] == [*FORMULAS, *PLAIN]
    assert {row["loudness"] for row in back} == {"-6.5"}
    assert pq.read_table(parquet).column("name").to_pylist() == [*FORMULAS, *PLAIN]
    for row in back:
        assert not any(verified.would_run(cell) for cell in row.values())


@settings(deadline=None, max_examples=400)
@given(st.text(alphabet=st.sampled_from("'\"` \t\r\n=+a")) | st.text())
@example("'\n")
@example("''\t=")
def test_whatever_a_cell_holds_it_is_no_formula_and_comes_back(text: str) -> None:
    cell = unformula(text)
    assert cell is not None
    assert not verified.would_run(cell)
    assert verified.written_cell(cell) == text


def test_verify_knows_the_same_columns() -> None:
    assert verified_tables.columns_of(NEWEST_FORM).types.equals(tables.schema(SCHEMA))


def held_against_lines(folder: Path) -> None:
    """Hold all rows of both tables against the lines at once, as `verify` does."""
    wide, plain = (folder / name for name in (factory.WIDE, "catalog.csv"))
    groups = pq.ParquetFile(folder / "catalog.parquet").num_row_groups
    cells = (plain.read_bytes().index(b"\n") + 1, plain.stat().st_size)
    span = columnar.Span((0, groups), (0, 0), (0, 0), (0, 0), cells)
    columnar.forget_files()
    columnar.columns_beside(folder, NEWEST_FORM, span, wide.read_bytes())


@pytest.mark.usefixtures("small_batches")
def test_verify_finds_each_value_of_each_line(tmp_path: Path) -> None:
    """At once, and cell by cell; whatever the texts hold."""
    made = rows(23)
    texts = [text for text in (*FORMULAS, *PLAIN) if text.isprintable()]
    texts += ["back\\slash", 'quoted "\\"', "日本"]
    for row, text in zip(made, texts, strict=True):
        row["name"] = row["artist_names"][0] = row["artist_genres"][0][0] = text
        row["tempo"], row["energy"], row["instrumentalness"] = 149.0, 1e-7, 8.86e-6
    parquet, plain = write(tmp_path, made)
    wide = tmp_path / factory.WIDE
    wide.write_bytes(b"".join(factory.dump(row) + b"\n" for row in made))
    lines = wide.read_bytes().replace(b"1e-07", b"1e-7").replace(b"8.86e-06", b"8.86e-6")
    wide.write_bytes(lines)
    held_against_lines(tmp_path)
    found = Problems()
    every = {path.name for path in (wide, parquet, plain)}
    verified_tables.check_tables(tmp_path, every, Policies(), found)
    assert not found


def test_verify_refuses_a_formula_in_a_right_cell(tmp_path: Path) -> None:
    made = rows(3)
    made[0]["name"] = "=1+1"
    _, plain = write(tmp_path, made)
    wide = tmp_path / factory.WIDE
    wide.write_bytes(b"".join(factory.dump(row) + b"\n" for row in made))
    held_against_lines(tmp_path)
    plain.write_bytes(plain.read_bytes().replace(b"'=1+1", b"=1+1"))
    with pytest.raises(columnar.UnlikeError):
        held_against_lines(tmp_path)


@pytest.mark.usefixtures("small_batches")
def test_csv_gives_the_ids_and_lists_back(tmp_path: Path) -> None:
    made = rows(23)
    _, plain = write(tmp_path, made)
    with plain.open(encoding="utf-8", newline="") as file:
        back = list(csv.DictReader(file))
    assert list(back[0]) == COLUMNS
    assert [row["spotify_track_id"] for row in back] == [row["spotify_track_id"] for row in made]
    assert [row["name"] for row in back] == [row["name"] for row in made]
    for row, wanted in zip(back, made, strict=True):
        assert json.loads(row["artist_ids"]) == wanted["artist_ids"]
        assert json.loads(row["artist_genres"]) == wanted["artist_genres"]
        assert row["tempo"] == ("" if wanted["tempo"] is None else str(wanted["tempo"]))


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (write(tmp_path / name, rows(9)) for name in ("a", "b"))
    assert [sha256(path) for path in first] == [sha256(path) for path in second]


def test_no_rows(tmp_path: Path) -> None:
    parquet, plain = write(tmp_path, [])
    assert pq.read_table(parquet).num_rows == 0
    assert plain.read_text(encoding="utf-8").count("\n") == 1


def test_types_follow_the_schema() -> None:
    """Each column's type is one that the JSON schema admits."""
    kinds = {
        "string": pa.types.is_string,
        "integer": pa.types.is_integer,
        "number": pa.types.is_floating,
        "boolean": pa.types.is_boolean,
    }
    for field in tables.schema(SCHEMA):
        wanted = SCHEMA["properties"][field.name]
        wanted = SCHEMA["$defs"][wanted["$ref"].split("/")[-1]] if "$ref" in wanted else wanted
        allowed = wanted.get("type", "string")
        allowed = ({allowed} if isinstance(allowed, str) else set(allowed)) - {"null"}
        if field.name in {"sources", "_extra"}:
            assert pa.types.is_string(field.type)
        elif allowed == {"array"}:
            assert pa.types.is_list(field.type), field.name
        else:
            assert any(kinds[one](field.type) for one in allowed), field.name
