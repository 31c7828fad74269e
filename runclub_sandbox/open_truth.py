"""What the open databases know of the world's songs, and the truth they err from.

Everything here follows from ids alone, so it changes nothing of the world it describes: which
songs are reissues, when they first came out, which recordings an open database lists for them,
with what dates, codes and tags. The errors are those that were seen on the real services:
remasters with a code of their own, recordings without a date, concerts and covers with the same
title, merged recordings that are gone, artists that nobody entered.
"""

# ruff: noqa: SIM905 - word lists read better as running text

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

from .vocabulary import STYLES
from .world import Album, Track, World, hashed, id_for

#: Tags of people that are no genres.
FREE_TAGS = "seen live,british,american,female vocalists,00s,favourites,catchy".split(",")
_REMARK = re.compile(r"\s*(?:\s-\s|\(|\bfeat\.).*$")
_REMASTER = re.compile(r"remaster", re.IGNORECASE)
_FIRST_YEAR = 1952

#: Shares, in hundredths.
_REISSUED = {"compilation": 55, "remaster": 45, "other": 8}
_ARTIST_LISTED, _ARTIST_TAGGED, _ARTIST_LINKED = 91, 60, 62
_ORIGINAL_LISTED, _REISSUE_LISTED = 86, 75
_CODE_ON_ORIGINAL, _CODE_OF_REISSUE_ON_ORIGINAL, _CODE_ON_REISSUE = 62, 22, 62
_LIVE, _OTHERS, _SAME_TITLE, _EARLY = 12, 4, 2, 2
_UNDATED, _YEAR_ONLY, _VIDEO, _MERGED = 8, 40, 3, 3


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as the open database lists it; `date` is YYYY, YYYY-MM-DD or None.

    `gone` is a recording that was merged into another: searches still know it, the metadata
    service does not.
    """

    mbid: str
    title: str
    remark: str
    artists: tuple[str, ...]
    length_ms: int | None
    date: str | None
    isrcs: tuple[str, ...]
    video: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """An artist as the open database lists it; `spotify` where its address is linked."""

    mbid: str
    name: str
    kind: str
    begin: int | None
    tags: tuple[tuple[str, int], ...]
    spotify: str | None


def mbid(*parts: object) -> str:
    """A stable identifier of the open databases' shape."""
    digest = blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def words(text: str) -> str:
    """Text as the search compares it: lower case, no accents, words only."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(kept.split())


class OpenTruth:
    """The open databases' view of one world, made when first looked at."""

    def __init__(self, world: World) -> None:
        self._world = world

    # The truth

    def song(self, track: Track) -> str:
        """Equal for all editions of one recording."""
        late = self._world.first_editions.get(track.id)
        return self.song(self._world.tracks[late]) if late else track.isrc or track.id

    def original_year(self, track_id: str) -> int | None:
        """When the song of a track first came out; None when the world gives it no year."""
        return self._years.get(self.song(self._world.tracks[track_id]))

    def genres(self, track_id: str) -> tuple[str, ...]:
        """The genres of a track's artists, which the tags stand for."""
        artists = (self._world.artists[one] for one in self._world.tracks[track_id].artist_ids)
        return tuple(genre for artist in artists for genre in artist.genres)

    @cached_property
    def _editions(self) -> dict[str, list[Track]]:
        found: dict[str, list[Track]] = {}
        for track in self._world.tracks.values():
            # First editions follow from the truth, so it must not follow from them.
            if track.id not in self._world.first_editions:
                found.setdefault(self.song(track), []).append(track)
        return found

    @cached_property
    def _years(self) -> dict[str, int]:
        found = {}
        for song, editions in self._editions.items():
            dated = [
                (year, album.kind, track)
                for track in editions
                if (year := (album := self._world.albums[track.album_id]).year)
            ]
            if dated:
                year, kind, track = min(dated, key=lambda one: (one[0], one[2].id))
                found[song] = _first(song, year, kind, track.name)
        return found

    # What the open databases list

    @cached_property
    def artists(self) -> dict[str, Listed]:
        """Listed artists by Spotify id."""
        begins: dict[str, int] = {}
        for song, year in self._years.items():
            for one in self._editions[song][0].artist_ids:
                begins[one] = min(begins.get(one, year), year)
        found = {}
        for one, artist in self._world.artists.items():
            if _below(_ARTIST_LISTED, "listed", one):
                person = _below(45, "person", one)
                begin = begins.get(one)
                if begin is not None:
                    begin -= 18 + hashed("age", one) % 12 if person else hashed("age", one) % 3
                found[one] = Listed(
                    mbid("artist", one),
                    artist.name,
                    "Person" if person else "Group",
                    begin if _below(80, "begin", one) else None,
                    _tags(one, artist.genres),
                    one if _below(_ARTIST_LINKED, "linked", one) else None,
                )
        return found

    @cached_property
    def recordings(self) -> dict[str, Recording]:
        """Listed recordings by MBID."""
        found: dict[str, Recording] = {}
        names = sorted(self.artists)
        for song, editions in self._editions.items():
            for one in self._recordings_of(song, editions, names):
                found[one.mbid] = one
        return found

    @cached_property
    def by_isrc(self) -> dict[str, list[str]]:
        """MBIDs of recordings by ISRC."""
        found: dict[str, list[str]] = {}
        for one in self.recordings.values():
            for isrc in one.isrcs:
                found.setdefault(isrc, []).append(one.mbid)
        return found

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """MBIDs of recordings by the words of an artist's name."""
        found: dict[str, list[str]] = {}
        for one in self.recordings.values():
            for artist in one.artists:
                found.setdefault(words(self.artists[artist].name), []).append(one.mbid)
        return found

    @cached_property
    def artist_of(self) -> dict[str, str]:
        """Spotify id of an artist by MBID."""
        return {listed.mbid: one for one, listed in self.artists.items()}

    @cached_property
    def official(self) -> tuple[str, ...]:
        """The official list of genres, in alphabetical order."""
        genres = {_spelt(name) for style in STYLES for name, _ in style.genres}
        artists = (artist.genres for artist in self._world.artists.values())
        return tuple(sorted(genres | {_spelt(genre) for one in artists for genre in one}))

    @cached_property
    def official_names(self) -> frozenset[str]:
        """The same as a set."""
        return frozenset(self.official)

    def recording_tags(self, one: Recording) -> tuple[tuple[str, int], ...]:
        """Votes for the tags of a recording itself; most have none."""
        if not _below(15, "recording-tags", one.mbid):
            return ()
        artist = self._world.artists[one.artists[0]]
        return tuple((_spelt(genre), 1) for genre in artist.genres[:1])

    def _recordings_of(
        self, song: str, editions: list[Track], names: list[str]
    ) -> Iterable[Recording]:
        track = min(editions, key=lambda one: one.id)
        artists = tuple(one for one in track.artist_ids if one in self.artists)
        if not artists or artists[0] != track.artist_ids[0]:
            return
        title = _REMARK.sub("", track.name) or track.name
        remark = track.name[len(title) :] if "remaster" not in track.name.lower() else ""
        year, isrc = self._years.get(song), track.isrc
        isrcs = (isrc,) if isrc else ()
        albums = [self._world.albums[one.album_id].year for one in editions]
        edition = min((one for one in albums if one), default=None)
        reissue = year is not None and edition is not None and year < edition
        on_original = _CODE_OF_REISSUE_ON_ORIGINAL if reissue else _CODE_ON_ORIGINAL
        if _below(_ORIGINAL_LISTED, "original", song):
            early = 1 + hashed("early", song) % 9 if _below(_EARLY, "early?", song) else 0
            yield self._made(
                song,
                "original",
                title + remark,
                artists,
                track.duration_ms,
                None if year is None else year - early,
                isrcs if _below(on_original, "code", song) else (),
            )
        if reissue and _below(_REISSUE_LISTED, "reissue", song):
            named = f"{title} ({edition} remaster)" if hashed("named", song) % 2 else title
            yield self._made(
                song,
                "reissue",
                named,
                artists,
                track.duration_ms + hashed("fade", song) % 3000,
                edition,
                isrcs if _below(_CODE_ON_REISSUE, "code of reissue", song) else (),
            )
        if year is None:
            return
        if _below(_LIVE, "live", song):
            then = year - 1 + hashed("concert", song) % 12
            place = f"live, {then}-07-02: Town Hall"
            yield self._made(
                song, "live", title, artists, track.duration_ms * 5 // 4, then, (), place
            )
        if _below(_OTHERS, "others", song) and len(names) > 1:
            other = names[hashed("cover", song) % len(names)]
            if other not in artists:
                yield self._made(song, "cover", title, (other,), track.duration_ms, year - 15, ())
        if _below(_SAME_TITLE, "namesake", song):
            yield self._made(
                song, "namesake", title, artists, track.duration_ms + 41_000, year - 6, ()
            )

    def _made(
        self,
        song: str,
        what: str,
        title: str,
        artists: tuple[str, ...],
        length: int,
        year: int | None,
        isrcs: tuple[str, ...],
        remark: str = "",
    ) -> Recording:
        one = mbid("recording", what, song)
        date = None if year is None or _below(_UNDATED, "undated", one) else str(year)
        if date is not None and not _below(_YEAR_ONLY, "year only", one):
            month, day = 1 + hashed("month", one) % 12, 1 + hashed("day", one) % 28
            date += f"-{month:02d}-{day:02d}"
        return Recording(
            one,
            title,
            remark,
            artists,
            None if _below(10, "unmeasured", one) else length,
            date,
            isrcs,
            video=_below(_VIDEO, "video", one) and what == "live",
            gone=_below(_MERGED, "merged", one),
        )


def add_first_editions(world: World) -> None:
    """Adds the first editions of three reissued songs of five: less popular, often with features.

    Half of them bear the code of the edition that is there, the others one of their own.
    """
    truth = OpenTruth(world)
    for song, year in sorted(truth._years.items()):
        track = min(truth._editions[song], key=lambda one: one.id)
        edition = world.albums[track.album_id].year
        if edition is None or edition <= year or not _below(60, "first edition", song):
            continue
        one = id_for("first edition", song)
        album = Album(
            id=id_for("first album", song),
            name=f"{world.artists[track.artist_ids[0]].name} {year}",
            kind="album",
            artist_ids=track.artist_ids[:1],
            release_date=str(year),
            track_ids=[one],
        )
        own = (
            f"{(track.isrc or 'USSBX')[:5]}{year % 100:02d}{hashed('own code', song) % 100_000:05d}"
        )
        world.albums[album.id] = album
        world.tracks[one] = replace(
            track,
            id=one,
            name=_REMARK.sub("", track.name) if _REMASTER.search(track.name) else track.name,
            album_id=album.id,
            duration_ms=track.duration_ms + hashed("first fade", song) % 900,
            popularity=track.popularity * 2 // 5,
            isrc=track.isrc if _below(50, "same code", song) else own,
            number=1,
        )
        world.first_editions[one] = track.id
        if track.id in world.features and _below(85, "first features", song):
            world.features[one] = world.features[track.id]
    world.forget_lookups()


def _first(song: str, year: int, kind: str, name: str) -> int:
    """The truth: a reissue's song is some years older than its earliest edition here."""
    what = "remaster" if _REMASTER.search(name) else kind
    share = _REISSUED.get(what, _REISSUED["other"])
    if not _below(share, "reissued", song):
        return year
    return max(min(year, _FIRST_YEAR), year - 3 - hashed("older", song) % 30)


def _tags(artist: str, genres: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Votes for an artist's tags: its genres, rarely a wrong one, and what is no genre."""
    if not _below(_ARTIST_TAGGED, "tagged", artist):
        return ()
    votes = {_spelt(genre): 1 + hashed("votes", artist, genre) % 6 for genre in genres}
    if _below(15, "wrong", artist):
        style = STYLES[hashed("wrong style", artist) % len(STYLES)]
        votes.setdefault(_spelt(style.genres[0][0]), 1)
    if _below(40, "free", artist):
        votes[FREE_TAGS[hashed("free tag", artist) % len(FREE_TAGS)]] = 2
    if _below(10, "voted down", artist):
        votes["rock and roll"] = 0
    return tuple(sorted(votes.items()))


def _spelt(genre: str) -> str:
    """A genre as the open database writes it."""
    return genre.lower().strip()


def _below(share: int, *parts: object) -> bool:
    return hashed("open", *parts) % 100 < share
