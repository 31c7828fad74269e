"""Which song a play is of: found among those that are stored, or made; a page at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.matching import (
    CONFIDENCE,
    FUZZY_REVIEW,
    SongKeys,
    contradict,
    keys_of,
    match,
    nearness,
)
from runclub_spider.catalog.overrides import Overrides, Target
from runclub_spider.catalog.plays import Play, Tier
from runclub_spider.catalog.versions import KEY_RULES
from runclub_spider.store.db.tables import external_play, song
from runclub_spider.store.db.upsert import insert_rows, select_among
from runclub_spider.store.songs.review import Review
from runclub_spider.store.songs.songs import OWN

_SONGS = uuid.uuid5(uuid.NAMESPACE_URL, "https://runclub.app/song")
#: Songs remembered from page to page; some 50 MB when full.
_MOST_KNOWN = 50_000
_SONG = ("id", "title", "artist", "album", "year", "mbid", "match_key")
_NEW_SONG = (
    *("id", "title", "artist", "album", "year", "mbid", "source", "is_placeholder"),
    *("match_key", "artist_key", "created_at"),
)


def song_id(key: str) -> str:
    """The id of a song by the key that it is made with."""
    return str(uuid.uuid5(_SONGS, key))


@dataclass(slots=True)
class Song:
    """A song as far as matching needs it; `stored` is False until its first play is inserted."""

    id: str
    title: str
    artist: str
    album: str | None
    year: int | None
    mbid: str | None
    match_key: str | None
    keys: SongKeys
    # The recording that an override names for a new song.
    said_mbid: str | None = None
    stored: bool = True
    # Recordings of the plays that found it by less than its words; None until they are asked for.
    heard: set[str] | None = None

    def row(self, play: Play, source: str, now: int) -> tuple[Any, ...]:
        """The row of a new song as its first play has it; what later plays add comes after."""
        return (
            self.id,
            self.title,
            self.artist,
            play.album,
            play.year,
            self.said_mbid or play.mbid,
            source,
            False,
            self.match_key,
            self.keys.artist,
            now,
        )


@dataclass(slots=True)
class KnownSongs:
    """Songs met so far, by what they are found by; `artists` are those of whom all are here."""

    by_id: dict[str, Song] = field(default_factory=dict)
    by_mbid: dict[str, Song] = field(default_factory=dict)
    by_exact: dict[str, Song] = field(default_factory=dict)
    by_artist: dict[str, list[Song]] = field(default_factory=dict)
    artists: set[str] = field(default_factory=set)

    def add(self, one: Song) -> None:
        """Take up a song."""
        self.by_id[one.id] = one
        if one.mbid:
            self.by_mbid.setdefault(one.mbid, one)
        if one.match_key:
            self.by_exact.setdefault(one.match_key, one)
        if one.keys.artist:
            self.by_artist.setdefault(one.keys.artist, []).append(one)

    def clear(self) -> None:
        """Forget everything."""
        for part in (self.by_id, self.by_mbid, self.by_exact, self.by_artist, self.artists):
            part.clear()


@dataclass(slots=True)
class Planned:
    """A play with its song; `creates` if the play is the song's first, `fills` its gaps."""

    play: Play
    song: Song
    tier: Tier
    confidence: float
    creates: bool
    fills: dict[str, Any]


class Matcher:
    """Finds or makes the song of each play of a page; songs made on the page count at once."""

    def __init__(
        self,
        connection: sa.Connection,
        overrides: Overrides,
        review: Review,
        known: KnownSongs,
    ) -> None:
        self._connection, self._overrides, self._review = connection, overrides, review
        if len(known.by_id) > _MOST_KNOWN:
            known.clear()
        self._known = known

    def plan(self, plays: Sequence[Play]) -> list[Planned]:
        """The plays with their songs, in order."""
        if not plays:
            return []
        keys = [keys_of(play.title, play.artist) for play in plays]
        targets: list[Target | None] = [None] * len(plays)
        if self._overrides.by_id or self._overrides.by_key:
            targets = [
                self._overrides.find(play.source_play_id, key.exact)
                for play, key in zip(plays, keys, strict=True)
            ]
        exact = {key.exact for key in keys}
        mbids = {play.mbid for play in plays if play.mbid}
        for target in targets:
            if target is not None and target.mbid:
                mbids.add(target.mbid)
            elif target is not None and target.title and target.artist:
                exact.add(keys_of(target.title, target.artist).exact)
        exact |= {_own_key(k) for k, t in zip(keys, targets, strict=True) if t}
        known = self._known
        self._load("mbid", mbids - known.by_mbid.keys())
        self._load("match_key", exact - known.by_exact.keys())
        self._load("id", {song_id(key) for key in exact - known.by_exact.keys()})
        artists = {
            key.artist
            for play, key in zip(plays, keys, strict=True)
            if key.artist and play.mbid not in known.by_mbid and key.exact not in known.by_exact
        }
        self._load("artist_key", artists - known.artists)
        known.artists |= artists
        return [
            self._one(play, key, target)
            for play, key, target in zip(plays, keys, targets, strict=True)
        ]

    def _load(self, column: str, values: set[str]) -> None:
        for row in select_among(self._connection, song, _SONG, column, sorted(values)):
            one, title, artist, album, year, mbid, key = row
            if one not in self._known.by_id:
                keys = keys_of(title, artist)
                self._known.add(Song(one, title, artist, album, year, mbid, key, keys))

    def _one(self, play: Play, keys: SongKeys, target: Target | None) -> Planned:
        if target is not None:
            return self._by_override(play, keys, target)
        found = self._known.by_mbid.get(play.mbid) if play.mbid else None
        if found is not None:
            if found.keys.artist != keys.artist and found.keys.title != keys.title:
                self._conflict(play, found, "mbid_names_another_title")
            return self._planned(play, found, Tier.MBID)
        found = self._known.by_exact.get(keys.exact)
        if found is not None:
            if contradict(play.mbid, found.mbid):
                self._conflict(play, found, "title_of_another_mbid")
            return self._planned(play, found, Tier.EXACT)
        found, tier, confidence = self._alike(play, keys)
        if found is not None:
            return self._planned(play, found, tier, confidence)
        return self._new(play, keys, keys.exact)

    def _alike(self, play: Play, keys: SongKeys) -> tuple[Song | None, Tier, float]:
        """The song of the same people that a play resembles most, the surer tier first."""
        # Equals are told apart by id, so that it does not matter which of them came first.
        best: tuple[float, str, Song, Tier] | None = None
        near: tuple[float, str, Song] | None = None
        for one in self._known.by_artist.get(keys.artist, ()) if keys.artist else ():
            found = match(keys, one.keys, contradicted=contradict(play.mbid, one.mbid))
            if found is not None and not self._heard_as_another(play, one):
                tier, confidence = found
                if best is None or (-confidence, one.id) < best[:2]:
                    best = -confidence, one.id, one, tier
            elif (score := nearness(keys, one.keys)) >= FUZZY_REVIEW:
                near = min(near or (-score, one.id, one), (-score, one.id, one), key=_rank)
        if best is not None:
            return best[2], best[3], -best[0]
        if near is not None:
            self._conflict(play, near[2], "near", similarity=round(-near[0], 3))
        return None, Tier.NEW, 0.0

    def _heard_as_another(self, play: Play, one: Song) -> bool:
        """Whether a song without a recording of its own was found by plays of another one."""
        if play.mbid is None or one.mbid is not None:
            return False
        if one.heard is None:
            column = external_play.c.mbid
            mbids = self._connection.scalars(
                sa.select(column)
                .where(external_play.c.source == self._review.source)
                .where(external_play.c.song_id == one.id, column.is_not(None))
                .distinct()
            )
            one.heard = set(mbids)
        return any(contradict(play.mbid, mbid) for mbid in one.heard)

    def _by_override(self, play: Play, keys: SongKeys, target: Target) -> Planned:
        """What a person said of the play."""
        if target.own:
            key = _own_key(keys)
            found = self._known.by_exact.get(key)
            if found is not None:
                return self._planned(play, found, Tier.OVERRIDE)
            return self._new(play, keys, key)
        if target.mbid:
            found = self._known.by_mbid.get(target.mbid)
            if found is not None:
                return self._planned(play, found, Tier.OVERRIDE)
            return self._new(play, keys, keys.exact, mbid=target.mbid)
        title, artist = target.title or play.title, target.artist or play.artist
        meant = keys_of(title, artist)
        found = self._known.by_exact.get(meant.exact)
        if found is not None:
            return self._planned(play, found, Tier.OVERRIDE)
        return self._new(play, meant, meant.exact, title=title, artist=artist)

    def _planned(
        self, play: Play, found: Song, tier: Tier, confidence: float | None = None
    ) -> Planned:
        fills: dict[str, Any] = {}
        if tier is Tier.EXACT or tier is Tier.MBID:
            if found.mbid is None and play.mbid is not None:
                fills["mbid"] = found.mbid = play.mbid
                self._known.by_mbid.setdefault(play.mbid, found)
            if found.album is None and play.album is not None:
                fills["album"] = found.album = play.album
            if found.year is None and play.year is not None:
                fills["year"] = found.year = play.year
        elif found.heard is not None and play.mbid is not None:
            found.heard.add(play.mbid)
        if confidence is None:
            confidence = CONFIDENCE[tier]
        return Planned(play, found, tier, confidence, creates=False, fills=fills)

    def _new(self, play: Play, keys: SongKeys, key: str, **said: str) -> Planned:
        one = song_id(key)
        if one in self._known.by_id:
            # Earlier rules made it of this key, and gave it to what is another song by now.
            one = song_id(f"{key}#{KEY_RULES}")
        made = Song(
            id=one,
            title=said.get("title", play.title),
            artist=said.get("artist", play.artist),
            album=play.album,
            year=play.year,
            mbid=said.get("mbid", play.mbid),
            said_mbid=said.get("mbid"),
            match_key=key,
            keys=keys,
            stored=False,
        )
        self._known.add(made)
        return Planned(play, made, Tier.NEW, 1.0, creates=True, fills={})

    def _conflict(self, play: Play, found: Song, kind: str, **more: object) -> None:
        self._review.note(
            play.source_play_id,
            kind,
            play={"title": play.title, "artist": play.artist, "mbid": play.mbid},
            song={"title": found.title, "artist": found.artist, "mbid": found.mbid},
            **more,
        )


def insert_songs(
    connection: sa.Connection, source: str, planned: Iterable[Planned], now: int
) -> None:
    """Store the songs that are new, under the source whose plays brought them."""
    made = [one.song.row(one.play, source, now) for one in planned if one.creates]
    insert_rows(connection, song, _NEW_SONG, made)


def _rank(near: tuple[float, str, Song]) -> tuple[float, str]:
    return near[:2]


def _own_key(keys: SongKeys) -> str:
    """The key of a song that is to be like no other."""
    return keys.exact + OWN
