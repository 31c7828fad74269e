"""One odd row costs itself: every field of every kind of row, damaged in every way.

Many damaged rows stand on each page, so that one crawl, one release and one verification judge
hundreds of them. A few whole rows between them show that nothing else was lost.
"""

from __future__ import annotations

from typing import Any

from testkit.places import Place
from tests.fuzz import shapes
from tests.fuzz.running import (
    ROWS,
    Commands,
    chosen,
    clean_tracks,
    last_of,
    numbered,
    released,
    terms,
)
from tests.fuzz.world import World, served

#: Of a track whose other fields are whole these may be wrong in any way, and it is exported.
ORNAMENTS = frozenset(
    {
        "album",
        "available_markets",
        "disc_number",
        "explicit",
        "external_ids",
        "external_urls",
        "href",
        "linked_from",
        "popularity",
        "preview_url",
        "restrictions",
        "track_number",
    }
)


def test_tracks_of_searches(place: Place, crawl: Commands, one_of: int) -> None:
    cases = numbered(chosen(shapes.track(0), one_of))
    searches = {}
    for first in range(0, last_of(cases), ROWS):
        rows = [
            cases[n].to(shapes.track(n)) if n in cases else shapes.track(n)
            for n in range(first, first + ROWS)
        ]
        searches[f"term {first}"] = {"tracks": shapes.page(rows)}
    with served(World(searches=searches)) as env:
        crawl(place, env, "crawl", "spotify_search", *terms(place, list(searches)), PAGE_SIZE="50")
    rows, manifest = released(place)
    assert manifest["accounting"]["rowsSeen"] == last_of(cases)
    for number in range(last_of(cases)):
        damage = cases.get(number)
        if damage is None or (damage.path and damage.path[0] in ORNAMENTS):
            assert shapes.track_id(number) in rows, damage


def test_entries_of_playlists(place: Place, crawl: Commands, one_of: int) -> None:
    inner = {str(path) for path in ("id", "type", "artists", "album", "is_local", "uri")}
    cases = numbered(
        [
            one
            for one in chosen(shapes.entry(0), one_of)
            # A track within an entry is the same as one within a search; some of it suffices.
            if len(one.path) < 2 or (len(one.path) == 2 and str(one.path[1]) in inner)
        ]
    )
    lists, records = {}, {}
    for first in range(0, last_of(cases), ROWS):
        number = first // ROWS
        record = shapes.playlist(number, 0)
        record["tracks"] = shapes.page(
            [
                cases[n].to(shapes.entry(n)) if n in cases else shapes.entry(n)
                for n in range(first, first + ROWS)
            ]
        )
        lists[f"list {number}"] = {"playlists": shapes.page([shapes.playlist_row(number)])}
        records[shapes.playlist_id(number)] = record
    with served(World(lists=lists, records=records)) as env:
        argv = ("crawl", "spotify_playlist", *terms(place, list(lists)))
        crawl(place, env, *argv, PAGE_SIZE="50")
    rows, manifest = released(place)
    assert manifest["accounting"]["rowsSeen"] == last_of(cases)
    for number in range(last_of(cases)):
        damage = cases.get(number)
        if damage is None or (damage.path and damage.path[0] not in {"track", "is_local"}):
            assert shapes.track_id(number) in rows, damage


def test_rows_and_records_of_playlists(place: Place, crawl: Commands, one_of: int) -> None:
    """A list whose row or record is damaged in what is no id is read as any other."""
    shape = shapes.playlist(0, 2)
    inside = [one for one in chosen(shape, one_of) if one.path and len(one.path) < 3]
    rows = [one for one in chosen(shapes.playlist_row(0), one_of) if one.path]
    lists: dict[str, Any] = {}
    records: dict[str, Any] = {}
    sure = set[int]()
    for number, damage in enumerate([*inside, *rows]):
        row, record = shapes.playlist_row(number), shapes.playlist(number, 2)
        if number < len(inside):
            record = damage.to(record)
        else:
            row = damage.to(row)
        if damage.path[0] not in {"id", "tracks", "snapshot_id"}:
            sure.add(number)
        whole = shapes.playlist_row(100_000 + number)
        lists[f"list {number}"] = {"playlists": shapes.page([row, whole])}
        records[shapes.playlist_id(number)] = record
        records[shapes.playlist_id(100_000 + number)] = shapes.playlist(100_000 + number, 1)
    with served(World(lists=lists, records=records)) as env:
        argv = ("crawl", "spotify_playlist", *terms(place, list(lists)), "-a", "top_playlists=2")
        # A record that holds nothing readable is put off; the rest is whole.
        crawl(place, env, *argv, codes={0, 75}, PAGE_SIZE="50")
        crawl(place, env, "publish")
    found, _ = released(place)
    for number in range(len(lists)):
        assert shapes.track_id(1000 * (100_000 + number)) in found, number
        if number in sure:
            assert shapes.track_id(1000 * number) in found, number


def test_records_of_enrichment(place: Place, crawl: Commands, one_of: int) -> None:
    """Artists and features: the tracks stay, and whole records all count."""
    kinds = (shapes.artist, shapes.features)
    damaged = [numbered(chosen(shape(0), one_of)) for shape in kinds]
    last = max(map(last_of, damaged))
    searches = clean_tracks(range(last))
    world = World(searches=searches, artists=damaged[0], features=damaged[1])
    with served(world) as env:
        crawl(place, env, "crawl", "spotify_search", *terms(place, list(searches)), PAGE_SIZE="50")
    rows, manifest = released(place)
    assert len(rows) == last
    assert manifest["accounting"]["exported"] == last
    for number in range(last):
        row = rows[shapes.track_id(number)]
        if number not in damaged[0]:
            assert row["artist_genres"] == [["synth pop", "new wave"]], number
        if number not in damaged[1]:
            assert row["tempo"] == 160.5, number


def test_track_records_of_reccobeats(place: Place, crawl: Commands, one_of: int) -> None:
    """What fills in for a key whose tracks carry neither code nor popularity."""
    damaged = numbered(chosen(shapes.detail(0), one_of))
    last = last_of(damaged)
    searches = {}
    for at in range(0, last, 10):
        rows = [shapes.track(n) for n in range(at, at + 10)]
        for row in rows:
            del row["external_ids"], row["popularity"]
        searches[f"term {at}"] = {"tracks": shapes.page(rows)}
    with served(World(searches=searches, details=damaged)) as env:
        env["SPOTIFY_PROFILE"] = "development"
        crawl(place, env, "crawl", "spotify_search", *terms(place, list(searches)), PAGE_SIZE="10")
    rows, _ = released(place)
    assert len(rows) == last
    for number in range(last):
        row = rows[shapes.track_id(number)]
        if number not in damaged:
            assert (row["isrc"], row["popularity_snapshot"]) == (shapes.isrc(number), 44), number


def test_open_metadata(place: Place, crawl: Commands, one_of: int) -> None:
    kinds = (shapes.recording, shapes.person, shapes.address, shapes.metadata)
    damaged = [numbered(chosen(shape(0), one_of)) for shape in kinds]
    last = max(map(last_of, damaged))
    searches = clean_tracks(range(last))
    world = World(
        searches=searches,
        recordings=damaged[0],
        persons=damaged[1],
        addresses=damaged[2],
        metadata=damaged[3],
    )
    with served(world) as env:
        argv = ("crawl", "spotify_search", *terms(place, list(searches)))
        crawl(place, env, *argv, PAGE_SIZE="50")
        only = ("crawl", "enrich", "-a", "only=open_metadata")
        crawl(place, env, *only, OPEN_METADATA_CONTACT="owner@example.org")
    rows, _ = released(place)
    assert len(rows) == last
    for number in range(last):
        extra = rows[shapes.track_id(number)]["_extra"]
        if number not in damaged[0]:
            assert extra["recording_mbid"] == shapes.mbid(3, number), number
            assert extra["original_release_year"] == 1985, number


def test_plays(place: Place, crawl: Commands, one_of: int) -> None:
    cases = numbered(chosen(shapes.play(0), one_of))
    last = last_of(cases)
    rows = [cases[n].to(shapes.play(n)) if n in cases else shapes.play(n) for n in range(last)]
    world = World()
    with served(world) as env:
        for page, at in enumerate(range(0, last, ROWS), 1):
            link = f"{env['KEXP_BASE_URL']}/plays/?limit={ROWS}&offset={page}"
            world.plays.append({"next": link, "previous": None, "results": rows[at : at + ROWS]})
        world.plays.append({"next": None, "previous": None, "results": []})
        argv = ("-a", "start_date=2026-02-28", "-a", "end_date=2026-03-31")
        crawl(place, env, "crawl", "kexp", *argv)
    stored = set(place.column("SELECT source_play_id FROM external_play"))
    whole = {str(3_000_000 + n) for n in range(last) if n not in cases}
    assert whole <= stored
    ornaments = {"album", "recording_id", "release_date", "comment", "labels", "uri", "image_uri"}
    for number, damage in cases.items():
        if damage.path and damage.path[0] in ornaments:
            assert str(3_000_000 + number) in stored, damage
