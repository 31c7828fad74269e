"""The world of the real public tables (``--data DIR``), joined as ``SOURCES-spotify.md`` 4 says.

What the tables lack is filled deterministically from a hash of the id, never at random: a small
popularity, an explicit flag, an album for a track without one. A missing release date stays null.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .world import (
    MARKETS,
    USER_ID,
    Album,
    Artist,
    Entry,
    Episode,
    Features,
    Playlist,
    Track,
    World,
    hashed,
    id_for,
)

#: Source whose rows of a shared playlist come first, and the one that follows at a change.
FIRST_SNAPSHOT, LATER_SNAPSHOT = "mackorone", "tg-z"
#: One in so many playlists gets a local file, a hole, an episode, a repeated row.
LOCAL_EVERY, NULL_EVERY, EPISODE_EVERY, REPEAT_EVERY = 7, 11, 13, 9
#: Shares of a thousand tracks that do not play in the US, or nowhere.
NOT_IN_US, NOWHERE = 25, 6

_WITHOUT_US = tuple(code for code in MARKETS if code != "US")
_DATE = re.compile(r"^\d{4}(-\d{2}(-\d{2})?)?$")
_MARKUP = re.compile(r"<[^>]+>")


def load(directory: Path) -> World:
    """Reads the tables under ``directory/spotify``.

    Raises:
        OSError: a table is missing.
        ValueError: a table cannot be read.
    """
    tables = directory / "spotify"
    size = sum(path.stat().st_size for path in sorted(tables.glob("*.csv.gz")))
    world = World(name=f"tables-{hashed(size) % 16**6:06x}", made_up=False)
    csv.field_size_limit(2**24)
    _artists(world, tables)
    _tracks(world, tables)
    _features(world, tables)
    _episodes(world)
    locals_ = _harisekhon(world, tables)
    _playlists(world, tables, locals_)
    return world


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows of a gzip CSV without its header."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        next(rows)
        yield from rows


def _artists(world: World, tables: Path) -> None:
    for one, name, genres, _, popularity, followers, _ in _rows(tables / "artists.csv.gz"):
        world.artists[one] = Artist(
            id=one,
            name=name,
            genres=tuple(sys.intern(genre) for genre in genres.split(";") if genre),
            popularity=_whole(popularity) if popularity else hashed("pop", one) % 16,
            followers=_whole(followers) if followers else hashed("followers", one) % 5000,
            has_images=hashed("image", one) % 12 != 0,
        )


def _tracks(world: World, tables: Path) -> None:
    for row in _rows(tables / "tracks.csv.gz"):
        (one, name, ids, names, _, album_id, album_name, kind, date, _, duration, _) = row[:12]
        popularity, explicit, isrc, seed_genre, sources = row[12:17]
        if not duration:
            continue
        artist_ids = tuple(sys.intern(artist) for artist in ids.split())
        for artist, given in zip(artist_ids, json.loads(names or "[]"), strict=False):
            # a nameless artist is NaN in the table
            artist_name = given if isinstance(given, str) else ""
            known = world.artists.get(artist)
            if known is None:
                world.artists[artist] = Artist(id=artist, name=artist_name)
            elif not known.name:
                known.name = artist_name
        for artist in artist_ids:
            if artist not in world.artists:
                world.artists[artist] = Artist(id=artist, name="")
        album = _album(world, one, album_id, album_name or name, kind, date, artist_ids)
        album.track_ids.append(one)
        named = bool(name) and any(world.artists[artist].name for artist in artist_ids)
        markets = _markets(one)
        world.tracks[one] = Track(
            id=one,
            name=name,
            artist_ids=artist_ids,
            album_id=album.id,
            duration_ms=int(float(duration)),
            popularity=_whole(popularity) if popularity else hashed("pop", one) % 12,
            explicit=explicit == "1" if explicit else hashed("explicit", one) % 12 == 0,
            isrc=isrc.strip().upper() or None,
            number=len(album.track_ids),
            markets=markets,
            plays_in=markets,
            tags=sys.intern(f"{seed_genre} {_source_tags(sources)}".strip()),
            searchable=named,
        )


def _album(
    world: World,
    track: str,
    album_id: str,
    name: str,
    kind: str,
    date: str,
    artist_ids: tuple[str, ...],
) -> Album:
    album_id = album_id or id_for("album", track)
    known = world.albums.get(album_id)
    released = date if _DATE.match(date) else None
    if known is None:
        known = world.albums[album_id] = Album(
            id=album_id,
            name=name,
            kind=kind or "album",
            artist_ids=artist_ids[:1],
            release_date=released,
        )
    elif known.release_date is None:
        known.release_date = released
    return known


def _source_tags(sources: str) -> str:
    """Searchable words that follow from where a row was found."""
    found = []
    if "top_hits_2000_2022" in sources or "hot100" in sources:
        found.append("chart hits")
    if "kayazay" in sources:
        found.append("nigerian afrobeats")
    return " ".join(found)


def _markets(one: str) -> tuple[str, ...]:
    share = hashed("market", one) % 1000
    if share < NOWHERE:
        return ()
    return _WITHOUT_US if share < NOWHERE + NOT_IN_US else MARKETS


def _features(world: World, tables: Path) -> None:
    for row in _rows(tables / "audio_features.csv.gz"):
        one = row[0]
        if one not in world.tracks:
            continue
        (dance, energy, key, loud, mode, speech, acoustic, instrumental, live, valence, tempo) = (
            row[1:12]
        )
        world.features[one] = Features(
            acousticness=_real(acoustic),
            danceability=_real(dance),
            energy=_real(energy),
            instrumentalness=_real(instrumental),
            key=int(float(key)) if key else None,
            liveness=_real(live),
            loudness=_real(loud),
            mode=int(float(mode)) if mode else None,
            speechiness=_real(speech),
            tempo=_real(tempo),
            valence=_real(valence),
        )


def _episodes(world: World) -> None:
    """A few invented episodes: the tables hold none, real lists do."""
    for number in range(1, 21):
        one = id_for("episode", number)
        world.episodes[one] = Episode(
            id=one,
            name=f"Ep. {number}: On the Road",
            show_id=id_for("show", number % 3),
            show_name=f"Sandbox Show {number % 3 + 1}",
            release_date=f"2021-{number % 12 + 1:02d}-15",
            duration_ms=1_800_000 + number * 61_000,
        )


def _harisekhon(world: World, tables: Path) -> list[str]:
    """Adds that archive's lists; answers with its local files, to be mixed into the others.

    Its tracks mostly are not in the tables; a list is served when at least ten are.
    """
    lists: dict[str, list[Entry]] = {}
    locals_: dict[str, None] = {}
    unknown = 0
    for name, _, uri, _ in _rows(tables / "harisekhon_playlists.csv.gz"):
        entries = lists.setdefault(name, [])
        kind, _, ref = uri.removeprefix("spotify:").partition(":")
        if kind == "local" and uri.count(":") == 5 and uri.rpartition(":")[2].isdecimal():
            entries.append(Entry("local", uri, "2026-08-20T00:00:00Z", "harisekhon"))
            locals_[uri] = None
        elif kind == "track" and ref in world.tracks:
            entries.append(Entry("track", ref, "2026-08-20T00:00:00Z", "harisekhon"))
        elif kind == "track":
            unknown += 1
            if unknown % 100 == 0:
                entries.append(Entry("null", "", "2018-07-19T22:00:00Z", ""))
    for name, entries in lists.items():
        if sum(entry.kind == "track" for entry in entries) >= 10:
            one = id_for("harisekhon", name)
            world.playlists[one] = Playlist(
                id=one,
                name=name,
                description="",
                owner_id="harisekhon",
                entries=entries,
                followers=hashed("followers", one) % 900,
            )
    return list(locals_)


def _playlists(world: World, tables: Path, locals_: list[str]) -> None:
    items = _current_items(world, tables)
    rows: dict[str, list[list[str]]] = {}
    for row in _rows(tables / "playlists.csv.gz"):
        rows.setdefault(row[1], []).append(row)
    for number, (one, versions) in enumerate(rows.items()):
        versions.sort(key=lambda row: row[0] != FIRST_SNAPSHOT)
        source, _, name, description, owner, _, _, snapshot, _ = versions[0]
        entries = items.get((source, one), [])
        if not entries or not name:
            continue
        _date_undated(entries, snapshot)
        tags = " ".join(part for row in versions for part in (row[5], row[6]) if part)
        world.playlists[one] = Playlist(
            id=one,
            name=name,
            description=_MARKUP.sub("", description),
            owner_id=owner or f"user-{hashed('owner', one) % 400:03d}",
            entries=_with_oddities(world, number, entries, locals_),
            followers=hashed("followers", one) % (900_000 if owner == "spotify" else 20_000),
            tags=f"{tags} {_source_tags(source)}",
        )
        later = next((row for row in versions if row[0] == LATER_SNAPSHOT), None)
        if source == FIRST_SNAPSHOT and later and (after := items.get((LATER_SNAPSHOT, one))):
            _date_undated(after, later[7])
            world.later[one] = after
    _own_lists(world)


def _current_items(world: World, tables: Path) -> dict[tuple[str, str], list[Entry]]:
    """Rows still in each list, by position, then date; (source, playlist) to entries."""
    found: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
    for source, one, position, track, added, removed in _rows(tables / "playlist_items.csv.gz"):
        if not removed:
            place = int(float(position)) if position else 10**9
            found.setdefault((source, one), []).append((place, added, track))
    return {
        key: [
            Entry("track" if track in world.tracks else "null", track, _moment(added), "")
            for _, added, track in sorted(rows)
        ]
        for key, rows in found.items()
    }


def _moment(date: str) -> str | None:
    return f"{date[:10]}T00:00:00Z" if len(date) >= 10 else None


def _date_undated(entries: Iterable[Entry], snapshot: str) -> None:
    """``added_at`` of rows without a date is the day of the snapshot."""
    day = (snapshot + "-01-01")[:10] if len(snapshot) == 4 else (snapshot + "-01")[:10]
    for entry in entries:
        if entry.added_at is None and _DATE.match(day):
            entry.added_at = f"{day}T00:00:00Z"


def _with_oddities(
    world: World, number: int, entries: list[Entry], locals_: list[str]
) -> list[Entry]:
    """Mixes in the awkward rows real lists hold, at places that depend on the list's number."""
    when = entries[0].added_at
    middle = len(entries) // 2
    if number % LOCAL_EVERY == 0 and locals_:
        entries.insert(middle, Entry("local", locals_[number % len(locals_)], when, "someone"))
    if number % NULL_EVERY == 0:
        entries.insert(middle // 2, Entry("null", "", when, ""))
    if number % EPISODE_EVERY == 0:
        episodes = list(world.episodes)
        entries.append(Entry("episode", episodes[number % len(episodes)], when, "someone"))
    if number % REPEAT_EVERY == 0:
        entries.append(Entry(entries[0].kind, entries[0].ref, when, "someone"))
    return entries


def _own_lists(world: World) -> None:
    """Two lists of the sandbox's user, so that development mode can read some contents."""
    popular = sorted(
        (track for track in world.tracks.values() if track.searchable),
        key=lambda track: (-track.popularity, track.id),
    )
    for number, name in enumerate(("My Long Run", "My Intervals")):
        one = id_for("own", name)
        chosen = popular[number * 120 : number * 120 + 120]
        world.playlists[one] = Playlist(
            id=one,
            name=name,
            description="",
            owner_id=USER_ID,
            entries=[Entry("track", track.id, "2026-05-01T00:00:00Z", USER_ID) for track in chosen],
            tags="running",
        )


def _whole(text: str) -> int:
    return max(0, int(float(text)))


def _real(text: str) -> float | None:
    return float(text) if text else None
