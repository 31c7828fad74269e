"""`scrapy import features`: whatever a file holds, what of it is taken, told, and released."""

from __future__ import annotations

import gzip
import json
import random
import signal
import string
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from runclub_spider.catalog.models import FEATURES
from testkit.making import an_id
from testkit.places import Place, problems

from .running import ROOT, TIMEOUT, Done, Run

pytestmark = pytest.mark.e2e
OPTIONS = ("--source", "acousticbrainz", "--licence", "CC0-1.0")
MISSED = "SELECT track_id FROM feature_miss JOIN track USING (track_id) ORDER BY 1"
ROWS = [
    {"track_id": an_id(1), "tempo": 171.5, "energy": 0.5, "key": 9},
    {"track_id": an_id(2), "tempo": 85.0, "energy": None, "key": None},
    {"track_id": an_id(3), "tempo": None, "energy": 0.25, "key": -1},
]


def imported(run: Run, place: Place, *files: Path, key: str = "id", code: int = 0) -> Done:
    return run(place, "import", "features", *map(str, files), "--key", key, *OPTIONS, code=code)


def stored(place: Place) -> list[tuple[Any, ...]]:
    return place.query("SELECT key_value, tempo, energy, key FROM imported_features ORDER BY 1")


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> str:
    columns = list(columns)
    lines = [["" if row[n] is None else str(row[n]) for n in columns] for row in rows]
    return "".join(",".join(cells) + "\n" for cells in [columns, *lines])


def as_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def written(folder: Path, form: str) -> Path:
    """The rows above in a file of a form."""
    path = folder / f"rows.{form}"
    if form == "parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS), path)
        return path
    text = as_lines(ROWS) if "jsonl" in form else as_csv(ROWS, ROWS[0])
    data = text.encode("utf-8-sig" if form == "csv" else "utf-8")
    path.write_bytes(gzip.compress(data) if form.endswith("gz") else data)
    return path


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
def test_every_form_says_the_same(form: str, place: Place, tmp_path: Path, run: Run) -> None:
    file = written(tmp_path, form)
    done = imported(run, place, file)
    assert done.err == ""
    assert "3 new, 0 changed" in done.out
    wanted = [tuple(row[n] for n in ("track_id", "tempo", "energy", "key")) for row in ROWS]
    assert stored(place) == sorted(wanted)
    before = place.query("SELECT * FROM imported_features")
    again = imported(run, place, file)
    assert again.out == "Nothing new from acousticbrainz (CC0-1.0), 3 as they were.\n"
    assert place.query("SELECT * FROM imported_features") == before


def test_a_bad_row_costs_itself(place: Place, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "odd\x1b[1m.csv"
    good = f"{an_id(1)},171.5,0.5,"
    bad = {
        "NaN": f"{an_id(2)},NaN,0.5,",
        "not from 0 to 1": f"{an_id(3)},171.5,50,",
        "'short' is no Spotify track id": "short,171.5,0.5,",
        "has no track_id": ",171.5,0.5,",
        "has no feature with a value": f"{an_id(4)},,,title",
        "has 5 cells where the header has 4": f"{an_id(5)},171.5,0.5,,",
        "is no line of CSV": f'{an_id(6)},171.5,0.5,"title',
        "can't decode": f"{an_id(7)},171.5,0.5,\udce9",
        "is longer than": "x" * 300_000,
        "stands in row 2 already": f"{an_id(1)},60,0.1,",
        "is no number": f"{an_id(8)},1__0,0.1,\x00",
    }
    text = "\n".join(["track_id,tempo,energy,title", good, *bad.values(), "", good[:-1] + ",x"])
    file.write_bytes(
        text.replace(good[:-1] + ",x", f"{an_id(9)},85,,").encode("utf-8", "surrogateescape")
    )
    done = imported(run, place, file)
    assert [row[:2] for row in stored(place)] == sorted([(an_id(1), 171.5), (an_id(9), 85.0)])
    lines = done.err.splitlines()
    assert len(lines) == len(bad) + 1
    assert all(line.startswith("scrapy import: ") and line.isprintable() for line in lines)
    for line, words in enumerate(bad, start=3):
        assert any(f".csv:{line}: " in told and words in told for told in lines), (words, lines)
    assert lines[-1].endswith("unknown columns, left out: title")
    assert f"{len(bad)} bad" in done.out


def test_lines_that_are_no_objects(place: Place, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "odd.jsonl"
    lines = ["[]", '{"isrc": "GBAYE0601498", "tempo": true}', '{"isrc": 5, "tempo": 90}', "{"]
    lines += ['{"isrc": "usum7-1703861", "timeSignature": 4, "mood": 1, "fetched_at": "x"}', ""]
    file.write_text("\n".join(lines))
    done = imported(run, place, file, key="isrc")
    assert place.query("SELECT key_value, time_signature FROM imported_features") == [
        ("USUM71703861", 4)
    ]
    told = done.err.splitlines()
    for number, words in enumerate(
        ("is no JSON object", "tempo True is no number", "5 is no ISRC", "is no JSON: "), start=1
    ):
        assert any(f".jsonl:{number}: {words}" in line for line in told)
    assert len(told) == 5
    assert "unknown columns, left out: mood (first in row 5)" in done.err


def test_of_many_bad_rows_some_are_named(place: Place, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "rows.csv"
    rows = [f"{number},171.5" for number in range(1234)]
    file.write_text("\n".join(["id,tempo", f"{an_id(1)},171.5", *rows]))
    done = imported(run, place, file)
    assert len(done.err.splitlines()) == 21
    assert done.err.endswith("scrapy import: and 1,214 more bad rows\n")
    assert "1,234 bad" in done.out


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("rows.csv", None, "it is not there"),
        ("rows.txt", b"track_id,tempo\n", "ends in .csv"),
        ("rows.parquet.gz", b"", "ends in .csv"),
        ("rows.csv", b"", "does not begin with the names of its columns"),
        ("rows.csv", b"\xff\xfe\x00", "does not begin with the names of its columns"),
        ("rows.csv", b"isrc,tempo\nUSUM71703861,90\n", "no column track_id or"),
        ("rows.csv", b"track_id,bpm\n", "none of the columns tempo"),
        ("rows.csv", b"track_id,tempo,tempo\n", "has the column tempo twice"),
        ("rows.csv", b"track_id,tempo\nx,90\n", "none of 1 rows can be used"),
        ("rows.csv.gz", gzip.compress(b"track_id,tempo\n", mtime=0)[:-12], "cannot read|damaged"),
        ("rows.jsonl", b"\x89PNG\r\n\x1a\n" * 9, "holds no JSON objects"),
        ("rows.jsonl", b'{"id": 1}\n', "none of 1 rows"),
        ("rows.parquet", b"track_id,tempo\n", "is no Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(
    name: str, data: bytes | None, words: str, place: Place, tmp_path: Path, run: Run
) -> None:
    good = written(tmp_path, "jsonl").rename(tmp_path / "good.jsonl")
    file = tmp_path / name
    if data is not None:
        file.write_bytes(data)
    done = imported(run, place, file, code=2)
    *_, line = done.err.splitlines()
    assert any(word in line for word in words.split("|"))
    assert done.out == ""
    if "none of" not in words or "columns" in words:
        assert len(done.err.splitlines()) == 1
        # Nor does the good one beside it.
        imported(run, place, good, file, code=2)
        assert not place.store.exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((), "say what to import"),
        (("features",), "say what to import"),
        (("songs", "rows.csv"), "cannot import 'songs'"),
        (("features", "rows.csv"), "--key says"),
        (("features", "rows.csv", "--key", "name"), "--key says"),
        (("features", "rows.csv", "--key", "id"), "--source is missing"),
        (("features", "rows.csv", "--key", "id", "--source", "a"), "--licence is missing"),
        (("features", "rows.csv", "--key", "id", "--source", " "), "--source is missing"),
        (("features", "rows.csv", "--key", "id", "--source", "ReccoBeats"), "do not pass for"),
        (("features", "rows.csv", "--key", "id", "--source", "a\x1bb"), "is no name"),
        (("features", "rows.csv", "--key", "id", "--source", "a" * 201), "is no name"),
    ],
)
def test_wrong_use_is_told_in_a_line(
    argv: tuple[str, ...], words: str, place: Place, run: Run
) -> None:
    done = run(place, "import", *argv, code=2)
    (line,) = done.err.splitlines()
    assert words in line
    assert line.isprintable()
    assert not place.store.exists()


def many(path: Path, number: int, seed: str = "") -> None:
    drawn = random.Random(seed)
    letters = string.ascii_letters + string.digits
    with path.open("w") as file:
        print("track_id", *FEATURES[:2], sep=",", file=file)
        for at in range(number):
            print(f"{at:06}{''.join(drawn.choices(letters, k=16))},{at % 200},0.5", file=file)


def test_a_file_that_ends_in_the_middle_leaves_whole_batches(
    place: Place, tmp_path: Path, run: Run
) -> None:
    whole, part = tmp_path / "rows.csv", tmp_path / "part.csv.gz"
    many(whole, 12_000)
    data = gzip.compress(whole.read_bytes())
    part.write_bytes(data[: len(data) * 3 // 4])
    done = imported(run, place, part, code=2)
    assert "is damaged behind row" in done.err
    assert len(stored(place)) == 5000
    again = imported(run, place, whole)
    assert "7,000 new, 0 changed, 5,000 as they were" in again.out


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 75), (signal.SIGKILL, -9)])
def test_the_same_command_completes_what_was_interrupted(
    sent: signal.Signals, code: int, place: Place, tmp_path: Path, run: Run
) -> None:
    file, number = tmp_path / "rows.csv", 60_000
    many(file, number)
    # So that the table is there to be looked at.
    imported(run, place, written(tmp_path, "jsonl"))
    argv = ("import", "features", str(file), "--key", "id", *OPTIONS)
    # A shell makes what it starts in the background deaf to it, and that is inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    child = subprocess.Popen(
        [sys.executable, "-m", "scrapy", *argv],
        cwd=ROOT,
        env=place.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    signal.signal(signal.SIGINT, before)
    some = "SELECT 1 FROM imported_features LIMIT 1 OFFSET ?"
    while not place.query(some, len(ROWS)) and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(sent)
    _, err = child.communicate(timeout=TIMEOUT)
    assert child.returncode == code, err
    assert code < 0 or b"the same command brings the rest" in err
    done = len(stored(place)) - len(ROWS)
    assert 0 < done < number
    assert done % 5000 == 0
    again = imported(run, place, file)
    assert f"{number - done:,} new, 0 changed, {done:,} as they were" in again.out
    assert len(stored(place)) == number + len(ROWS)


def test_of_several_files_the_first_value_counts(place: Place, tmp_path: Path, run: Run) -> None:
    """Else a second run would change the values back and forth."""
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    one.write_text(as_lines([{"id": an_id(1), "tempo": 171.5}]))
    other.write_text(as_lines([{"id": an_id(1), "tempo": 60, "energy": 0.5}]))
    for _ in range(2):
        done = imported(run, place, one, other, one)
        assert stored(place) == [(an_id(1), 171.5, 0.5, None)]
        assert done.err == ""
    assert done.out.startswith("Nothing new from acousticbrainz (CC0-1.0), 2 as they were")
    # Said anew, the newer word counts.
    assert "0 new, 1 changed" in imported(run, place, other).out
    assert stored(place) == [(an_id(1), 60, 0.5, None)]


def test_a_release_names_what_was_imported(crawled: Place, tmp_path: Path, run: Run) -> None:
    missed = crawled.column(MISSED)
    assert len(missed) > 2
    rows = [
        {**dict.fromkeys(FEATURES), "id": one, "tempo": 171.5, "energy": 0.5} for one in missed[1:]
    ]
    (whole,) = crawled.column("SELECT min(track_id) FROM audio_features WHERE energy IS NOT NULL")
    rows.append({**dict.fromkeys(FEATURES, 0), "id": whole, "tempo": 60, "time_signature": 4})
    file = tmp_path / "rows.jsonl"
    file.write_text(as_lines(rows))
    before = wide(crawled)
    done = imported(run, crawled, file)
    assert f"features of {len(rows)} stored tracks changed" in done.out
    run(crawled, "publish")
    assert problems(crawled) == []
    after = wide(crawled)
    names = {one: after[one]["_extra"]["features_imported"] for one in after}
    for one, row in after.items():
        if not names[one]:
            if one in before:
                assert {**row, "_extra": {}} == {**before[one], "_extra": {}}
            continue
        assert {names[one][n] for n in names[one]} == {"acousticbrainz"}
        assert {row["_extra"]["licences"][n] for n in names[one]} == {"CC0-1.0"}
    filled = set(missed[1:]) & after.keys()
    assert filled
    for one in filled:
        row = after[one]
        assert (row["tempo"], row["energy"], row["valence"]) == (171.5, 0.5, None)
        assert names[one].keys() == {"tempo", "energy"}
        assert row["_extra"]["features_source"] == "acousticbrainz"
        assert row["_extra"]["run_suitability"] is not None
        assert row["recco_features_at"] is row["recco_track_id"] is None
    if whole in after:
        own = {n: before[whole][n] for n in FEATURES if before[whole][n] is not None}
        assert own.items() <= after[whole].items()
        assert after[whole]["time_signature"] == 4
        assert names[whole].keys() == set(FEATURES) - own.keys()
        assert after[whole]["_extra"]["features_source"] == "reccobeats"
    manifest = json.loads((crawled.latest / "manifest.json").read_bytes())
    told = sum(bool(found) for found in names.values())
    assert manifest["importedFeatures"] == {
        "acousticbrainz": {"tracks": told, "licences": ["CC0-1.0"]}
    }
    assert any("acousticbrainz (CC0-1.0)" in note for note in manifest["notes"])
    with_features = sum(any(row[n] is not None for n in FEATURES) for row in after.values())
    assert manifest["totals"]["audioFeatures"] == with_features
    explained = run(crawled, "explain", sorted(filled)[0]).out
    assert "tempo, energy from acousticbrainz (CC0-1.0)" in " ".join(explained.split())
    # The same again is no reason for another release.
    imported(run, crawled, file)
    assert "Nothing new to publish" in run(crawled, "publish").out


def test_what_was_forgotten_is_not_taken_up(place: Place, tmp_path: Path, run: Run) -> None:
    file = written(tmp_path, "jsonl")
    imported(run, place, file)
    for number in (1, 2):
        run(place, "forget", "--track", an_id(number))
    assert [row[0] for row in stored(place)] == [an_id(3)]
    done = imported(run, place, file)
    assert done.out == "Nothing new from acousticbrainz (CC0-1.0), 1 as they were, 2 bad.\n"
    assert f"rows.jsonl:2: {an_id(2)} was forgotten, and is not taken up again" in done.err
    assert [row[0] for row in stored(place)] == [an_id(3)]


def wide(place: Place) -> dict[str, dict[str, Any]]:
    lines = (place.latest / "catalog_wide.jsonl").read_bytes().splitlines()
    return {row["spotify_track_id"]: row for row in map(json.loads, lines)}
