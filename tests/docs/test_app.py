"""`docs/app/`: the importer's vectors and structs are what the schemas of a release say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import orjson
import pytest

from runclub_spider.publish.verify.schema import compile_check
from testkit.release_factory import SCHEMAS

ROOT = Path(__file__).parents[2]
APP = ROOT / "docs/app"
VECTORS = json.loads((APP / "vectors.json").read_bytes())
STRUCTS = {
    "cached_artists.jsonl": "CatalogArtist",
    "cached_tracks.jsonl": "CatalogTrack",
    "audio_features.jsonl": "CatalogAudioFeature",
}
FILES = sorted(STRUCTS)
TYPES = {"string": "String", "integer": "Int", "number": "Double", "boolean": "Bool"}

Data = dict[str, Any]


def schema(file: str) -> Data:
    """What the schema says of the app's fields: keys that begin with _ are none of its business."""
    full: Data = json.loads((SCHEMAS / file.replace(".jsonl", ".schema.json")).read_bytes())
    properties = {key: said for key, said in full["properties"].items() if key[0] != "_"}
    return {
        **full,
        "properties": properties,
        "required": [key for key in full["required"] if key[0] != "_"],
        "patternProperties": {"^_": True},
    }


def field(file: str, key: str) -> Data:
    """The schema of one field."""
    said = schema(file)
    found: Data = said["$defs"][said["properties"][key]["$ref"].rpartition("/")[2]]
    return found


def nullable(file: str, key: str) -> bool:
    return "null" in field(file, key)["type"]


def row_of(file: str, line: bytes) -> Data | None:
    """What the app gets of a line, None of a damaged one."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    said = schema(file)
    if not compile_check(said, said)(row):
        return None
    return {key: value for key, value in row.items() if key[0] != "_"}


def spelled(row: Data | None) -> str:
    """A text that tells 1 from 1.0 and true."""
    return json.dumps(row, sort_keys=True)


def swift_fields(struct: str) -> dict[str, tuple[str, str]]:
    """The fields of a struct: the wrapper, if any, and the type of each."""
    code = (APP / "RunClubCatalog.swift").read_text(encoding="utf-8")
    body = code.partition(f"\nstruct {struct}: ")[2].partition("\n}\n")[0]
    found = re.findall(r"^    (?:@(\w+) )?var (\w+): (\S+)$", body, re.MULTILINE)
    return {name: (wrapper, kind) for wrapper, name, kind in found}


def swift_field(said: Data) -> tuple[str, str]:
    """How a field of the schema looks in Swift."""
    if said.get("format") == "date-time":
        return "Moment", "Date"
    if said.get("pattern") == "^[0-9A-Za-z]{22}$":
        return "SpotifyID", "String"
    kind = said["type"]
    if kind == "array":
        return "", f"[{TYPES[said['items']['type']]}]"
    if isinstance(kind, list):
        return "OrNull", f"{TYPES[kind[0]]}?"
    return "", TYPES[kind]


@pytest.mark.parametrize("file", FILES)
def test_the_structs_have_the_fields_of_the_schemas(file: str) -> None:
    wanted = {key: swift_field(field(file, key)) for key in schema(file)["properties"]}
    found = swift_fields(STRUCTS[file])
    assert list(found.items()) == list(wanted.items())


@pytest.mark.parametrize("file", FILES)
def test_each_line_is_a_row_or_damaged_as_the_schema_says(file: str) -> None:
    good = VECTORS["lines"][file][0]["row"]
    for case in VECTORS["lines"][file]:
        line = case["line"].encode()
        assert b"\n" not in line
        assert spelled(row_of(file, line)) == spelled(case.get("row")), case["about"]
        if culprit := case.get("field"):
            # With that field mended, and no other, it is a row.
            mended = {**orjson.loads(line), culprit: good[culprit]}
            assert row_of(file, orjson.dumps(mended)) is not None, case["about"]


@pytest.mark.parametrize("case", VECTORS["texts"], ids=lambda case: case["about"])
def test_each_text_has_the_rows_and_the_damaged_lines_it_says(case: Data) -> None:
    text = b64decode(case["base64"]) if "base64" in case else case["text"].encode()
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    rows = [row_of(case["file"], line) for line in lines]
    assert [spelled(row) for row in rows if row] == [spelled(row) for row in case["rows"]]
    assert [number for number, row in enumerate(rows, 1) if not row] == case["damaged"]


@pytest.mark.parametrize("file", FILES)
def test_no_field_goes_untried(file: str) -> None:
    rows = [case["row"] for case in VECTORS["lines"][file] if "row" in case]
    damaged = [
        (case["field"], orjson.loads(case["line"]))
        for case in VECTORS["lines"][file]
        if "field" in case
    ]
    for key in schema(file)["properties"]:
        values = [row.get(key, "missing") for culprit, row in damaged if culprit == key]
        assert "missing" in values, f"no line without {key}"
        # A null is either a value or a fault.
        nulls = [row[key] is None for row in rows] if nullable(file, key) else []
        assert any(nulls) or None in values, f"no line in which {key} is null"
        others = [value for value in values if value is not None and value != "missing"]
        wrong = [value for value in others if type(value) is not type(rows[0][key])]
        assert wrong, f"no line in which {key} is of another type"


def test_the_vectors_are_made_up() -> None:
    for file, cases in VECTORS["lines"].items():
        for row in (case["row"] for case in cases if "row" in case):
            ids = [value for key, value in row.items() if key in {"id", "artistId", "trackId"}]
            assert ids, file
            assert all(one.startswith("MadeUp") for one in ids), ids


@pytest.mark.parametrize(
    ("root", "says"),
    [("nothing", "SWIFT_ROOT holds no Swift"), ("/", "no Swift"), ("", "needs Swift 6")],
)
def test_without_swift_one_line_says_what_it_needs(root: str, says: str, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("dirname", "id"):
        (programs / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run(
        ["/bin/bash", APP / "tests/run.sh"],
        env={
            "PATH": str(programs),
            "TMPDIR": str(tmp_path),
            "SWIFT_ROOT": root and str(tmp_path / root),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("make test-swift: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
