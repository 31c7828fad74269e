"""`verify` accepts a sound release and names the one rule each fault breaks."""

import argparse
import gzip
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.console.commands.verify import Command
from runclub_spider.publish.verify import Problem, summarise, verify_release
from runclub_spider.publish.verify.lines import keys_in_order
from runclub_spider.publish.verify.problems import LISTED_PER_RULE, Problems
from runclub_spider.publish.verify.schema import (
    RowCheck,
    UnsupportedSchemaError,
    compile_check,
    packaged_schema,
    row_check,
)
from testkit import release_factory as factory
from testkit.release_factory import ARTISTS, FEATURES, TRACKS, WIDE, Data, Release, spotify_id

PROJECT = Path(__file__).parents[3]
Fault = Callable[[Any], None]
CASES: list[Any] = []


def case(stage: str, rule: str) -> Callable[[Fault], Fault]:
    """Register a fault: the stage of the making it strikes at, and the rule it breaks."""

    def register(fault: Fault) -> Fault:
        CASES.append(pytest.param(stage, fault, rule, id=fault.__name__))
        return fault

    return register


@cache
def _made_until(stage: str) -> bytes:
    """A sound release as the fault of a stage finds it, pickled: copies cost less than making."""
    release = Release()
    if stage != "wide":
        release.derive()
    if stage not in ("wide", "rows"):
        release.serialise()
    if stage not in ("wide", "rows", "lines"):
        release.assemble()
    return pickle.dumps(release)


def make(parent: Path, stage: str = "", fault: Fault | None = None) -> Path:
    """Write a release in which everything made after the fault agrees with it."""
    release: Release = pickle.loads(_made_until(stage))
    if fault is not None and stage != "folder":
        fault(release)
    if stage == "wide":
        release.derive()
    if stage in ("wide", "rows"):
        release.serialise()
    if stage in ("wide", "rows", "lines"):
        release.assemble()
    if stage == "files":
        release.seal()
    folder = release.write(parent)
    if stage == "folder" and fault is not None:
        fault(folder)
    return folder


def rules(problems: list[Problem]) -> set[str]:
    return {problem.rule for problem in problems}


def replace(release: Release, file: str, old: bytes, new: bytes, line: int = 5) -> None:
    assert old in release.lines[file][line]
    release.lines[file][line] = release.lines[file][line].replace(old, new, 1)


# --- the folder -------------------------------------------------------------------------------


@case("folder", "missing")
def a_file_is_gone(folder: Path) -> None:
    (folder / "report.html").unlink()


@case("folder", "missing")
def the_manifest_is_gone(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@case("folder", "missing")
def a_data_file_is_gone(folder: Path) -> None:
    (folder / TRACKS).unlink()


@case("folder", "missing")
def the_canonical_file_is_gone(folder: Path) -> None:
    (folder / WIDE).unlink()


@case("folder", "missing")
def a_file_is_a_link(folder: Path) -> None:
    path = folder / "report.html"
    path.rename(folder.parent / "elsewhere.html")
    path.symlink_to(folder.parent / "elsewhere.html")


@case("folder", "unexpected")
def a_file_too_many(folder: Path) -> None:
    (folder / "schemas" / ".DS_Store").write_bytes(b"")


@case("folder", "unexpected")
def a_folder_too_many(folder: Path) -> None:
    (folder / "raw").mkdir()


@case("folder", "sha256")
def a_changed_report(folder: Path) -> None:
    (folder / "report.html").write_bytes(b"<p>other</p>")


@case("folder", "sha256")
def a_damaged_parquet(folder: Path) -> None:
    (folder / "catalog.parquet").write_bytes(b"PAR1PAR1")


@case("manifest", "hash-list")
def a_hash_is_lacking(release: Release) -> None:
    del release.manifest["fileHashes"]["catalog.csv"]


@case("manifest", "hash-list")
def a_hash_too_many(release: Release) -> None:
    release.manifest["fileHashes"]["manifest.json"] = "0" * 64


@case("manifest", "version")
def the_version_of_other_data(release: Release) -> None:
    release.manifest["version"] = "2025-10-15-00000000-sandbox"


@case("manifest", "version")
def a_version_of_no_day(release: Release) -> None:
    release.manifest["version"] = release.manifest["version"].replace("2025-10-15", "2025-13-15")


@case("files", "schema-file")
def a_weakened_schema(release: Release) -> None:
    release.files["schemas/cached_tracks.schema.json"] = b"{}\n"


@case("files", "schema-file")
def a_schema_that_is_no_json(release: Release) -> None:
    release.files["schemas/manifest.schema.json"] = b"{"


# --- gzip -------------------------------------------------------------------------------------


@case("files", "gzip-header")
def a_gzip_with_a_time(release: Release) -> None:
    release.files[f"{WIDE}.gz"] = factory.pack(release.files[WIDE], mtime=1_700_000_000)


@case("files", "gzip-header")
def a_gzip_with_a_name(release: Release) -> None:
    packed = factory.pack(release.files[WIDE], flags=8, name=b"wide\0")
    assert gzip.decompress(packed) == release.files[WIDE]
    release.files[f"{WIDE}.gz"] = packed


@case("files", "gzip")
def a_gzip_of_something_else(release: Release) -> None:
    release.files[f"{TRACKS}.gz"] = factory.pack(b"{}\n")


@case("files", "gzip")
def a_gzip_that_ends_early(release: Release) -> None:
    release.files[f"{TRACKS}.gz"] = factory.pack(release.files[TRACKS][:-1])


@case("files", "gzip")
def a_gzip_that_goes_on(release: Release) -> None:
    release.files[f"{TRACKS}.gz"] = factory.pack(release.files[TRACKS] + b"\n")


@case("files", "gzip")
def a_gzip_cut_off(release: Release) -> None:
    release.files[f"{TRACKS}.gz"] = release.files[f"{TRACKS}.gz"][:-9]


@case("files", "gzip")
def a_gzip_of_two_members(release: Release) -> None:
    release.files[f"{TRACKS}.gz"] += factory.pack(b"")


@case("files", "gzip")
def a_gzip_that_is_none(release: Release) -> None:
    release.files[f"{TRACKS}.gz"] = b"plain text"


# --- lines ------------------------------------------------------------------------------------


def rewrite(release: Release, file: str, data: bytes) -> None:
    release.files[file] = data
    release.files[f"{file}.gz"] = factory.pack(data)


@case("files", "bom")
def a_byte_order_mark(release: Release) -> None:
    rewrite(release, WIDE, b"\xef\xbb\xbf" + release.files[WIDE])


@case("files", "line-end")
def no_last_line_feed(release: Release) -> None:
    rewrite(release, WIDE, release.files[WIDE][:-1])


@case("files", "line-end")
def carriage_returns(release: Release) -> None:
    rewrite(release, ARTISTS, release.files[ARTISTS].replace(b"\n", b"\r\n"))


@case("files", "blank-line")
def a_blank_line(release: Release) -> None:
    rewrite(release, FEATURES, release.files[FEATURES].replace(b"\n", b"\n\n", 1))


@case("lines", "encoding")
def latin_1(release: Release) -> None:
    replace(release, WIDE, "ö".encode(), "ö".encode("latin-1"))


@case("lines", "json")
def half_a_line(release: Release) -> None:
    release.lines[TRACKS][5] = release.lines[TRACKS][5][:-10]


@case("files", "json")
def two_objects_a_line(release: Release) -> None:
    data = release.files[FEATURES].replace(b"}\n{", b"}{", 1)
    rewrite(release, FEATURES, data)
    release.manifest["totals"]["audioFeatures"] -= 1


@case("lines", "json")
def an_array_for_a_row(release: Release) -> None:
    release.lines[ARTISTS][2] = b"[]"


@case("lines", "json")
def half_a_surrogate_pair(release: Release) -> None:
    replace(release, ARTISTS, b'"Artist ', b'"\\ud800')


@case("lines", "json")
def nested_without_end(release: Release) -> None:
    replace(release, WIDE, b'{"any":1}', b"[" * 5000 + b"]" * 5000)


@case("lines", "not-a-number")
def a_nan(release: Release) -> None:
    replace(release, FEATURES, b"167.2", b"NaN")


@case("lines", "not-a-number")
def an_infinity(release: Release) -> None:
    replace(release, FEATURES, b"-6.1", b"-Infinity")


@case("lines", "json")
def a_number_beyond_a_double(release: Release) -> None:
    replace(release, FEATURES, b"167.2", b"1e999")


@case("lines", "duplicate-key")
def a_key_twice(release: Release) -> None:
    replace(release, WIDE, b'"explicit":', b'"explicit":true,"explicit":')


@case("lines", "duplicate-key")
def a_key_twice_far_inside(release: Release) -> None:
    replace(release, WIDE, b'{"any":1}', b'{"any":1,"any":1}')


@case("rows", "key-order")
def keys_out_of_order(release: Release) -> None:
    row = release.rows[TRACKS][5]
    row["name"] = row.pop("name")


@case("rows", "key-order")
def extra_not_last(release: Release) -> None:
    row = release.rows[WIDE][5]
    row["updated_at"] = row.pop("updated_at")


# --- types ------------------------------------------------------------------------------------


@case("lines", "integer")
def an_integer_as_a_float(release: Release) -> None:
    replace(release, FEATURES, b'"key":9', b'"key":9.0')


@case("lines", "integer")
def an_integer_with_an_exponent(release: Release) -> None:
    number = str(release.rows[TRACKS][5]["durationMs"]).encode()
    replace(release, TRACKS, number, number + b"e0")


@case("rows", "schema")
def an_integer_as_text(release: Release) -> None:
    release.rows[TRACKS][5]["durationMs"] = "200000"


@case("rows", "schema")
def a_flag_as_a_number(release: Release) -> None:
    release.rows[TRACKS][5]["explicit"] = 0


@case("rows", "schema")
def a_key_is_lacking(release: Release) -> None:
    del release.rows[WIDE][5]["isrc"]


@case("rows", "schema")
def an_unknown_key(release: Release) -> None:
    release.rows[FEATURES][5]["acousticness"] = 0.5


@case("rows", "schema")
def an_ingestion_key_in_the_wide_file(release: Release) -> None:
    release.rows[WIDE][5]["_more"] = 1


@case("wide", "schema")
def a_null_where_none_may_stand(release: Release) -> None:
    release.wide[5]["album_name"] = None


@case("rows", "schema")
def an_energy_above_one(release: Release) -> None:
    release.rows[FEATURES][5]["energy"] = 1.01


@case("wide", "schema")
def a_malformed_isrc(release: Release) -> None:
    release.wide[5]["isrc"] = "US-UM7-17-03861"


@case("wide", "schema")
def a_month_only_date(release: Release) -> None:
    release.wide[5]["album_release_date"] = "1999-05"


@case("wide", "schema")
def no_sources(release: Release) -> None:
    release.wide[5]["sources"] = []


@case("wide", "schema")
def a_source_of_no_kind(release: Release) -> None:
    release.wide[5]["sources"].append({"type": "radio", "term": "x"})


@case("rows", "schema")
def no_artist(release: Release) -> None:
    for name in ("artist_ids", "artist_names", "artist_genres"):
        release.rows[WIDE][5][name] = []


@case("rows", "schema")
def no_umbrellas(release: Release) -> None:
    release.rows[TRACKS][5]["_umbrellas"] = None


@case("wide", "timestamp")
def a_fraction_of_a_second(release: Release) -> None:
    release.wide[5]["updated_at"] = "2025-10-15T14:26:05.000Z"


@case("wide", "timestamp")
def a_day_that_never_was(release: Release) -> None:
    release.wide[5]["updated_at"] = "2025-02-30T14:26:05Z"


@case("rows", "timestamp")
def an_offset_for_utc(release: Release) -> None:
    release.rows[TRACKS][5]["addedAt"] = "2025-10-15T14:26:05+00:00"


# --- order and uniqueness ---------------------------------------------------------------------


@pytest.mark.parametrize("file", [WIDE, TRACKS, FEATURES, ARTISTS])
@pytest.mark.parametrize("rule", ["order", "duplicate"])
def test_order_and_uniqueness(tmp_path: Path, file: str, rule: str) -> None:
    def fault(release: Release) -> None:
        rows = release.rows[file]
        if rule == "order":
            rows[3], rows[4] = rows[4], rows[3]
        else:
            rows[4] = dict(rows[3])

    release = Release()
    for row in release.wide[3:5]:
        row["isrc"] = None  # else a row that stands twice repeats its ISRC as well
    before = release.build().manifest
    fault(release)
    release.serialise().assemble()
    # Figures and tables keep to the sound release: only the order is at fault here.
    release.manifest["totals"] = before["totals"]
    release.manifest["reccobeats"] = before["reccobeats"]
    assert rules(verify_release(release.write(tmp_path))) == {rule}


def test_a_store_that_asked_for_no_features_makes_a_sound_release(tmp_path: Path) -> None:
    release = Release(sandbox=True).build()
    release.manifest["reccobeats"]["source"] = "unknown"
    assert verify_release(release.write(tmp_path)) == []


@case("wide", "isrc-duplicate")
def an_isrc_twice(release: Release) -> None:
    release.wide[5]["isrc"] = release.wide[20]["isrc"] = "GBAYE0000001"


def share(release: Release, *numbers: int) -> list[Data]:
    """Let rows bear one ISRC and name each other, as other recordings do."""
    found = [release.wide[number] for number in numbers]
    ids = [row["spotify_track_id"] for row in found]
    for row in found:
        row["isrc"] = "GBAYE0000001"
        row["_extra"]["isrc_shared_with"] = [one for one in ids if one != row["spotify_track_id"]]
    return found


def test_recordings_that_share_an_isrc_and_say_so(tmp_path: Path) -> None:
    release = Release()
    share(release, 5, 20, 30)
    assert verify_release(release.build().write(tmp_path)) == []


@case("wide", "isrc-duplicate")
def one_that_shares_an_isrc_and_does_not_say_so(release: Release) -> None:
    for row in share(release, 5, 20):
        row["_extra"]["isrc_shared_with"] = []


@case("wide", "isrc-duplicate")
def an_edition_that_passes_for_another_recording(release: Release) -> None:
    one, other = share(release, 5, 20)
    for name in ("name", "artist_ids", "artist_names", "artist_genres", "duration_ms"):
        other[name] = one[name]


@case("wide", "isrc-shared")
def a_sharer_that_is_not_named(release: Release) -> None:
    share(release, 5, 20, 30)[0]["_extra"]["isrc_shared_with"].pop()


@case("wide", "isrc-shared")
def sharers_out_of_order(release: Release) -> None:
    share(release, 5, 20, 30)[1]["_extra"]["isrc_shared_with"].reverse()


@case("wide", "isrc-shared")
def a_sharer_with_another_isrc(release: Release) -> None:
    share(release, 5, 20)[0]["isrc"] = None


@case("wide", "isrc-shared")
def sharers_beside_one_that_names_none(release: Release) -> None:
    share(release, 5, 20, 30)[2]["_extra"]["isrc_shared_with"] = []


# --- wide rows --------------------------------------------------------------------------------


@case("wide", "row-id")
def a_row_id_of_another_track(release: Release) -> None:
    release.wide[5]["id"] = factory.row_id("0" * 22)


def rows_of(release: Release, number: int) -> Any:
    wanted = factory.spotify_id("track", number)
    return next(row for row in release.wide if row["spotify_track_id"] == wanted)["_extra"]


@case("wide", "schema")
def no_list_of_merged_ids(release: Release) -> None:
    del release.wide[5]["_extra"]["merged_track_ids"]


@case("wide", "schema")
def a_malformed_merged_id(release: Release) -> None:
    release.wide[5]["_extra"]["soft_merged_track_ids"] = ["spotify:track:1"]


@case("wide", "schema")
def a_backfill_without_a_step(release: Release) -> None:
    release.wide[5]["_extra"]["backfill_for"] = {"umbrella": "Rock", "decade": "70s"}


@case("wide", "merged-ids")
def merged_ids_out_of_order(release: Release) -> None:
    ids = sorted(factory.spotify_id("merged", number) for number in (70, 71))
    release.wide[5]["_extra"]["merged_track_ids"] = ids[::-1]


@case("wide", "merged-ids")
def a_track_merged_into_itself(release: Release) -> None:
    extra = release.wide[5]["_extra"]
    extra["merged_track_ids"] = [release.wide[5]["spotify_track_id"]]


@case("wide", "merged-ids")
def a_track_merged_both_ways(release: Release) -> None:
    extra = rows_of(release, 5)
    extra["soft_merged_track_ids"] = list(extra["merged_track_ids"])


@case("wide", "merged-ids")
def a_track_merged_into_two(release: Release) -> None:
    rows_of(release, 25)["merged_track_ids"] = list(rows_of(release, 5)["merged_track_ids"])


@case("wide", "merged-ids")
def a_merged_track_with_a_row(release: Release) -> None:
    other = release.wide[30]["spotify_track_id"]
    release.wide[5]["_extra"]["soft_merged_track_ids"] = [other]


@case("wide", "backfill")
def a_neighbour_of_another_decade(release: Release) -> None:
    rows_of(release, 7)["backfill_for"]["decade"] = "20s"


@case("wide", "backfill")
def a_decade_that_is_not_adjacent(release: Release) -> None:
    mark = {"umbrella": "Rock", "decade": "20s", "step": "decade"}
    rows_of(release, 7)["backfill_for"] = mark


@case("wide", "backfill")
def a_cell_of_its_own_by_another_name(release: Release) -> None:
    rows_of(release, 7)["backfill_for"]["step"] = "soft"


@case("wide", "backfill")
def a_track_without_a_cell_that_helps(release: Release) -> None:
    rows_of(release, 8)["backfill_for"] = rows_of(release, 7)["backfill_for"]


@case("wide", "backfill")
def playability_assumed_without_need(release: Release) -> None:
    rows_of(release, 4)["available_us_source"] = "thin_cell_policy"


@case("wide", "backfill")
def playability_assumed_for_a_neighbour(release: Release) -> None:
    rows_of(release, 7)["available_us_source"] = "thin_cell_policy"


@case("wide", "artist-arrays")
def fewer_names_than_artists(release: Release) -> None:
    row = next(row for row in release.wide if len(row["artist_ids"]) == 2)
    for other in release.wide:  # the second artist stays known by another row
        assert other is row or len(other["artist_names"]) == len(other["artist_ids"])
    row["artist_names"].pop()


@case("wide", "artist-arrays")
def images_for_other_artists(release: Release) -> None:
    release.wide[5]["artist_image_urls"] = ["https://i/a", "", "http://i/c"]


@case("wide", "blank-name")
def a_blank_title(release: Release) -> None:
    release.wide[5]["name"] = " "


@case("wide", "blank-name")
def an_artist_with_a_blank_name(release: Release) -> None:
    row = release.wide[5]
    row["artist_ids"] = [spotify_id("artist", 99)]
    row["artist_names"], row["artist_genres"] = [" "], [[]]


@case("wide", "url")
def an_address_that_is_a_script(release: Release) -> None:
    release.wide[5]["album_image_url"] = "javascript:alert(1)"


@case("wide", "url")
def a_picture_without_a_host(release: Release) -> None:
    row = release.wide[5]
    row["artist_image_urls"] = ["https:///x"] * len(row["artist_ids"])


@case("wide", "future")
def an_album_of_the_year_after_next(release: Release) -> None:
    row = release.wide[5]
    row["album_release_date"], row["album_release_year"] = "2027", 2027
    row["album_decade_label"] = "20s"


@case("wide", "text-control")
def a_line_separator_in_a_title(release: Release) -> None:
    release.wide[5]["name"] = "line\u2028break"


@case("wide", "text-control")
def an_escape_in_a_genre(release: Release) -> None:
    for row in release.wide:
        row["artist_genres"] = [["rock\x1b[2j"] for _ in row["artist_ids"]]


@case("wide", "text-control")
def a_control_character_in_a_key(release: Release) -> None:
    release.wide[5]["_extra"]["no\x9bte"] = 1


@case("manifest", "text-control")
def a_bell_in_a_note(release: Release) -> None:
    release.manifest["notes"].append("ring\x07")


@case("files", "text-control")
def a_bell_in_a_search(release: Release) -> None:
    release.files["discovery.csv"] = factory.DISCOVERY.replace("rock", "ro\x07ck").encode()


@case("files", "formula")
def a_search_that_is_a_formula(release: Release) -> None:
    text = factory.DISCOVERY.replace('"rock ""live"", run"', "=1+1")
    assert "=1+1" in text
    release.files["discovery.csv"] = text.encode()


@case("wide", "formula")
def a_title_that_is_a_formula(release: Release) -> None:
    release.wide[3]["name"] = "@SUM(1)"


@case("wide", "imported-features")
def an_imported_feature_without_a_value(release: Release) -> None:
    release.wide[3]["_extra"]["features_imported"] = {"tempo": "a file"}


@case("wide", "schema")
def an_imported_feature_of_no_kind(release: Release) -> None:
    release.wide[5]["_extra"]["features_imported"] = ["tempo"]


@case("wide", "schema")
def a_row_that_does_not_say_what_was_imported(release: Release) -> None:
    del release.wide[5]["_extra"]["features_imported"]


@case("manifest", "imported-features")
def a_source_of_imports_that_no_row_has(release: Release) -> None:
    release.manifest["importedFeatures"]["a third"] = {"tracks": 1, "licences": ["CC0-1.0"]}


@case("manifest", "imported-features")
def another_licence_of_imports(release: Release) -> None:
    release.manifest["importedFeatures"]["analysis"]["licences"] = ["GPL"]


@case("manifest", "imported-features")
def imports_of_fewer_tracks(release: Release) -> None:
    release.manifest["importedFeatures"]["analysis"]["tracks"] -= 1


@case("manifest", "schema")
def a_manifest_that_does_not_say_what_was_imported(release: Release) -> None:
    del release.manifest["importedFeatures"]


@case("wide", "licence")
def an_imported_feature_without_a_licence(release: Release) -> None:
    release.wide[5]["_extra"]["features_imported"] = {"tempo": "a file"}


@case("rows", "ingest-source")
def a_track_found_by_nothing(release: Release) -> None:
    release.rows[TRACKS][5]["_ingestSource"] = None


@case("rows", "ingest-source")
def a_search_of_other_words(release: Release) -> None:
    row = next(row for row in release.rows[TRACKS] if row["_ingestSource"] == "search")
    row["_ingestQuery"] = "jazz running"


@case("rows", "ingest-source")
def a_playlist_found_by_two_searches(release: Release) -> None:
    row = next(row for row in release.rows[TRACKS] if row["_ingestSource"] == "playlist")
    row["_ingestQuery"] = None


@case("rows", "ingest-source")
def a_track_found_at_another_time(release: Release) -> None:
    release.rows[TRACKS][5]["_ingestDiscoveredAt"] = "2025-10-16T00:00:00Z"


@case("manifest", "decades")
def original_years_that_no_row_has(release: Release) -> None:
    release.manifest["decades"]["withOriginalYear"] = 1


@case("manifest", "exhaustion")
def a_state_counted_twice(release: Release) -> None:
    release.manifest["exhaustion"]["states"]["exhausted"] += 1


@case("manifest", "discovery")
def more_exported_than_the_seeds_of_a_family_show(release: Release) -> None:
    release.manifest["spotify"]["seedsSummary"]["track/editorial"]["exported"] += 1


@case("manifest", "discovery")
def a_rule_that_refused_more_than_were_refused(release: Release) -> None:
    summary = release.manifest["spotify"]["seedsSummary"]["track/editorial"]
    summary["rejectedByRule"] = {**summary["rejectedByRule"], "too_long": 2}


@case("manifest", "accounting")
def unsound_rows_that_no_rule_counts(release: Release) -> None:
    release.manifest["unsound"] = {"tracks": 1, "listed": []}


@case("manifest", "accounting")
def more_unsound_rows_than_counted(release: Release) -> None:
    row = {"trackId": "?", "problem": "p"}
    release.manifest["unsound"]["listed"] = [row]


@case("manifest", "accounting")
def an_unsound_row_that_is_there(release: Release) -> None:
    account = release.manifest["accounting"]
    account["rejected"] += 1
    account["rejectedByRule"]["unsound"] = 1
    account["pending"] -= 1
    row = {"trackId": release.rows[WIDE][3]["spotify_track_id"], "problem": "p"}
    release.manifest["unsound"] = {"tracks": 1, "listed": [row]}


@case("wide", "genre-form")
def a_genre_with_a_hyphen(release: Release) -> None:
    rename_genre(release, "alt-country")


@case("wide", "genre-form")
def a_genre_with_an_ampersand(release: Release) -> None:
    rename_genre(release, "drum & bass")


@case("wide", "genre-form")
def a_genre_in_capitals(release: Release) -> None:
    rename_genre(release, "Country")


def rename_genre(release: Release, name: str) -> None:
    for row in release.wide:
        row["artist_genres"] = [[name, *genres[1:]] for genres in row["artist_genres"]]


@case("wide", "artist-differs")
def an_artist_of_two_names(release: Release) -> None:
    first = release.wide[0]["artist_ids"][0]
    later = next(row for row in release.wide[1:] if row["artist_ids"][0] == first)
    later["artist_names"][0] = "Another Name"


@case("wide", "year")
def a_year_beside_its_date(release: Release) -> None:
    release.wide[5].update(album_release_date="1998-01-01", album_release_year=1999)
    release.wide[5]["album_decade_label"] = "90s"


@case("wide", "year")
def a_year_without_a_date(release: Release) -> None:
    release.wide[5]["album_release_date"] = None


@case("wide", "decade")
def another_decade(release: Release) -> None:
    row = release.wide[5]
    row["album_decade_label"] = "70s" if row["album_decade_label"] != "70s" else "80s"


@case("wide", "decade")
def a_decade_before_the_seventies(release: Release) -> None:
    release.wide[5].update(album_release_date="1965", album_release_year=1965)


@case("wide", "popularity-bucket")
def a_rounded_bucket(release: Release) -> None:
    release.wide[5].update(popularity_snapshot=58, popularity_bucket=6)


@case("wide", "popularity-bucket")
def a_bucket_of_nothing(release: Release) -> None:
    release.wide[5].update(popularity_snapshot=None, popularity_bucket=0)


@case("wide", "duration-policy")
def a_track_too_long(release: Release) -> None:
    release.wide[5]["duration_ms"] = 360_001


@case("wide", "duration-policy")
def a_track_too_short(release: Release) -> None:
    release.wide[5]["duration_ms"] = 119_999


@case("wide", "playability-policy")
def a_track_nobody_can_play(release: Release) -> None:
    release.wide[5].update(available_us=False, available_primary_markets=["CA"])


@case("wide", "schema")
def an_artist_without_a_name(release: Release) -> None:
    release.wide[5]["artist_names"][0] = ""


@case("wide", "playability-source")
def no_search_can_have_served_it(release: Release) -> None:
    row = next(row for row in release.wide if row["source_playlist_id"])
    row["sources"] = [one for one in row["sources"] if one["type"] == "playlist"]
    row["_extra"]["available_us_source"] = "search_market"


@case("wide", "playability-source")
def a_search_served_what_is_not_available(release: Release) -> None:
    row = next(row for row in release.wide if row["sources"][-1]["type"] == "search")
    row.update(available_us=False, available_primary_markets=["US"])
    row["_extra"]["available_us_source"] = "search_market"


@case("wide", "source-playlist")
def a_playlist_that_is_no_source(release: Release) -> None:
    row = next(row for row in release.wide if row["source_playlist_id"])
    row["source_playlist_name"] = "Another name"


@case("wide", "source-playlist")
def a_playlist_source_unnamed(release: Release) -> None:
    row = next(row for row in release.wide if row["source_playlist_id"])
    for part in ("id", "name", "owner"):
        row[f"source_playlist_{part}"] = None


# --- splits -----------------------------------------------------------------------------------


@case("rows", "split-value")
def another_title(release: Release) -> None:
    release.rows[TRACKS][5]["name"] = "Another title"


@case("rows", "split-value")
def the_second_artist_first(release: Release) -> None:
    release.rows[TRACKS][5]["artistId"] = "0" * 22


@case("rows", "split-value")
def not_playable_after_all(release: Release) -> None:
    release.rows[TRACKS][5]["isPlayable"] = False


@case("rows", "split-value")
def other_umbrellas(release: Release) -> None:
    release.rows[TRACKS][5]["_umbrellas"] = ["Jazz"]


@case("rows", "split-value")
def other_content_labels(release: Release) -> None:
    release.rows[TRACKS][5]["_contentLabels"] = ["holiday"]


@case("wide", "schema")
def a_content_label_of_no_vocabulary(release: Release) -> None:
    release.wide[5]["_extra"]["content_labels"] = ["opera"]


@case("wide", "schema")
def no_content_labels(release: Release) -> None:
    release.wide[5]["_extra"]["content_labels"] = None


@case("wide", "content-labels")
def content_labels_out_of_order(release: Release) -> None:
    release.wide[5]["_extra"]["content_labels"] = ["live", "altered"]


@case("wide", "content-labels")
def a_content_label_twice(release: Release) -> None:
    release.wide[5]["_extra"]["content_labels"] = ["live", "live"]


@case("wide", "content-policy")
def a_content_label_that_is_rejected(release: Release) -> None:
    release.wide[5]["_extra"]["content_labels"] = ["karaoke"]


@case("manifest", "content-labels")
def another_number_of_content_labels(release: Release) -> None:
    release.manifest["totals"]["byContentLabel"]["live"] += 1


@case("manifest", "content-labels")
def a_content_label_that_no_row_has(release: Release) -> None:
    release.manifest["totals"]["byContentLabel"]["holiday"] = 1


@case("rows", "split-value")
def added_at_another_time(release: Release) -> None:
    release.rows[TRACKS][5]["addedAt"] = "2025-10-15T14:26:06Z"


@case("rows", "split-value")
def another_tempo(release: Release) -> None:
    release.rows[FEATURES][5]["tempo"] = 167.3


@case("rows", "split-value")
def other_genres(release: Release) -> None:
    release.rows[ARTISTS][2]["genres"] = ["jazz"]


@case("rows", "split-missing")
def a_track_is_lacking(release: Release) -> None:
    del release.rows[TRACKS][5]


@case("rows", "split-missing")
def features_are_lacking(release: Release) -> None:
    del release.rows[FEATURES][5]


@case("manifest", "coverage")
def another_coverage(release: Release) -> None:
    release.manifest["reccobeats"]["featureCoveragePct"] = 97.51


@case("manifest", "coverage")
def another_coverage_of_tempo(release: Release) -> None:
    release.manifest["reccobeats"]["tempoCoveragePct"] = 97.51


@case("rows", "split-missing")
def an_artist_is_lacking(release: Release) -> None:
    del release.rows[ARTISTS][2]


@case("rows", "split-extra")
def an_artist_of_no_track(release: Release) -> None:
    stranger: dict[str, Any] = {"id": "z" * 22, "name": "Nobody", "genres": [], "popularity": None}
    release.rows[ARTISTS].append(stranger)


@case("rows", "split-extra")
def a_track_of_nowhere(release: Release) -> None:
    release.rows[TRACKS].append({**release.rows[TRACKS][-1], "id": "z" * 22})


@case("rows", "split-extra")
def features_of_a_miss(release: Release) -> None:
    row = factory.features_row(release.wide[3])
    release.rows[FEATURES].append(row)
    release.rows[FEATURES].sort(key=lambda row: row["trackId"])


@case("rows", "ingest-source")
def a_query_from_nowhere(release: Release) -> None:
    release.rows[TRACKS][5]["_ingestPlaylistId"] = "0" * 22


# --- the manifest -----------------------------------------------------------------------------


@case("manifest", "schema")
def a_manifest_without_notes(release: Release) -> None:
    del release.manifest["notes"]


@case("manifest", "schema")
def an_accounting_without_pending(release: Release) -> None:
    del release.manifest["accounting"]["pending"]


@case("manifest", "integer")
def a_count_as_a_float(release: Release) -> None:
    release.manifest["totals"]["tracks"] = 40.0


@case("manifest", "key-order")
def a_manifest_out_of_order(release: Release) -> None:
    release.manifest["version"] = release.manifest.pop("version")


@case("manifest", "key-order")
def totals_out_of_order(release: Release) -> None:
    totals = release.manifest["totals"]
    totals["tracks"] = totals.pop("tracks")


@case("manifest", "timestamp")
def made_at_a_fraction(release: Release) -> None:
    release.manifest["createdAt"] = "2025-10-15T14:26:05.5Z"


@case("folder", "json")
def half_a_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])


@case("folder", "duplicate-key")
def a_manifest_with_a_key_twice(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"notes": [', '"notes": [],\n  "notes": ['))


@case("manifest", "sandbox")
def the_sandbox_in_disguise(release: Release) -> None:
    release.manifest["spotify"]["source"] = "api.spotify.com"


@case("manifest", "sandbox")
def no_note_of_the_sandbox(release: Release) -> None:
    release.manifest["notes"].pop()


@case("manifest", "totals")
def a_track_too_many_counted(release: Release) -> None:
    release.manifest["totals"]["tracks"] += 1


@case("manifest", "totals")
def an_artist_too_few_counted(release: Release) -> None:
    release.manifest["totals"]["artists"] -= 1


@case("manifest", "cells")
def a_cell_too_full(release: Release) -> None:
    release.manifest["totals"]["byUmbrellaAndDecade"]["Rock"]["90s"] = 40


@case("manifest", "decades")
def a_decade_too_full(release: Release) -> None:
    release.manifest["decades"]["byOriginalYear"]["90s"] = 400


@case("rows", "original-year")
def a_song_younger_than_its_album(release: Release) -> None:
    row = release.rows[WIDE][5]
    year = row["album_release_year"] + 1
    row["_extra"] |= {
        "original_release_year": year,
        "licences": {"original_release_year": "CC0-1.0"},
    }
    release.rows[TRACKS][5]["_originalReleaseYear"] = year


@case("rows", "licence")
def a_field_of_open_data_without_its_licence(release: Release) -> None:
    release.rows[WIDE][5]["_extra"]["open_genres"] = ["rock"]


@case("rows", "split-value")
def another_original_year(release: Release) -> None:
    release.rows[TRACKS][5]["_originalReleaseYear"] = 1950


@case("manifest", "cells")
def an_umbrella_of_no_track(release: Release) -> None:
    release.manifest["totals"]["byUmbrellaAndDecade"]["Jazz"] = {"90s": 1}


@case("manifest", "accounting")
def rows_unaccounted_for(release: Release) -> None:
    release.manifest["accounting"]["rowsSeen"] += 1


@case("manifest", "accounting")
def tracks_unaccounted_for(release: Release) -> None:
    release.manifest["accounting"]["mergedSoft"] += 1


@case("manifest", "accounting")
def rejected_by_no_rule(release: Release) -> None:
    release.manifest["accounting"]["rejectedByRule"]["duration"] += 1


@case("manifest", "accounting")
def exported_but_not_there(release: Release) -> None:
    release.manifest["accounting"]["exported"] += 1
    release.manifest["accounting"]["pending"] -= 1


@case("manifest", "accounting")
def more_merged_than_counted(release: Release) -> None:
    release.manifest["accounting"]["mergedIsrc"] -= 4
    release.manifest["accounting"]["mergedSoft"] -= 5
    release.manifest["accounting"]["pending"] += 9


@case("manifest", "canonical")
def more_changes_than_counted(release: Release) -> None:
    release.manifest["canonical"]["changed"] = 0


@case("manifest", "canonical")
def an_isrc_that_changes_into_itself(release: Release) -> None:
    change = release.manifest["canonical"]["changes"][0]
    change["before"] = change["after"]


@case("manifest", "schema")
def a_change_without_a_reason(release: Release) -> None:
    del release.manifest["canonical"]["changes"][0]["reason"]


@case("manifest", "changes")
def more_kept_than_there_were(release: Release) -> None:
    release.manifest["changes"]["previousTracks"] -= 1


@case("manifest", "changes")
def more_kept_and_added_than_there_are(release: Release) -> None:
    release.manifest["changes"]["kept"] += 1
    release.manifest["changes"]["previousTracks"] += 1


@case("manifest", "changes")
def reasons_that_do_not_add_up(release: Release) -> None:
    release.manifest["changes"]["removedByReason"]["forgotten"] = 1


@case("manifest", "changes")
def more_moved_than_kept(release: Release) -> None:
    changes = release.manifest["changes"]
    changes["changed"] = changes["kept"]


@case("manifest", "changes")
def a_first_release_with_a_past(release: Release) -> None:
    release.manifest["changes"]["against"] = None


@case("manifest", "changes")
def more_listed_than_moved(release: Release) -> None:
    release.manifest["changes"]["moved"] = 0


@case("manifest", "changes")
def an_added_track_that_is_not_there(release: Release) -> None:
    release.manifest["changes"]["listed"]["added"][0]["trackId"] = factory.spotify_id("gone", 3)


@case("manifest", "changes")
def a_removed_track_that_is_there(release: Release) -> None:
    listed = release.manifest["changes"]["listed"]
    listed["removed"][0]["trackId"] = release.wide[-1]["spotify_track_id"]


@case("manifest", "schema")
def a_removal_without_a_reason(release: Release) -> None:
    del release.manifest["changes"]["listed"]["removed"][0]["reason"]


@case("manifest", "schema")
def a_balance_without_a_proof(release: Release) -> None:
    del release.manifest["balance"]["proof"]


@case("manifest", "schema")
def an_unknown_backfill_step(release: Release) -> None:
    release.manifest["balance"]["backfillOrder"] = ["luck"]


@case("manifest", "balance")
def a_minimum_above_the_target(release: Release) -> None:
    release.manifest["balance"]["minimum"] = 9


@case("manifest", "figures")
def a_year_without_a_track(release: Release) -> None:
    years = release.manifest["figures"]["byReleaseYear"]
    years["1977"]["tracks"] -= 1
    years["1984"]["tracks"] += 1


@case("manifest", "figures")
def a_year_that_is_not_told(release: Release) -> None:
    del release.manifest["figures"]["byReleaseYear"]["1977"]


@case("manifest", "figures")
def features_of_more_tracks(release: Release) -> None:
    release.manifest["figures"]["byReleaseYear"]["1977"]["withFeatures"] += 1


@case("manifest", "figures")
def a_length_counted_twice(release: Release) -> None:
    release.manifest["figures"]["durationSeconds"]["120"] += 1


@case("manifest", "figures")
def a_folded_tempo_that_was_not_measured(release: Release) -> None:
    release.manifest["figures"]["tempo"]["folded"]["170"] = {"doubled": 1}


@case("manifest", "figures")
def more_tempos_than_rows(release: Release) -> None:
    for bins in release.manifest["figures"]["tempo"].values():
        bins["170"] = {"doubled": 1}


@case("manifest", "schema")
def figures_without_the_calls(release: Release) -> None:
    del release.manifest["figures"]["calls"]


@case("manifest", "balance")
def a_balance_that_wants_less(release: Release) -> None:
    release.manifest["balance"]["wanted"] -= 1


@case("manifest", "balance")
def a_shortfall_that_is_not_the_cells(release: Release) -> None:
    release.manifest["balance"]["totalShortfall"] += 1
    release.manifest["balance"]["proof"]["tracks"] -= 1


@case("manifest", "balance")
def a_cell_that_lacks_less(release: Release) -> None:
    release.manifest["balance"]["cells"]["Metal"]["70s"]["shortfall"] -= 1
    release.manifest["balance"]["cells"]["Metal"]["80s"]["shortfall"] += 1


@case("manifest", "balance")
def a_cell_of_the_certificate_too_full(release: Release) -> None:
    cell = release.manifest["balance"]["cells"]["Rock"]["70s"]
    cell["tracks"], cell["shortfall"] = cell["tracks"] + 1, cell["shortfall"] - 1
    release.manifest["balance"]["totalShortfall"] -= 1
    release.manifest["balance"]["proof"]["tracks"] += 1


@case("manifest", "balance")
def a_backfill_that_no_row_names(release: Release) -> None:
    release.manifest["balance"]["cells"]["Rock"]["70s"]["backfill"] = {"decade": 1}


@case("manifest", "balance")
def a_proof_of_another_shortfall(release: Release) -> None:
    release.manifest["balance"]["proof"]["tracks"] += 1


@case("manifest", "balance")
def a_proof_with_a_cell_of_no_grid(release: Release) -> None:
    proof = release.manifest["balance"]["proof"]
    proof["cells"][-1] = ["Jazz", "20s"]


@case("manifest", "balance")
def a_proof_that_rows_disprove(release: Release) -> None:
    # The figures agree, but rows that may serve Rock may serve Metal, which is still named.
    proof = release.manifest["balance"]["proof"]
    proof["cells"].remove(["Rock", "80s"])
    proof["wanted"] -= 8
    proof["tracks"] -= 8


@case("manifest", "duration-policy")
def a_longest_track_beyond_the_cap(release: Release) -> None:
    release.manifest["filtersApplied"]["maxDurationMs"] = 400_000


@case("manifest", "gate")
def a_failed_gate(release: Release) -> None:
    release.manifest["gates"].append(factory.gate("duration_mean", passed=False))


@case("manifest", "gate")
def gates_that_measured_something_else(release: Release) -> None:
    release.manifest["gates"] += [
        factory.gate("min_tracks", value=41),
        factory.gate("feature_coverage", value=0.976),
        factory.gate("year_coverage", value="all"),
    ]


@case("wide", "feature-coverage")
def too_few_features(release: Release) -> None:
    for row in release.wide[10:13]:
        factory.without_features(row)


@case("wide", "year-coverage")
def too_few_years(release: Release) -> None:
    for row in release.wide[10:15]:
        row.update(album_release_date=None, album_release_year=None, album_decade_label=None)


# --- tables -----------------------------------------------------------------------------------


@case("files", "table")
def tables_with_a_row_less(release: Release) -> None:
    release.tables(release.wide[:-1])


@case("files", "table")
def tables_in_another_order(release: Release) -> None:
    release.tables(release.wide[::-1])


@case("files", "table")
def a_parquet_that_is_none(release: Release) -> None:
    release.files["catalog.parquet"] = b"PAR1 nothing PAR1"


@case("files", "table")
def tables_with_a_number_without_end(release: Release) -> None:
    # Written as JSON it would be null, which the line has.
    release.tables([row if row["tempo"] else {**row, "tempo": math.inf} for row in release.wide])
    release.files["catalog.csv"] = release.files["catalog.csv"].replace(b"Infinity", b"inf")


@case("files", "table")
def a_parquet_with_a_list_of_nothing(release: Release) -> None:
    text = release.files["catalog.csv"]
    release.tables([{**row, "artist_image_urls": [None]} for row in release.wide])
    release.files["catalog.csv"] = text


@case("files", "table")
def a_csv_without_the_column(release: Release) -> None:
    release.files["catalog.csv"] = release.files["catalog.csv"].replace(b"spotify_", b"", 1)


@case("files", "table")
def a_csv_with_a_number_for_machines(release: Release) -> None:
    at = [*release.wide[5]].index("duration_ms")
    rows = [line.split(b",") for line in release.files["catalog.csv"].splitlines()]
    # No cell before this one holds a comma.
    rows[6][at] = hex(int(rows[6][at])).encode()
    release.files["catalog.csv"] = b"".join(b",".join(row) + b"\n" for row in rows)


@case("files", "table")
def a_csv_with_a_blank_line(release: Release) -> None:
    release.files["catalog.csv"] = release.files["catalog.csv"].replace(b"\n", b"\n\n", 2)


@case("files", "table")
def a_csv_in_latin_1(release: Release) -> None:
    release.files["catalog.csv"] += "ö".encode("latin-1")


def described(change: Callable[[list[Data]], object]) -> Fault:
    """A fault of the resources of the data package."""

    def fault(release: Release) -> None:
        document = json.loads(release.files["datapackage.json"])
        change(document["resources"])
        release.files["datapackage.json"] = json.dumps(document).encode()

    return fault


@case("files", "package")
def a_package_that_describes_a_file_twice(release: Release) -> None:
    described(lambda told: told.insert(0, {**told[0], "bytes": 1}))(release)


@case("files", "package")
def a_package_of_names_that_are_none(release: Release) -> None:
    described(lambda told: told.extend({**told[0], "path": path} for path in (1, "x", None)))(
        release
    )


# --- the tests over the cases -----------------------------------------------------------------


def test_a_sound_release_has_no_problem(tmp_path: Path) -> None:
    folder = make(tmp_path)
    assert verify_release(folder) == []
    assert summarise(folder) == f"ok: 40 tracks, 8 artists, 39 features, version {folder.name}"


def test_a_release_not_of_the_sandbox_may_mention_it(tmp_path: Path) -> None:
    release = Release(sandbox=False).build()
    release.manifest["notes"].append("Compared with the sandbox.")
    assert verify_release(release.write(tmp_path)) == []


def test_a_link_is_followed_before_the_name_is_compared(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (tmp_path / "latest").symlink_to(folder.name)
    assert verify_release(tmp_path / "latest") == []


@pytest.mark.parametrize(("stage", "fault", "rule"), CASES)
def test_one_fault_breaks_one_rule(tmp_path: Path, stage: str, fault: Fault, rule: str) -> None:
    problems = verify_release(make(tmp_path, stage, fault))
    assert rules(problems) == {rule}, [str(problem) for problem in problems]
    assert all("\n" not in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("fault", "gate", "value"),
    [(too_few_features, "feature_coverage", 0.9), (too_few_years, "year coverage", 1)],
)
def test_an_accepted_gate_is_no_problem(
    tmp_path: Path, fault: Fault, gate: str, value: float
) -> None:
    release = Release()
    fault(release)
    release.build()
    entry = factory.gate(gate, value=value, passed=False, accepted="thin year")
    release.manifest["gates"].append(entry)
    assert verify_release(release.write(tmp_path)) == []


def test_manifest_objects_and_ingestion_keys_may_grow(tmp_path: Path) -> None:
    release = Release().derive()
    for row in release.rows[TRACKS]:
        row["_tempo_bucket"] = 160
    release.serialise().assemble()
    release.manifest["spotify"]["regime"] = "extended"
    release.manifest["more"] = {"any": 1.0}
    release.manifest["figures"]["tempo"]["heard"] = {}
    release.manifest["figures"]["byReleaseYear"]["1977"]["more"] = 1
    release.manifest["totals"]["byUmbrellaAndDecade"]["Rock"]["Undated"] = 0
    assert verify_release(release.write(tmp_path)) == []


def test_a_policy_that_keeps_editions_allows_an_isrc_twice(tmp_path: Path) -> None:
    release = Release()
    an_isrc_twice(release)
    release.build()
    release.manifest["filtersApplied"]["dedupePolicy"] = "Spotify id"
    assert verify_release(release.write(tmp_path)) == []


def test_an_empty_release_is_a_problem(tmp_path: Path) -> None:
    assert "empty" in rules(verify_release(Release(0).build().write(tmp_path)))


def test_a_release_under_another_name_is_a_problem(tmp_path: Path) -> None:
    folder = Release().build().write(tmp_path, folder="2025-10-15-copy")
    assert rules(verify_release(folder)) == {"version"}


def test_a_folder_of_other_things_is_not_searched(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    unexpected = [p.file for p in verify_release(tmp_path) if p.rule == "unexpected"]
    assert unexpected == ["deep"]


def test_a_missing_folder_is_a_problem(tmp_path: Path) -> None:
    assert rules(verify_release(tmp_path / "none")) == {"missing"}


def test_twenty_problems_a_rule_are_listed(tmp_path: Path) -> None:
    def fault(release: Release) -> None:
        for row in release.wide:
            row["duration_ms"] = 1

    problems = verify_release(make(tmp_path, "wide", fault))
    assert len(problems) == LISTED_PER_RULE + 1
    assert str(problems[-1]) == f"{WIDE}: duration-policy: … and 20 more"
    assert sum(problem.count for problem in problems) == 40
    assert problems[0].line == 1


def test_rows_written_with_blanks_are_as_sound(tmp_path: Path) -> None:
    """Lines that are not written as this project does are looked at one by one."""
    release = Release().derive().serialise()
    for name in release.lines:
        release.lines[name] = [json.dumps(row).encode() for row in release.rows[name]]
    assert verify_release(release.assemble().write(tmp_path)) == []


def of_many_rows() -> Release:
    """A few hundred rows, which are several blocks; each is taken or refused by itself."""
    release = Release(300)
    for row in release.wide:
        row["duration_ms"] = 200_000
        row.update(factory.FEATURE_FIELDS)
    return release


def test_a_fault_is_told_by_its_line_in_whatever_block(tmp_path: Path) -> None:
    release = of_many_rows()
    places = (1, 140, 141, 299)
    for place in places:
        release.wide[place]["popularity_bucket"] = 10
    release.derive()
    for place in places:
        release.rows[TRACKS][place]["albumName"] = "Another"
        release.rows[FEATURES][place]["tempo"] = 1.5
    release.serialise().assemble()
    found = {
        (one.file, one.line, one.rule)
        for one in verify_release(release.write(tmp_path))
        if one.names_row
    }
    faults = ((WIDE, "popularity-bucket"), (TRACKS, "split-value"), (FEATURES, "split-value"))
    assert found == {(file, place + 1, rule) for place in places for file, rule in faults}


def test_a_row_too_few_is_told_beside_whole_blocks(tmp_path: Path) -> None:
    release = of_many_rows().derive()
    gone = release.rows[TRACKS].pop(150)["id"]
    release.serialise().assemble()
    problems = [one for one in verify_release(release.write(tmp_path)) if one.names_row]
    assert [(one.rule, one.track, one.file) for one in problems] == [
        ("split-missing", gone, TRACKS)
    ]


def test_absorbed_problems_keep_their_count() -> None:
    ours, theirs = Problems(), Problems()
    for number in range(15):
        ours.add("a", number, "r", "m")
    for number in range(30):
        theirs.add("b", number, "r", "m")
    ours.absorb(theirs)
    listed = ours.listed()
    assert len(listed) == LISTED_PER_RULE + 1
    assert sum(problem.count for problem in listed) == 45
    assert listed[-1].file == "several files"


def test_a_problem_is_one_line_whatever_it_quotes() -> None:
    problem = Problem("a\nb", 3, "rule", "x\r\n\x1b[31m\udcff ö …")
    assert str(problem) == "a\\nb:3: rule: x\\r\\n\\x1b[31m\\udcff ö …"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("sound"))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_byte_changed_in_a_hashed_file_is_noticed(sound: Path, data: st.DataObject) -> None:
    files = sorted(p for p in sound.rglob("*") if p.is_file() and p.name != "manifest.json")
    flip_and_expect_a_problem(sound, data.draw(st.sampled_from(files)), data, 0, None)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_byte_changed_where_the_manifest_counts_is_noticed(
    sound: Path, data: st.DataObject
) -> None:
    # Nothing hashes the manifest: its free text (notes, counts of requests, createdAt) can be
    # changed unseen. Names, hashes, totals and accounting follow from the other files.
    path = sound / "manifest.json"
    text = path.read_bytes()
    parts = [(b'  "totals"', b'  "filtersApplied"'), (b'  "fileHashes"', b'\n    "rejectedByRule"')]
    first, last = data.draw(st.sampled_from(parts))
    flip_and_expect_a_problem(sound, path, data, text.index(first), text.index(last))


def flip_and_expect_a_problem(
    folder: Path, path: Path, data: st.DataObject, first: int, last: int | None
) -> None:
    content = path.read_bytes()
    position = data.draw(st.integers(first, (last or len(content)) - 1))
    flipped = bytes([content[position] ^ data.draw(st.integers(1, 255))])
    if path.name == "manifest.json" and content[position : position + 1].isspace():
        return  # white space for white space says the same
    path.write_bytes(content[:position] + flipped + content[position + 1 :])
    try:
        assert verify_release(folder)
    finally:
        path.write_bytes(content)


LIMIT = {"api": "spotify", "family": "search", "calls": 600}


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ([], set()),
        ([LIMIT], set()),
        (5, {"figures"}),
        ([LIMIT, 5], {"figures"}),
        ([{**LIMIT, "calls": -1}], {"figures"}),
        ([{**LIMIT, "calls": True}], {"figures"}),
        ([{**LIMIT, "family": None}], {"figures"}),
        ([{**LIMIT, "more": 1}], {"figures"}),
    ],
)
def test_limits_may_be_told_and_are_limits(limits: Any, said: set[str], tmp_path: Path) -> None:
    def tell(release: Release) -> None:
        release.manifest["figures"]["limits"] = limits

    assert rules(verify_release(make(tmp_path, "manifest", tell))) == said


READING = {
    "searches": 3,
    "asked": 2,
    "left": 1,
    "requests": 9,
    "newOnLastPages": [4, 0],
    "state": "open",
}


@pytest.mark.parametrize(
    ("playlists", "said"),
    [
        (READING, set()),
        (5, {"exhaustion"}),
        ({}, {"exhaustion"}),
        ({**READING, "asked": 4}, {"exhaustion"}),
        ({**READING, "left": 4}, {"exhaustion"}),
        ({**READING, "requests": True}, {"exhaustion"}),
        ({**READING, "newOnLastPages": [-1]}, {"exhaustion"}),
        ({**READING, "newOnLastPages": 4}, {"exhaustion"}),
        ({**READING, "state": "read"}, {"exhaustion"}),
        ({**READING, "more": 1}, {"exhaustion"}),
    ],
)
def test_playlists_may_be_certified_of_a_cell(
    playlists: Any, said: set[str], tmp_path: Path
) -> None:
    def tell(release: Release) -> None:
        row = next(iter(release.manifest["exhaustion"]["cells"].values()))
        next(iter(row.values()))["playlists"] = playlists

    assert rules(verify_release(make(tmp_path, "manifest", tell))) == said


# --- schemas ----------------------------------------------------------------------------------


@cache
def _sound_rows() -> bytes:
    release = Release().build()
    rows = {name.removesuffix(".jsonl"): release.rows[name][5] for name in release.rows}
    return pickle.dumps({**rows, "manifest": release.manifest})


def sound_rows() -> dict[str, dict[str, Any]]:
    """A row of each file; what is made of them is nobody else's."""
    found: dict[str, dict[str, Any]] = pickle.loads(_sound_rows())
    return found


@pytest.mark.parametrize("name", list(sound_rows()))
def test_a_schema_is_sound_and_takes_a_sound_row(name: str) -> None:
    schema = packaged_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    row = sound_rows()[name]
    jsonschema.validate(row, schema)
    check = RowCheck(schema)
    assert check.accepts(row)
    assert list(check.explain(row)) == []
    assert keys_in_order(row, check.keys)


@pytest.mark.parametrize("name", list(sound_rows()))
def test_a_schema_wants_every_key(name: str) -> None:
    schema = packaged_schema(name)
    check, plain = row_check(name), jsonschema.Draft202012Validator(schema)
    for key in schema["properties"]:
        row = sound_rows()[name]
        del row[key]
        assert not check.accepts(row)
        assert not plain.is_valid(row)


NULLABLE = {
    "catalog_wide": {
        "isrc", "album_release_date", "album_release_year", "album_decade_label",
        "album_image_url", "popularity_snapshot", "popularity_bucket", "preview_url",
        "artist_image_urls", "source_playlist_id", "source_playlist_name",
        "source_playlist_owner", "recco_track_id", "recco_features_version",
        "recco_features_at", *factory.FEATURE_FIELDS,
    },
    "cached_tracks": {
        "albumReleaseYear", "popularity", "_ingestSource", "_ingestQuery", "_ingestPlaylistId",
        "_ingestDiscoveredAt", "_isrc", "_decade", "_album_decade_label", "_preview_url",
        "_album_image_url", "_popularity_bucket", "_source_playlist_id",
        "_source_playlist_name", "_source_playlist_owner", "_recco_features_version",
        "_recco_features_at", "_originalReleaseYear",
    },
    "audio_features": {
        "tempo", "energy", "danceability", "valence", "loudness", "key", "mode",
        "timeSignature",
    },
    "cached_artists": {"popularity"},
    "manifest": set(),
}  # fmt: skip


@pytest.mark.parametrize("name", list(NULLABLE))
def test_null_stands_only_where_the_specification_says_so(name: str) -> None:
    check, sound = row_check(name), sound_rows()[name]
    taken = {key for key in check.keys if check.accepts({**sound, key: None})}
    assert taken == NULLABLE[name]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 400_000),
    st.floats(-2, 200).filter(lambda value: not value.is_integer()),
    st.text(max_size=4),
    st.sampled_from(["70s", "20s", "a" * 22, "2025-10-15T14:26:05Z", "1999", "GBAYE0000001"]),
    st.lists(st.one_of(st.text(max_size=3), st.just("a" * 22), st.none()), max_size=3),
    st.dictionaries(st.sampled_from(["type", "term", "umbrellas", "a"]), st.text(), max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_fast_check_says_what_jsonschema_says(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["catalog_wide", "cached_tracks", "manifest"]))
    check = row_check(name)
    row = {**sound_rows()[name], data.draw(st.sampled_from(check.keys)): data.draw(VALUES)}
    plain = jsonschema.Draft202012Validator(packaged_schema(name))
    assert check.accepts(row) == plain.is_valid(row)
    assert check.accepts(row) == (not list(check.explain(row)))


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("isrc", "GBAYE0000001\n", "schema"),
        ("key", 9.0, "integer"),
        ("created_at", "2025-10-15T24:61:05Z", "timestamp"),
        ("spotify_track_id", "é" * 22, "schema"),
        ("album_release_date", "0000", "schema"),
        ("album_release_date", "٢٠٢٥", "schema"),
        ("tempo", -0.1, "schema"),
        ("mode", True, "schema"),
    ],
)
def test_a_value_the_standard_would_let_pass(key: str, value: Any, rule: str) -> None:
    check = row_check("catalog_wide")
    row = {**sound_rows()["catalog_wide"], key: value}
    assert not check.accepts(row)
    assert [found for found, _ in check.explain(row)] == [rule]


def test_a_keyword_without_a_fast_check_is_refused() -> None:
    schemas: list[dict[str, Any]] = [{"not": {}}, {"format": "uri"}, {"enum": [1]}]
    for schema in schemas:
        with pytest.raises(UnsupportedSchemaError):
            compile_check(schema, schema)


# --- the command ------------------------------------------------------------------------------


def run(args: list[str]) -> int:
    command = Command()
    command.run(args, argparse.Namespace())
    return command.exitcode


def test_the_command_on_a_sound_release(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(sound)]) == 0
    assert capsys.readouterr().out == summarise(sound) + "\n"


def test_the_command_on_a_faulty_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(make(tmp_path, "wide", a_track_too_long))]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{WIDE}:6: duration-policy: ")
    assert lines[1].startswith("1 problem in ")


@pytest.mark.parametrize(
    "args",
    [[], ["none"], ["pyproject.toml"], ["a", "b"], ["--what"], ["a\0b"], ["a" * 5000], [""]],
    ids=repr,
)
def test_the_command_wrongly_used(
    args: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1


def scrapy(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as users do, in a project that holds it and nothing else."""
    commands = folder / "only_verify"
    commands.mkdir(exist_ok=True)
    (commands / "__init__.py").write_text("")
    shutil.copy(PROJECT / "runclub_spider" / "console" / "commands" / "verify.py", commands)
    (folder / "bare_settings.py").write_text("COMMANDS_MODULE = 'only_verify'\n")
    (folder / "scrapy.cfg").write_text("[settings]\ndefault = bare_settings\n")
    return subprocess.run(
        [sys.executable, "-m", "scrapy", "verify", *args],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(folder), str(PROJECT)]),
            "LC_ALL": "C",
            "PYTHONIOENCODING": "ascii",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.e2e
def test_the_real_command(tmp_path: Path) -> None:
    folder = make(tmp_path)
    done = scrapy(tmp_path, folder.name)
    assert (done.returncode, done.stdout) == (0, summarise(folder) + "\n"), done.stderr
    a_changed_report(folder)
    a_track = folder / TRACKS
    a_track.write_bytes(a_track.read_bytes().replace("“".encode(), "‘".encode()))
    done = scrapy(tmp_path, folder.name)
    assert done.returncode == 3, done.stderr
    assert "report.html: sha256: " in done.stdout
    assert done.stderr == ""
    done = scrapy(tmp_path, "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    done = scrapy(tmp_path, "-h")
    assert done.returncode == 0
    assert "export/latest" in done.stdout
