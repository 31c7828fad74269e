"""The built-in world: tens of thousands of tracks made up from a seed, no third-party data.

The draw is sequential from one generator seeded with a number, over tuples in a fixed order, so
the same seed gives the same world in every process and under every ``PYTHONHASHSEED``.
"""

# ruff: noqa: SIM905 - word lists read better as running text

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from . import names
from . import vocabulary as words
from .vocabulary import STYLES, Style
from .world import MARKETS, Album, Artist, Episode, Features, Track, World, base62

#: Tracks of a cell (umbrella x decade) of weight 1, before editions.
CELL_SIZE = 262
DECADES = (1950, 1960, 1970, 1980, 1990, 2000, 2010, 2020)
LAST_YEAR = 2026

WITHOUT_US = tuple(code for code in MARKETS if code != "US")
NORTH_AMERICA = ("CA", "MX", "US")
EUROPE = tuple("AT BE CH CZ DE DK ES FI FR GB IE IT NL NO PL PT SE".split())

#: Share of tracks ReccoBeats does not cover, by release year (reference, "Coverage reports").
MISS_RATES = ((2024, 0.10), (2025, 0.50), (LAST_YEAR, 0.89))


@dataclass(slots=True)
class Draft:
    """What the playlists are drawn from: track ids per umbrella and decade, and per genre."""

    world: World
    cells: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    by_genre: dict[str, list[str]] = field(default_factory=dict)
    by_year: dict[int, list[str]] = field(default_factory=dict)


class Maker:
    """Draws artists, albums, tracks and features; keeps the generator between calls."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world = world
        self.rng = rng
        self._stars: list[str] = []

    def new_id(self) -> str:
        """A fresh Spotify-shaped id."""
        return base62(self.rng.getrandbits(128))

    def artist(self, style: Style, decade: int) -> Artist:
        """A new act of that umbrella; one in nine has no genre, as on the real service."""
        rng = self.rng
        known = [name for name, since in style.genres if since <= decade]
        genres = rng.sample(known, min(len(known), rng.choice((1, 1, 2, 2, 3))))
        if rng.random() < 0.11:
            genres = []
        popularity = power_law(rng)
        made = Artist(
            id=self.new_id(),
            name=names.artist_name(rng, style.language, style.label),
            genres=tuple(genres),
            popularity=popularity,
            followers=int(1.14**popularity * rng.uniform(8, 60)),
            has_images=rng.random() > 0.06,
        )
        self.world.artists[made.id] = made
        return made

    def album(self, artist: Artist, style: Style, year: int, kind: str) -> Album:
        """A new, empty edition of that year."""
        rng = self.rng
        made = Album(
            id=self.new_id(),
            name=names.album_title(rng, style.language, artist.name),
            kind=kind,
            artist_ids=(artist.id,),
            release_date=release_date(rng, year),
            label=rng.choice(words.LABELS),
        )
        self.world.albums[made.id] = made
        return made

    def track(self, artist: Artist, album: Album, style: Style, year: int) -> Track:
        """A new track on an album, with its features unless ReccoBeats misses it."""
        rng = self.rng
        guest: Artist | None = None
        if rng.random() < 0.09 and len(self.world.artists) > 40:
            guest = self.world.artists[rng.choice(self._guests())]
        title = names.song_title(rng, style.language)
        title += names.version_suffix(rng, year, guest.name if guest else None)
        markets = draw_markets(rng)
        made = Track(
            id=self.new_id(),
            name=title,
            artist_ids=(artist.id,) if guest is None or guest is artist else (artist.id, guest.id),
            album_id=album.id,
            duration_ms=duration_ms(rng, style),
            popularity=min(97, int(artist.popularity * rng.random() ** 0.6)),
            explicit=rng.random() < (0.42 if style.label == "Hip-Hop" and year > 1986 else 0.05),
            isrc=None if rng.random() < 0.025 else self.isrc(year),
            number=len(album.track_ids) + 1,
            markets=markets,
            plays_in=markets,
        )
        self._playability_quirks(made)
        album.track_ids.append(made.id)
        self.world.tracks[made.id] = made
        self.cover(made, style, album.year or year)
        return made

    def edition(self, track: Track, artist: Artist, style: Style, year: int) -> Track:
        """The same recording on another album: same ISRC, features only by chance."""
        rng = self.rng
        album = self.album(artist, style, year, rng.choice(("compilation", "single", "album")))
        if album.kind == "compilation":
            album.name = f"The Best of {artist.name}"
        made = Track(
            id=self.new_id(),
            name=track.name,
            artist_ids=track.artist_ids,
            album_id=album.id,
            duration_ms=track.duration_ms + rng.choice((0, 0, 40, -27, 133)),
            popularity=int(track.popularity * rng.random()),
            explicit=track.explicit,
            isrc=track.isrc,
            markets=track.markets,
            plays_in=track.plays_in,
        )
        album.track_ids.append(made.id)
        self.world.tracks[made.id] = made
        known = self.world.features.get(track.id)
        if known is not None and rng.random() >= max(0.4, miss_rate(year)):
            self.world.features[made.id] = known
        if rng.random() < 0.22:
            made.markets = made.plays_in = WITHOUT_US
            made.substitute = track.id
        made.tags = track.tags
        return made

    def cover(self, track: Track, style: Style, year: int) -> None:
        """Draws the features; the world keeps them unless the release is a miss."""
        rng = self.rng
        drawn = draw_features(rng, style)
        if rng.random() >= miss_rate(year):
            self.world.features[track.id] = drawn
        elif rng.random() < 0.05:
            self.world.recco_only.add(track.id)
        fast = drawn.tempo is not None and 144 <= drawn.tempo <= 186
        track.tags = style.label
        if style.label == "Reggaeton":
            track.tags += " latin"
        if fast and (drawn.energy or 0) > 0.6:
            cadence = 5 * round((drawn.tempo or 0) / 5)
            track.tags += f" running workout cardio gym {cadence} bpm cadence"

    def isrc(self, year: int) -> str:
        """A well-formed ISRC of that year."""
        rng = self.rng
        country = rng.choice(("US", "GB", "QM", "DE", "FR", "SE", "KR", "IN", "MX", "NG", "JM"))
        return f"{country}SBX{year % 100:02d}{rng.randrange(100_000):05d}"

    def _guests(self) -> list[str]:
        # a small, fixed list of stars keeps the draw cheap and the duets believable
        if len(self._stars) < 400:
            self._stars = list(self.world.artists)[:400]
        return self._stars

    def _playability_quirks(self, track: Track) -> None:
        pick = self.rng.random()
        if pick < 0.004:
            track.markets = ()
        elif pick < 0.008:
            track.plays_in = WITHOUT_US
        elif pick < 0.016:
            track.plays_in = ()
            track.restriction = "product" if pick < 0.013 else "explicit"


def build(seed: int) -> World:
    """The built-in world of that seed."""
    # imported here because the playlists need this module's Draft
    from .builtin_playlists import add_playlists

    rng = Random(seed)
    world = World(name=f"builtin-{seed}", made_up=True)
    maker = Maker(world, rng)
    draft = Draft(world)
    for style in STYLES:
        earlier: list[Artist] = []
        for decade, weight in zip(DECADES, style.weights, strict=True):
            earlier = _fill_cell(maker, draft, style, decade, round(weight * CELL_SIZE), earlier)
    for number in range(60):
        made = Episode(
            id=maker.new_id(),
            name=f"Ep. {number + 1}: {names.song_title(rng, 'en')}",
            show_id=maker.new_id(),
            show_name=f"The {rng.choice(words.ADJECTIVES['en'])} Mile Podcast",
            release_date=f"{rng.randint(2018, 2025)}-{rng.randint(1, 12):02d}-15",
            duration_ms=rng.randint(1_200_000, 5_400_000),
        )
        world.episodes[made.id] = made
    add_playlists(draft, rng)
    return world


def _fill_cell(
    maker: Maker, draft: Draft, style: Style, decade: int, size: int, earlier: list[Artist]
) -> list[Artist]:
    """Fills one cell with tracks; answers with the artists active in it."""
    rng, made = maker.rng, 0
    active: list[Artist] = []
    span = min(decade + 9, LAST_YEAR) - decade + 1
    while made < size:
        if earlier and rng.random() < 0.15:
            artist = rng.choice(earlier)
        else:
            artist = maker.artist(style, decade)
        active.append(artist)
        for _ in range(rng.choice((1, 1, 2))):
            kind = rng.choice(("album", "album", "single", "compilation"))
            year = decade + rng.randrange(span)
            album = maker.album(artist, style, year, kind)
            for _ in range(rng.randint(3, 7) if kind == "album" else rng.randint(1, 3)):
                track = maker.track(artist, album, style, year)
                _file(draft, track, artist, style, decade, album.year)
                made += 1
                if rng.random() < 0.06:
                    later = min(LAST_YEAR, year + rng.randint(0, 25))
                    copy = maker.edition(track, artist, style, later)
                    _file(draft, copy, artist, style, later // 10 * 10, later)
    return active


def _file(
    draft: Draft, track: Track, artist: Artist, style: Style, decade: int, year: int | None
) -> None:
    draft.cells.setdefault((style.label, decade), []).append(track.id)
    for genre in artist.genres:
        draft.by_genre.setdefault(genre, []).append(track.id)
    if year:
        draft.by_year.setdefault(year, []).append(track.id)


def miss_rate(year: int) -> float:
    """How likely ReccoBeats misses a track of that year."""
    return next(rate for last, rate in MISS_RATES if year <= last)


def power_law(rng: Random) -> int:
    """A popularity 0-96: many small acts, few stars."""
    return int(96 * rng.random() ** 2.4)


def release_date(rng: Random, year: int) -> str | None:
    """A date of that year as the API spells it: mostly exact, some year-only, a few broken."""
    pick = rng.random()
    if pick < 0.001:
        return None
    if pick < 0.003:
        return "0000"
    if pick < (0.30 if year < 1990 else 0.06):
        return str(year)
    month = rng.randint(1, 9 if year == LAST_YEAR else 12)
    return f"{year}-{month:02d}" if pick > 0.99 else f"{year}-{month:02d}-{rng.randint(1, 28):02d}"


def duration_ms(rng: Random, style: Style) -> int:
    """A length; classical and techno run long, some tracks are skits or jams."""
    pick = rng.random()
    if pick < 0.03:
        return rng.randint(28_000, 119_000)
    if pick < (0.25 if style.label in {"Classical & Ambient", "Techno", "Jazz & Blues"} else 0.06):
        return rng.randint(361_000, 900_000)
    return max(121_000, min(359_000, int(rng.gauss(222_000, 42_000))))


def draw_markets(rng: Random) -> tuple[str, ...]:
    """Where a track plays: nearly always everywhere, about 4 % not in the US."""
    pick = rng.random()
    if pick < 0.025:
        return WITHOUT_US
    if pick < 0.04:
        return EUROPE
    return NORTH_AMERICA if pick < 0.06 else MARKETS


_TEMPO_CHOICES = {
    style.label: list(accumulate(share for _, _, share in style.tempos)) for style in STYLES
}


def draw_features(rng: Random, style: Style) -> Features:
    """Eleven values around the umbrella's means; about one row in 150 has holes."""
    energy = unit(rng, style.energy, 0.14)
    (tempo,) = rng.choices(style.tempos, cum_weights=_TEMPO_CHOICES[style.label])
    drawn = Features(
        acousticness=unit(rng, style.acousticness, 0.16, 4),
        danceability=unit(rng, style.danceability, 0.12),
        energy=energy,
        instrumentalness=0.0
        if style.instrumentalness < 0.02 and rng.random() < 0.5
        else float(f"{min(0.97, style.instrumentalness * 3 * rng.random() ** 3):.3g}"),
        key=rng.randint(-1, 11),
        liveness=unit(rng, 0.06 + 0.3 * rng.random() ** 3, 0.04, 4),
        loudness=round(min(-0.8, rng.gauss(style.loudness + (energy - style.energy) * 6, 2.2)), 3),
        mode=int(rng.random() < 0.63),
        speechiness=unit(rng, style.speechiness, 0.03, 4),
        tempo=round(max(52.0, rng.gauss(tempo[0], tempo[1])), 3),
        valence=unit(rng, style.valence, 0.2),
    )
    pick = rng.random()
    if pick < 0.003:
        drawn.tempo = drawn.energy = None
    elif pick < 0.006:
        drawn.key = drawn.mode = None
    elif pick < 0.0067:
        drawn.danceability = drawn.valence = drawn.loudness = None
    return drawn


def unit(rng: Random, mean: float, spread: float, digits: int = 3) -> float:
    """A value in 0-1 around a mean."""
    return round(min(0.995, max(0.0001, rng.gauss(mean, spread))), digits)
