"""`scrapy explain`: one track of every fate through the real command, on a store made by hand."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from scrapy.cmdline import execute

from runclub_spider.catalog.models import ArtistRef, Playable, Track, TrackDetail
from runclub_spider.config import Config
from runclub_spider.publish.write.release import publish
from runclub_spider.store import tombstones
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import page
from runclub_spider.store.facts import artists, editions, features, tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.queue import playlists, seeds
from runclub_spider.store.queue.pages import PageKind
from runclub_spider.store.tombstones import Kind
from testkit import making
from testkit.killer import ROOT

NOW = 1_790_000_000
PLAYLIST = making.a_playlist(1)
(
    GOOD,
    SHORT,
    LONG,
    BARRED,
    UNKNOWN,
    NAMELESS,
    EDITION,
    SOFT,
    PENDING,
    MISSED,
    BORROWED,
    BURIED,
    ORIGINAL,
    LIVE,
    PAIR,
    TWIN,
    OTHER,
    STRANGER,
) = range(1, 19)
SOME = ArtistRef(making.an_id(1, "artist"), "Beyoncé & the Wheels")
Told = Callable[..., str]


def track(number: int, **changes: Any) -> Track:
    return making.a_track(number, **{"artists": (SOME,), "name": f"Road {number}", **changes})


STORED = [
    track(GOOD, popularity=90),
    track(SHORT, duration_ms=90_000),
    track(LONG, duration_ms=372_000),
    track(BARRED),
    track(UNKNOWN),
    track(NAMELESS, name=" "),
    track(EDITION, name=f"Road {GOOD} - Remastered", isrc=f"USUM7{GOOD:07}", popularity=10),
    track(SOFT, name=f"Road {GOOD}", duration_ms=241_000, popularity=20),
    track(PENDING),
    track(MISSED),
    track(BORROWED, popularity=60, linked_from=making.an_id(99)),
    track(BURIED),
    track(ORIGINAL, name="Éternité (Night) [Session]", isrc=None, popularity=40),
    track(LIVE, name="Road 1 - Live", isrc=None, popularity=30),
    track(PAIR, popularity=5),
    track(TWIN, name=f"Road {PAIR} - Remastered", isrc=f"USUM7{PAIR:07}", popularity=4),
    track(OTHER, name="Cold Hands", popularity=2),
    track(
        STRANGER,
        name="Warm Feet",
        artists=(ArtistRef(making.an_id(2, "artist"), "Lem"),),
        isrc=f"USUM7{OTHER:07}",
        duration_ms=251_000,
        popularity=1,
    ),
]
PLAYABLE = {BARRED: Playable.NO, UNKNOWN: Playable.UNKNOWN}


def fill(connection: sa.Connection) -> None:
    row = {"market": "US", "family": "genre", "umbrella": "Rock", "decade": "70s", "bpm": None}
    seeds.register(
        connection,
        [
            {"term": "rock running", "search_type": "track", **row},
            {"term": "road songs", "search_type": "playlist", **row, "decade": None},
        ],
    )
    playlists.record(connection, [PLAYLIST], NOW)
    playlists.list_for(connection, "road songs", "US", [PLAYLIST.playlist_id])
    found = [
        making.found(one, at, PLAYABLE.get(at + 1, Playable.YES)) for at, one in enumerate(STORED)
    ]
    for source in (making.SEARCH, Source("playlist", PLAYLIST.playlist_id, "snap1")):
        part = found if source is making.SEARCH else found[:1]
        tracks.save(connection, part, source, policy=making.POLICY, run_id=1, now=NOW)
    genres = replace(making.an_artist(1, genres=("rock",)), name=SOME.name)
    artists.save(connection, [SOME.artist_id], [genres], NOW)
    having = [making.an_id(n) for n in (GOOD, UNKNOWN, EDITION, SOFT, BURIED, ORIGINAL, LIVE, PAIR)]
    missed = [making.an_id(n) for n in (MISSED, BORROWED)]
    features.save(
        connection,
        [making.features(one) for one in having],
        missed,
        version="1",
        gap_seconds=86_400,
        now=NOW,
    )
    lender = making.an_id(77)
    editions.save_search(
        connection,
        [f"USUM7{BORROWED:07}"],
        [detail(lender, f"USUM7{BORROWED:07}")],
        NOW,
    )
    editions.save_loans(connection, [lender], [making.features(lender)], version="1", now=NOW)
    meta.put(connection, "source|spotify", "sandbox")
    meta.put(connection, "profile", "extended")
    # One page that brought all of them, for the accounting.
    connection.execute(
        sa.insert(page),
        {
            **dict.fromkeys(("first_row", "ordinal"), 0),
            "key": "p",
            "spider": "s",
            "kind": str(PageKind.TRACK_SEARCH),
            "state": "done",
            "source_key": "rock running",
            "market": "US",
            "version": "1",
            "row_count": 50,
            "rows": len(STORED),
            "track_rows": len(STORED),
        },
    )
    tombstones.bury(connection, Kind.TRACK, making.an_id(BURIED), NOW)
    tombstones.bury(connection, Kind.ISRC, "USUM71111111", NOW)


def detail(track_id: str, isrc: str) -> TrackDetail:
    return TrackDetail("r", track_id, isrc, 50, (), 240_000)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain") / "cache"
    store = Store.open(Config(cache_dir=folder))
    with store.begin() as connection:
        fill(connection)
    store.close()
    return folder


@pytest.fixture
def told(cache: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """What the command prints; it ends with 0 and fits 80 columns."""

    def told(*what: str, code: int = 0, **settings: Any) -> str:
        values = {"CACHE_DIR": cache, "CELL_MINIMUM": 0, **settings}
        more = [part for name, value in values.items() for part in ("-s", f"{name}={value}")]
        with pytest.raises(SystemExit) as end:
            execute(["scrapy", "explain", *more, *what])
        shown = capsys.readouterr()
        assert end.value.code == code, shown
        assert (shown.err == "") == (code == 0)
        assert all(len(line) <= 80 for line in shown.out.splitlines())
        return shown.err if code else " ".join(shown.out.split())

    return told


@pytest.mark.parametrize(
    ("number", "verdict"),
    [
        (GOOD, "Chosen for the next release, counted under Rock 70s."),
        (SHORT, "Out: too_short: 90,000 ms is below MIN_DURATION_MS 120,000."),
        (LONG, "Out: too_long: 372,000 ms is above MAX_DURATION_MS 360,000."),
        (BARRED, "Out: unplayable: playable in US: no (by is_playable)."),
        (
            UNKNOWN,
            (
                "Out: playability_unknown: playable in US: unknown (nobody said), and no thin "
                "cell needs it."
            ),
        ),
        (NAMELESS, "Out: incomplete: no title, 1 artist."),
        (
            EDITION,
            (
                f"Merged into {making.an_id(GOOD)} (the same recording), which stands for its "
                "group as most popular edition."
            ),
        ),
        (
            SOFT,
            (
                f"Merged into {making.an_id(GOOD)} (a soft duplicate), which stands for its group "
                "as most popular edition."
            ),
        ),
        (
            PENDING,
            "Waiting for audio features: ReccoBeats has not been asked for them yet.",
        ),
        (
            MISSED,
            (
                "Eligible but not chosen: it has no audio features, and with 5 of 5 tracks having "
                "them the coverage gate of 0.95 allows no more without."
            ),
        ),
        (BORROWED, "Chosen for the next release, counted under Rock 70s."),
    ],
)
def test_one_track_of_every_fate(number: int, verdict: str, told: Told) -> None:
    out = told(making.an_id(number))
    assert out.endswith(verdict), out
    assert making.an_id(number) in out


def test_the_cap_refuses_by_rank(told: Told) -> None:
    out = told(making.an_id(LIVE), GLOBAL_CAP=2)
    assert out.endswith(
        "Eligible but not chosen: the cap of 2 is reached and it ranks 4 of 6, after what the "
        "cells need."
    )
    assert told(making.an_id(GOOD), GLOBAL_CAP=2).endswith("counted under Rock 70s.")


def test_content_labels_say_what_spoke_for_them(told: Told) -> None:
    out = told(making.an_id(LIVE))
    assert (
        "live, confidence 1.00, CONTENT_POLICY says keep: remark in the title 'live' (+85)" in out
    )
    assert "content_" not in out
    assert "content no label: nothing speaks for any" in told(making.an_id(GOOD))


def test_a_rejected_label(told: Told) -> None:
    out = told(making.an_id(LIVE), CONTENT_POLICY="live=reject")
    assert "FAILED content_live: labelled live" in out
    assert out.endswith("Out: content_live: labelled live.")


def test_a_label_that_comes_last(told: Told) -> None:
    out = told(making.an_id(LIVE), CONTENT_POLICY="live=last", GLOBAL_CAP=5)
    assert out.endswith(
        "Eligible but not chosen: labelled live it comes after all others, and the cap of 5 has no "
        "room beyond those."
    )
    out = told(making.an_id(LIVE), CONTENT_POLICY="live=last")
    assert out.endswith("Chosen for the next release, counted under Rock 70s.")


def test_what_was_merged_into_one_that_is_not_chosen(told: Told) -> None:
    # With the cap at one, another survivor than the group's must be released: by popularity.
    out = told(making.an_id(EDITION), GLOBAL_CAP=1, DEDUPE_POLICY="id+isrc")
    assert out.endswith("as most popular edition.")
    out = told(making.an_id(TWIN), GLOBAL_CAP=1)
    assert f"Merged into {making.an_id(PAIR)} (the same recording)" in out
    assert "That one: Eligible but not chosen: the cap of 1 is reached and it ranks 5 of 6" in out


def test_a_thin_cell_takes_what_nobody_calls_playable(told: Told) -> None:
    out = told(making.an_id(UNKNOWN), CELL_MINIMUM=400)
    assert out.endswith(
        "Chosen for the next release, counted under Rock 70s: its playability is unknown, and Rock "
        "70s is thin (backfill step soft)."
    )


def test_the_whole_account(told: Told) -> None:
    out = told(making.an_id(GOOD))
    for words in (
        "Beyoncé & the Wheels",
        "genres: rock",
        "Album 1 (1977, album)",
        "USUM70000001",
        "240,000 ms (4:00)",
        'search "rock running" (family genre, Rock, 70s), place 1',
        f'playlist "List 1" {PLAYLIST.playlist_id} of Someone, place 1',
        'served by "road songs" (family genre, Rock), place 1',
        "passed incomplete: a title, 1 artist",
        "passed too_short: 240,000 ms is not below MIN_DURATION_MS 120,000",
        "passed too_long: 240,000 ms is not above MAX_DURATION_MS 360,000",
        "passed unplayable: playable in US: yes (by is_playable)",
        "Rock (from artist genres; confidence of the first 1.00)",
        "decade 70s",
        "3 editions; this one survives: most popular edition",
        f"{making.an_id(EDITION)} same recording",
        f"{making.an_id(SOFT)} soft duplicate",
        "own (ReccoBeats,",
        "assigned: Rock 70s: 5 tracks, target",
        "last release not in it",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (BORROWED, f"borrowed from {making.an_id(77)}"),
        (MISSED, "missed 1 time, last 2026-09-21 14:13 UTC, next check 2026-09-22 14:13 UTC"),
        (PENDING, "pending: not asked for yet"),
        (LONG, "none: not asked for what a rule refuses"),
        (LONG, "FAILED too_long"),
        (LONG, "takes no part: a rule refuses it"),
        (LONG, "passed too_short"),
    ],
)
def test_single_facts(number: int, words: str, told: Told) -> None:
    assert words in told(making.an_id(number))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (making.an_id(BURIED), "Forgotten: a tombstone of 2026-09-21 14:13 UTC keeps track"),
        ("US-UM7-11-11111", "keeps isrc USUM71111111 out for good."),
        (making.an_id(4242), "Not in the store: no page that was read brought track"),
        ("USUM79999999", "no page that was read brought isrc USUM79999999. It was never seen"),
        (making.an_id(99), f"Spotify served {making.an_id(BORROWED)} in the place of"),
        (making.an_id(77), f"ReccoBeats named it as an edition of USUM7{BORROWED:07}"),
        ("Nobody – Nothing", "no track is known as Nobody – Nothing."),
    ],
)
def test_what_is_not_there_is_told_in_one_sentence(what: str, words: str, told: Told) -> None:
    assert words in told(what)


@pytest.mark.parametrize(
    "what",
    [
        making.an_id(ORIGINAL),
        f"spotify:track:{making.an_id(ORIGINAL)}",
        f"https://open.spotify.com/track/{making.an_id(ORIGINAL)}?si=1",
        "Beyoncé & The Wheels – Éternité (Night) [Session]",
        "beyonce, wheels - eternite",
        "Wheels—ETERNITE",
    ],
)
def test_ways_to_name_a_track(what: str, told: Told) -> None:
    # The title's brackets would be markup to a careless printer.
    assert told(what).startswith(f"track Éternité (Night) [Session] {making.an_id(ORIGINAL)}")


def test_words_need_no_quotes(told: Told) -> None:
    assert making.an_id(LONG) in told("Beyoncé", "-", "Road", str(LONG))


def test_an_isrc_of_several_editions_lists_them(told: Told) -> None:
    out = told("usum7-00-00001")
    assert out.startswith("2 tracks match USUM70000001; name one by its id:")
    good = f"{making.an_id(GOOD)} Beyoncé & the Wheels – Road 1 (Album 1, 1977) Chosen for the next"
    assert good in out
    assert f"Merged into {making.an_id(GOOD)}" in out


def test_who_shares_the_isrc_and_cannot_be_the_recording(told: Told) -> None:
    out = told(making.an_id(OTHER))
    code = f"USUM7{OTHER:07}"
    assert (
        f"ISRC {code} another track bears it and cannot be this recording, so nothing is merged "
        f"across: {making.an_id(STRANGER)} Lem – Warm Feet (Album {STRANGER}, 1977): neither title "
        "nor artist agrees"
    ) in out
    assert "duplicates none" in out
    other = told(making.an_id(STRANGER))
    assert f"{making.an_id(OTHER)} Beyoncé & the Wheels – Cold Hands" in other
    assert "cannot be" not in told(making.an_id(PAIR))


def test_an_isrc_of_one_edition_is_explained(told: Told) -> None:
    assert told(f"USUM7{LONG:07}").startswith(f"track Road {LONG}")


def test_a_title_finds_all_its_versions_and_a_version_only_itself(told: Told) -> None:
    out = told("Beyonce Wheels – road 1")
    assert out.startswith("4 tracks match")
    assert all(making.an_id(n) in out for n in (GOOD, EDITION, SOFT, LIVE))
    assert told("Beyonce Wheels – Road 1 (Live)").startswith("track Road 1 - Live")


def test_a_word_of_many_titles_lists_ten(told: Told) -> None:
    assert "tracks match wheels – road; name one" in (out := told("wheels – road"))
    assert out.count("(Album ") == 10
    assert "… and " in out


@pytest.mark.parametrize("what", [(), (" ",), ("nonsense",), ("-",), ("– title",)])
def test_wrong_use(what: tuple[str, ...], told: Told) -> None:
    assert "artist – title" in told(*what, code=2)


def test_no_store_is_wrong_use(told: Told, tmp_path: Path) -> None:
    assert "there is no store" in told(making.an_id(GOOD), code=2, CACHE_DIR=tmp_path / "none")


def test_it_says_what_the_next_release_does(cache: Path, tmp_path: Path, told: Told) -> None:
    """The verdicts, beside the release that is then made of a copy of the store."""
    copied = shutil.copytree(cache, tmp_path / "cache")
    verdicts = {n: told(making.an_id(n)) for n in range(1, 17) if n != BURIED}
    config = Config(
        cache_dir=copied,
        export_dir=tmp_path / "export",
        cell_minimum=0,
        year_coverage_min=0,
        min_tracks=1,
    )
    publish(config)
    lines = (tmp_path / "export" / "latest" / "cached_tracks.jsonl").read_text("utf-8").splitlines()
    released = {json.loads(line)["id"] for line in lines}
    chosen = "Chosen for the next release,"
    inside = {making.an_id(n) for n, said in verdicts.items() if chosen in said}
    assert inside == released
    assert "in it, under Rock" in told(making.an_id(GOOD), CACHE_DIR=copied)


@pytest.fixture
def released(cache: Path, tmp_path: Path) -> Path:
    """A copy of the store with a release."""
    copied = shutil.copytree(cache, tmp_path / "cache")
    publish(
        Config(
            cache_dir=copied,
            export_dir=tmp_path / "export",
            cell_minimum=0,
            year_coverage_min=0,
            min_tracks=1,
        )
    )
    return copied


def change(folder: Path, *statements: str) -> None:
    """What a later crawl brought, as far as a track's own row tells it."""
    with closing(sqlite3.connect(folder / "runclub.sqlite")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'revision'")
        connection.commit()


def test_an_account_says_that_the_store_moved_on(released: Path, told: Told) -> None:
    assert "as of" not in told(making.an_id(GOOD), CACHE_DIR=released)
    change(
        released,
        f"UPDATE track SET duration_ms = 400000, updated_at = {NOW + 9} "
        f"WHERE track_id = '{making.an_id(GOOD)}'",
        f"UPDATE track SET duration_ms = 200000, updated_at = {NOW + 9} "
        f"WHERE track_id = '{making.an_id(SHORT)}'",
    )
    out = told(making.an_id(GOOD), CACHE_DIR=released)
    assert "since then 0 tracks came in and 2 changed, this one is among them" in out
    assert "FAILED too_long" in out
    assert out.endswith(
        "Was in the release, and changed since: the next leaves it out, too_long: 400,000 ms is "
        "above MAX_DURATION_MS 360,000."
    )
    assert told(making.an_id(SHORT), CACHE_DIR=released).endswith(
        "Was refused as too_short, and changed since: the next release decides."
    )
    out = told(making.an_id(LONG), CACHE_DIR=released)
    assert "this one is not" in out
    assert out.endswith("Out: too_long: 372,000 ms is above MAX_DURATION_MS 360,000.")


def test_a_track_that_came_in_since_is_told_by_its_own_row(released: Path, told: Told) -> None:
    new = {one: making.an_id(one) for one in (201, 202)}
    store = Store.open(Config(cache_dir=released))
    with store.begin() as connection:
        found = [
            making.found(track(201), 1, Playable.YES),
            making.found(track(202, duration_ms=9_000), 2, Playable.YES),
        ]
        tracks.save(connection, found, making.SEARCH, policy=making.POLICY, run_id=2, now=NOW + 500)
    store.close()
    out = told(new[201], CACHE_DIR=released)
    assert "since then 2 tracks came in and 0 changed, this one is among them" in out
    assert "duplicates not compared yet" in out
    assert "and no rule refuses it: the next one decides; scrapy status --plan" in out
    assert told(new[202], CACHE_DIR=released).endswith(
        "Out: too_short: 9,000 ms is below MIN_DURATION_MS 120,000."
    )


def test_nothing_is_chosen_twice(
    released: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(*_: object, **__: object) -> None:
        raise AssertionError("the whole pool was read")

    monkeypatch.setattr("runclub_spider.publish.write.release.choose", chosen)
    assert told(making.an_id(GOOD), CACHE_DIR=released).endswith("counted under Rock 70s.")
    # What only refuses a release chooses nothing.
    assert told(making.an_id(GOOD), CACHE_DIR=released, MIN_TRACKS=9).endswith("Rock 70s.")


def test_a_damaged_selection_is_made_anew(released: Path, told: Told) -> None:
    shutil.rmtree(released / "selection")
    before = told(making.an_id(GOOD), CACHE_DIR=released)
    (file,) = (released / "selection").glob("*.sqlite")
    whole = file.read_bytes()
    with closing(sqlite3.connect(file)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    anew = 0
    for first in range(size, len(whole), size):
        damaged = whole[:first] + bytes(size) + whole[first + size :]
        file.write_bytes(damaged)
        assert told(making.an_id(GOOD), CACHE_DIR=released) == before
        anew += file.read_bytes() != damaged
        file.write_bytes(whole)
    assert anew


def test_what_was_left_out_for_lack_of_features_and_has_some_now(
    cache: Path, tmp_path: Path, told: Told
) -> None:
    copied = shutil.copytree(cache, tmp_path / "cache")
    change(
        copied,
        f"DELETE FROM audio_features WHERE track_id = '{making.an_id(GOOD)}'",
        "INSERT INTO feature_miss (track_id, tries, checked_at, next_check_at) "
        f"VALUES ('{making.an_id(GOOD)}', 1, {NOW}, {NOW})",
    )
    wants = {"CACHE_DIR": copied, "FEATURE_COVERAGE_MIN": 1}
    assert "Eligible but not chosen: it has no audio" in told(making.an_id(GOOD), **wants)
    change(
        copied,
        "INSERT INTO audio_features (track_id, tempo, energy, version, fetched_at) "
        f"VALUES ('{making.an_id(GOOD)}', 170, 0.9, '1', {NOW})",
    )
    assert told(making.an_id(GOOD), **wants).endswith("and has some since: the next decides.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("audio_features SET energy = 7", "energy"),
        ("track SET name = 'bell' || char(7, 27)", "text-control"),
        ("track SET duration_ms = 'long'", "duration_ms is 'long'"),
        ("track SET release_date = x'00'", "unsound"),
        ("track SET album_name = CAST(x'61FF' AS TEXT)", "unsound"),
        ("audio_features SET fetched_at = 'never'", "fetched_at is 'never'"),
    ],
)
def test_an_unsound_track_is_told_in_the_words_of_what_refused_it(
    change: str, words: str, cache: Path, told: Told, tmp_path: Path
) -> None:
    place = tmp_path / "cache"
    shutil.copytree(cache, place)
    with closing(sqlite3.connect(place / "runclub.sqlite")) as connection:
        connection.execute(f"UPDATE {change} WHERE track_id = ?", (making.an_id(PAIR),))
        connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'revision'")
        connection.commit()
    config = Config(cache_dir=place, export_dir=tmp_path / "export", seeds_dir=ROOT / "seeds")
    publish(config.model_copy(update={"feature_coverage_min": 0.5}))
    said = told(making.an_id(PAIR), CACHE_DIR=place, FEATURE_COVERAGE_MIN=0.5)
    assert "Out: unsound: " in said
    assert words in said
    assert not {"\x07", "\x1b"} & set(said)
