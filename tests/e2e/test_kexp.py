"""The twelve acceptance criteria of KEXP's specification, by number, with the real command."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place

from .airing import DAY, aired, everything, seconds, stored, summary, tables, valid
from .running import Run, asked, untouched

pytestmark = pytest.mark.e2e
KEXP = ("crawl", "kexp")
COUNTERS = (
    "fetched",
    "track_plays",
    "provenance_inserted",
    "songs_matched_existing",
    "new_songs_inserted",
    "skipped_invalid",
    "duplicates_skipped",
    "errors",
)


def of_the_day(sandbox: Sandbox) -> list[dict[str, object]]:
    found = list(aired(sandbox, "2026-03-07T00:00:00-08:00", "2026-03-07T23:59:59.999-08:00"))
    sandbox.reset_stats()
    return found


def insert_song(place: Place, **values: object) -> None:
    """A song that another program put there, without our keys."""
    values = {"source": "seed", "is_placeholder": 0} | values
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute(f"INSERT INTO song ({names}) VALUES ({marks})", tuple(values.values()))


def test_1_a_trial_run_writes_nothing(place: Place, sandbox: Sandbox, run: Run) -> None:
    # Where there was nothing, there is nothing.
    done = run(place, *KEXP, *DAY, "-a", "dry_run=1")
    assert summary(done)["provenance_inserted"] > 200
    assert not place.root.exists()
    # Where there is a store, not one byte changes, and what is shown is what then happens.
    run(place, *KEXP, "-a", "limit=50")
    before, files = tables(place), untouched(place)
    trial = run(place, *KEXP, *DAY, "-a", "dry_run=1")
    assert (tables(place), untouched(place)) == (before, files)
    real = run(place, *KEXP, *DAY)
    assert summary(trial) == summary(real)
    after = tables(place)
    shown = {line.split()[2] for line in trial.out.splitlines() if line.startswith("+ song")}
    assert shown == {row[0] for row in after["song"]} - {row[0] for row in before["song"]}
    shown = {line.split()[2] for line in trial.out.splitlines() if line.startswith("+ external")}
    known = {row[1] for row in before["external_play"]}
    assert shown == {row[1] for row in after["external_play"]} - known
    shown = {line.split()[2] for line in trial.out.splitlines() if line.startswith("+ play_review")}
    assert shown == {r[1] for r in after["play_review"]} - {r[1] for r in before["play_review"]}
    moved = set(after["covered_interval"]) - set(before["covered_interval"])
    shown = {line for line in trial.out.splitlines() if line.startswith("+ covered_interval")}
    assert len(shown) == len(moved) == 1


def test_2_a_limit_of_100_stops_after_100_track_plays(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    counts = summary(run(place, *KEXP, *DAY, "-a", "limit=100"))
    assert counts["track_plays"] == 100
    rows = of_the_day(sandbox)
    first = [row for row in rows if row["play_type"] == "trackplay"][:100]
    assert set(stored(place)) == set(valid(iter(first)))
    # Time is covered up to the last of them and no further.
    assert place.query("SELECT start_at, end_at FROM covered_interval") == [
        (seconds({"airdate": "2026-03-07T00:00:00-08:00"}), seconds(first[-1]))
    ]


def test_3_the_same_dates_again_change_no_row(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, *KEXP, *DAY)
    before = everything(place)
    again = summary(run(place, *KEXP, *DAY))
    assert everything(place) == before
    assert again["provenance_inserted"] == 0
    assert again["duplicates_skipped"] == len(before["external_play"])
    assert len(set(stored(place))) == len(stored(place))


def test_4_a_blank_song_or_artist_is_skipped_and_no_error(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    counts = summary(run(place, *KEXP, *DAY))
    plays = [row for row in of_the_day(sandbox) if row["play_type"] == "trackplay"]
    blank = {str(row["id"]) for row in plays} - set(valid(iter(plays)))
    assert {row["artist"] for row in plays if str(row["id"]) in blank} >= {"", "   "}
    assert None in {row["song"] for row in plays}
    assert (counts["skipped_invalid"], counts["errors"]) == (len(blank), 0)
    assert not blank & set(stored(place))


def test_5_a_song_is_found_by_its_recording(place: Place, sandbox: Sandbox, run: Run) -> None:
    play = next(row for row in valid(iter(of_the_day(sandbox))).values() if row["recording_id"])
    run(place, *KEXP, "-a", "limit=1")
    insert_song(
        place, id="mine", title="Other words", artist="Other people", mbid=play["recording_id"]
    )
    run(place, *KEXP, *DAY)
    found = place.query(
        "SELECT song_id, match_tier, match_confidence FROM external_play WHERE source_play_id = ?",
        str(play["id"]),
    )
    assert found == [("mine", "mbid", 1.0)]


def test_6_a_song_is_found_by_normalised_title_and_artist(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    rows = valid(iter(of_the_day(sandbox)))
    play = next(
        row
        for row in rows.values()
        if row["recording_id"] is None
        and " " in row["song"].strip()
        and "feat" not in row["artist"]
    )
    run(place, *KEXP, "-a", "limit=1")
    insert_song(
        place, id="mine", title=f"  {play['song'].upper()}!", artist=f"The {play['artist'].lower()}"
    )
    run(place, *KEXP, *DAY)
    found = place.query(
        "SELECT song_id, match_tier FROM external_play WHERE source_play_id = ?", str(play["id"])
    )
    assert found == [("mine", "exact")]


def test_7_no_field_of_a_song_is_overwritten(place: Place, sandbox: Sandbox, run: Run) -> None:
    rows = valid(iter(of_the_day(sandbox)))
    full = next(row for row in rows.values() if row["album"] is None)
    bare = next(row for row in rows.values() if row["album"] and row["song"] != full["song"])
    run(place, *KEXP, "-a", "limit=1")
    insert_song(
        place,
        id="full",
        title=full["song"],
        artist=full["artist"],
        album="My album",
        year=1971,
        mbid="my-mbid",
        isrc="USRC17100001",
        source="mine",
    )
    insert_song(place, id="bare", title=bare["song"], artist=bare["artist"], source="mine")
    run(place, *KEXP, *DAY)
    columns = "title, artist, album, year, mbid, isrc, source, is_placeholder"
    (kept,) = place.query(f"SELECT {columns} FROM song WHERE id = 'full'")
    assert kept == (
        *(full["song"], full["artist"], "My album", 1971),
        *("my-mbid", "USRC17100001", "mine", 0),
    )
    # What was null may gain a value, and only that.
    (gained,) = place.query(f"SELECT {columns} FROM song WHERE id = 'bare'")
    assert (gained[0], gained[1], gained[6]) == (bare["song"], bare["artist"], "mine")
    assert gained[2] is not None
    new = place.query("SELECT DISTINCT source, is_placeholder FROM song WHERE source <> 'mine'")
    assert new == [("kexp", 0)]


def test_8_the_checkpoint_moves_with_every_page(place: Place, sandbox: Sandbox, run: Run) -> None:
    days = ("-a", "start_date=2026-03-06", "-a", "end_date=2026-03-07")
    cursors = []
    for _ in range(3):
        run(place, *KEXP, *days, "-a", "page_limit=1")
        ((cursor, covered),) = place.query(
            "SELECT cursor, end_at FROM ingestion_checkpoint JOIN covered_interval USING (source)"
        )
        newest = place.column("SELECT max(airdate) FROM external_play")[0]
        assert covered <= newest + 1
        cursors.append(cursor)
    assert cursors == sorted(set(cursors))
    assert asked(sandbox)["plays"] == 3


def test_9_incremental_reads_on_from_the_checkpoint(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    run(place, *KEXP, "-a", "start_date=2026-03-09", "-a", "limit=150")
    sandbox.air(arrive=30)
    sandbox.reset_stats()
    run(place, *KEXP, "-a", "incremental=1")
    assert asked(sandbox)["plays"] < 6
    wanted = valid(aired(sandbox, "2026-03-09T00:00:00-07:00"))
    assert set(stored(place)) == set(wanted)
    ((cursor,),) = place.query("SELECT cursor FROM ingestion_checkpoint")
    # And when nothing is new, one page is asked, and no row is touched.
    before = everything(place)
    sandbox.reset_stats()
    counts = summary(run(place, *KEXP, "-a", "incremental=1"))
    assert asked(sandbox) == {"plays": 1}
    assert everything(place) == before
    assert counts["provenance_inserted"] == 0
    assert cursor.startswith("2026-03-10T")


def test_10_the_summary_has_the_eight_counters(place: Place, sandbox: Sandbox, run: Run) -> None:
    done = run(place, *KEXP, *DAY)
    counts = summary(done)
    assert [name for name in counts if name in COUNTERS] == list(COUNTERS)
    for name in COUNTERS:
        assert f"{name.replace('_', ' ')} " in done.out
    assert counts["fetched"] == len(of_the_day(sandbox))
    parts = ("provenance_inserted", "skipped_invalid", "duplicates_skipped", "errors")
    assert counts["track_plays"] == sum(counts[name] for name in parts)
    songs = counts["songs_matched_existing"] + counts["new_songs_inserted"]
    assert counts["provenance_inserted"] == songs
    assert counts["new_songs_inserted"] == len(place.query("SELECT 1 FROM song"))


def test_11_new_songs_are_logged_for_their_embeddings(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    done = run(place, *KEXP, "-a", "limit=60")
    file = place.cache / "kexp_new_songs.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {line["id"] for line in lines} == set(place.column("SELECT id FROM song"))
    assert all(line["title"] and line["artist"] and line["plays"] for line in lines)
    assert f"{len(lines)} new songs without an embedding" in done.out
    # It is the backlog, not the last run's: it stays whole, and what was embedded leaves it.
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute("UPDATE song SET has_embedding = 1 WHERE id = ?", (lines[0]["id"],))
    run(place, *KEXP, "-a", "incremental=1")
    later = file.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in later] == [line["id"] for line in lines[1:]]


def test_12_pages_follow_the_next_link(place: Place, sandbox: Sandbox, run: Run) -> None:
    days = ("-a", "start_date=2026-03-06", "-a", "end_date=2026-03-09")
    counts = summary(run(place, *KEXP, *days))
    assert asked(sandbox)["plays"] > 5
    rows = list(aired(sandbox, "2026-03-06T00:00:00-08:00", "2026-03-09T23:59:59.999-07:00"))
    assert counts["fetched"] == len(rows)
    assert set(stored(place)) == set(valid(iter(rows)))
