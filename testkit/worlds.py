"""Worlds in which choosing pages is simulated: the real tables and three that are made up.

A world is the sandbox's, asked through its search without a server. Made-up worlds differ in how
many tracks the cells (umbrella × decade) hold: alike (flat), a few large ones and a long tail
(power law), or next to nothing in most of them (sparse).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from runclub_sandbox import tables
from runclub_sandbox.builtin import Draft, Maker
from runclub_sandbox.builtin_playlists import add_playlists
from runclub_sandbox.search import SearchIndex
from runclub_sandbox.vocabulary import STYLES, Style
from runclub_sandbox.world import Episode, Track, World
from runclub_spider.catalog.dates import DECADES, decade_of
from runclub_spider.catalog.models import Playable
from runclub_spider.catalog.playability import Basis, Finding
from runclub_spider.catalog.rules import Policy, facts_of, judge
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.frontier.choice import Found, Listed

MARKET = "US"
SHAPES = ("flat", "power law", "sparse")
#: Tracks of a made-up world, roughly, before what is not eligible.
TRACKS, QUICK_TRACKS = 20_000, 5_000
#: Tracks of each umbrella in each decade that no cell is for.
OLD = 12
#: Most playlists that the search of a seed leads to, and rows of one.
TOP_LISTS, ITEMS = 5, 500

Rows = NDArray[np.int32]


@dataclass(slots=True)
class Sight:
    """A world as a frontier sees it. Tracks are numbered; a row that is not eligible is -1."""

    name: str
    world: World
    umbrellas: UmbrellaMap
    policy: Policy
    found: list[Found] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _ids: list[str] = field(default_factory=list)
    _rows: dict[str, Rows] = field(default_factory=dict)
    _lists: dict[tuple[str, str], tuple[Listed | None, ...]] = field(default_factory=dict)
    _index: SearchIndex | None = None

    @property
    def index(self) -> SearchIndex:
        """The search over the world, built when first asked."""
        if self._index is None:
            self._index = SearchIndex(self.world)
        return self._index

    def search(self, term: str) -> Rows:
        """All rows of a track search that can be reached."""
        if term not in self._rows:
            hits = self.index.find("track", term, MARKET)
            self._rows[term] = self._numbered(hits.ids)
        return self._rows[term]

    def lists(self, term: str, regime: str) -> tuple[Listed | None, ...]:
        """The playlists of a playlist search; None where the answer has a hole."""
        if (term, regime) not in self._lists:
            hits = self.index.find("playlist", term, MARKET, holes=regime)
            self._lists[term, regime] = tuple(self._listed(one) for one in hits.ids)
        return self._lists[term, regime]

    def best_lists(self, term: str, regime: str, rows: int) -> list[str]:
        """The playlists that template order reads after a search, as the planner ranks them."""
        shown = [one for one in self.lists(term, regime)[:rows] if one is not None]
        followers = {
            one.playlist_id: self.world.playlists[one.playlist_id].followers for one in shown
        }
        shown.sort(key=lambda one: (one.owner != "spotify", -followers[one.playlist_id]))
        return [one.playlist_id for one in shown[:TOP_LISTS]]

    def items(self, playlist_id: str) -> Rows:
        """The rows of a playlist, as far as they are read."""
        key = f"playlist|{playlist_id}"
        if key not in self._rows:
            entries = self.world.playlists[playlist_id].entries[:ITEMS]
            self._rows[key] = self._numbered(
                [one.ref if one.kind == "track" else None for one in entries]
            )
        return self._rows[key]

    def track(self, row: int) -> Track:
        """The track of a row."""
        return self.world.tracks[self._ids[row]]

    def tracks_by_cell(self) -> Counter[tuple[str | None, str | None]]:
        """Eligible tracks of the whole world by umbrella and decade."""
        for one in self.world.tracks:
            self._number(one)
        return Counter((one.umbrella, one.decade) for one in self.found)

    def _listed(self, one: str | None) -> Listed | None:
        if one is None:
            return None
        playlist = self.world.playlists[one]
        return Listed(one, playlist.name, playlist.owner_id, len(playlist.entries))

    def _numbered(self, ids: Sequence[str | None]) -> Rows:
        return np.array([-1 if one is None else self._number(one) for one in ids], np.int32)

    def _number(self, one: str) -> int:
        known = self._numbers.get(one)
        if known is None:
            track = self.world.tracks[one]
            known = -1
            if self._eligible(track):
                known = len(self.found)
                self.found.append(self._as_found(track))
                self._ids.append(one)
            self._numbers[one] = known
        return known

    def _eligible(self, track: Track) -> bool:
        playable = Playable.YES if MARKET in track.plays_in else Playable.NO
        facts = facts_of(
            track.name,
            artists=len(track.artist_ids),
            duration_ms=track.duration_ms,
            found=Finding(playable, Basis.AVAILABLE_MARKETS),
        )
        return not judge(facts, self.policy)

    def _as_found(self, track: Track) -> Found:
        artists = [self.world.artists[one] for one in track.artist_ids]
        votes = self.umbrellas.of_artists([one.genres for one in artists])
        decade = decade_of(self.world.albums[track.album_id].year)
        return Found(len(self.found), votes[0][0] if votes else None, decade, artists[0].name)


def real(directory: Path, umbrellas: UmbrellaMap, policy: Policy) -> Sight:
    """The world of the real tables."""
    return Sight("real tables", tables.load(directory), umbrellas, policy)


def made_up(shape: str, umbrellas: UmbrellaMap, policy: Policy, tracks: int) -> Sight:
    """A made-up world of one of the `SHAPES`; the same arguments give the same world."""
    rng = Random(f"{shape}/{tracks}")
    world = World(name=shape, made_up=True)
    maker, draft = Maker(world, rng), Draft(world)
    cells = [(style, 1970 + 10 * at) for style in STYLES for at in range(len(DECADES))]
    rng.shuffle(cells)
    for (style, decade), size in zip(cells, _sizes(shape, len(cells), tracks, rng), strict=True):
        _fill(maker, draft, style, decade, size)
    for style in STYLES:
        for decade in (1950, 1960):
            _fill(maker, draft, style, decade, OLD)
    # Some lists hold one.
    world.episodes["1"] = Episode("1", "Warm-up", "1", "Show", "2020-01-01", 1_800_000)
    add_playlists(draft, rng)
    return Sight(shape, world, umbrellas, policy)


def _sizes(shape: str, cells: int, tracks: int, rng: Random) -> list[int]:
    if shape == "flat":
        parts = [1.0] * cells
    elif shape == "power law":
        parts = [1 / (rank + 1) ** 1.1 for rank in range(cells)]
    else:
        parts = [rng.uniform(0.5, 5) if at % 3 else rng.uniform(30, 200) for at in range(cells)]
    return [max(2, round(tracks * part / sum(parts))) for part in parts]


def _fill(maker: Maker, draft: Draft, style: Style, decade: int, size: int) -> None:
    """Tracks of one cell: some artists with a few albums each, now and then an edition."""
    rng, made = maker.rng, 0
    tracks = draft.cells.setdefault((style.label, decade), [])
    while made < size:
        artist = maker.artist(style, decade)
        for _ in range(rng.choice((1, 1, 2))):
            year = decade + rng.randrange(7 if decade == 2020 else 10)
            kind = rng.choice(("album", "album", "single", "compilation"))
            album = maker.album(artist, style, year, kind)
            for _ in range(min(size - made, rng.randint(3, 7) if kind == "album" else 2)):
                track = maker.track(artist, album, style, year)
                tracks.append(track.id)
                for genre in artist.genres:
                    draft.by_genre.setdefault(genre, []).append(track.id)
                draft.by_year.setdefault(year, []).append(track.id)
                made += 1
