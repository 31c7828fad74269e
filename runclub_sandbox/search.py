"""Search: an inverted index built at start, a query parser, and ranked, cached hit lists.

Semantics: every word must occur somewhere in a row's texts. Runners' words ("running", "fast",
"mix" …) are left out only when nothing matches with them. A decade word filters tracks by the
album's year. Hits rank by how many words the title and artist match, then popularity, then id.
"""

# ruff: noqa: SIM905 - word lists read better as running text

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, TypeVar

from .quotes import FILTER, unquoted
from .regimes import REGIMES
from .world import USER_COUNTRY, Album, Artist, Playlist, Track, World, hashed

#: No hit beyond this rank can be reached (reference 1.1, "/search depth").
DEPTH = 1000

#: Words that may be dropped when nothing matches with them.
SOFT_WORDS = frozenset(
    (
        "running run runs runner runners workout workouts cardio hiit gym fitness fast upbeat "
        "uptempo tempo energy high power pump up beast mode treadmill marathon sprint interval "
        "intervals training motivation bangers hits hit mix best of top songs music playlist "
        "throwback throwbacks nostalgia party club cadence bpm spm the and in for a"
    ).split()
)

_WORD = re.compile(r"[^\W_]+(?:&[^\W_]+)*")
_DECADE = re.compile(r"^(?:19|20)?(\d0)s$")
_YEARS = re.compile(r"^(\d{4})(?:-(\d{4}))?$")
_NOBODY = array("I")


class _HasId(Protocol):
    id: str


_Row = TypeVar("_Row", bound=_HasId)


@lru_cache(maxsize=200_000)
def tokens(text: str) -> tuple[str, ...]:
    """A text's words: no case, no accents, no apostrophes; decades in one spelling (70s)."""
    if not text.isascii():
        text = "".join(
            letter
            for letter in unicodedata.normalize("NFKD", text)
            if not unicodedata.combining(letter)
        )
        text = unicodedata.normalize("NFC", text).replace("’", "")
    return tuple(_one_spelling(word) for word in _WORD.findall(text.casefold().replace("'", "")))


def _one_spelling(word: str) -> str:
    if found := _DECADE.match(word):
        return f"{found.group(1)}s"
    return word


@dataclass(slots=True)
class Query:
    """A parsed ``q``: free words, and phrases by filter name; years inclusive."""

    words: list[str] = field(default_factory=list)
    filters: dict[str, list[str]] = field(default_factory=dict)
    years: tuple[int, int] | None = None
    decade: tuple[int, int] | None = None
    impossible: bool = False


def parse_query(text: str) -> Query:
    """Reads free words, ``field:value``, ``field:"some words"`` and decade words."""
    query = Query()

    def take(match: re.Match[str]) -> str:
        name, value = match.group(1).lower(), unquoted(match.group(2))
        if name == "year":
            if years := _YEARS.match(value.strip()):
                query.years = (int(years.group(1)), int(years.group(2) or years.group(1)))
            else:
                query.impossible = True
        else:
            query.filters.setdefault(name, []).append(value)
        return " "

    for word in tokens(FILTER.sub(take, text)):
        if word not in query.words:
            query.words.append(word)
    for word in query.words:
        if found := _DECADE.match(word):
            short = int(found.group(1))
            start = (2000 if short < 50 else 1900) + short
            query.decade = (start, start + 9)
    return query


class TextIndex:
    """Postings of one kind of row. Row numbers follow the rank: 0 is the most popular."""

    def __init__(self) -> None:
        self.strong: dict[str, array[int]] = {}
        self.weak: dict[str, array[int]] = {}

    def add(self, row: int, strong: Iterable[str], weak: Iterable[str]) -> None:
        """Files a row under the words of its name (strong) and of everything else (weak)."""
        first = set(strong)
        for word in first:
            _post(self.strong, word, row)
        for word in set(weak) - first:
            _post(self.weak, word, row)

    def match(self, words: Sequence[str]) -> set[int]:
        """Rows that hold every word."""
        lists = [(self.strong.get(word, _NOBODY), self.weak.get(word, _NOBODY)) for word in words]
        lists.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
        found: set[int] = set()
        for number, (strong, weak) in enumerate(lists):
            if number == 0:
                found = {*strong, *weak}
            else:
                found = found.intersection(strong) | found.intersection(weak)
            if not found:
                break
        return found

    def ranked(self, rows: set[int], words: Sequence[str]) -> list[int]:
        """Rows by words matched in the name, then by rank."""
        best: dict[int, int] = {}
        for word in words:
            for row in rows.intersection(self.strong.get(word, _NOBODY)):
                best[row] = best.get(row, 0) + 1
        levels: dict[int, list[int]] = {}
        for row, matched in best.items():
            levels.setdefault(matched, []).append(row)
        levels[0] = list(rows.difference(best))
        return [row for matched in sorted(levels, reverse=True) for row in sorted(levels[matched])]


def _post(postings: dict[str, array[int]], word: str, row: int) -> None:
    known = postings.get(word)
    if known is None:
        postings[word] = array("I", (row,))
    else:
        known.append(row)


@dataclass(slots=True, frozen=True)
class Hits:
    """A ranked answer: at most :data:`DEPTH` ids (None is a hole) and how many there really are."""

    ids: tuple[str | None, ...]
    total: int


class SearchIndex:
    """The index of a world. Build a new one after the world changed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._cache: dict[tuple[str, str, str | None], Hits] = {}
        self._hidden: dict[str | None, set[int]] = {}
        self._index_artists()
        self._index_albums()
        self._index_tracks()
        self._index_playlists()
        # asked first by every crawl, so paid for at start
        for market in (None, USER_COUNTRY):
            self._not_offered(market)

    def find(self, kind: str, text: str, market: str | None, *, holes: str = "") -> Hits:
        """The ranked hits of a query.

        Args:
            kind: track, artist, album or playlist; other types have no hits.
            text: the ``q`` parameter.
            market: with one, tracks that neither play there nor are replaced are left out.
            holes: the regime's name, which decides which playlists show as null.
        """
        key = (kind, text, market if kind == "track" else holes)
        if (known := self._cache.get(key)) is not None:
            return known
        query = parse_query(text)
        if query.impossible:
            hits = Hits((), 0)
        elif kind == "track":
            hits = self._find_tracks(query, market)
        elif kind == "artist":
            hits = self._find_rows(query, self._artist_text, self._artists, self._artist_filter)
        elif kind == "album":
            hits = self._find_rows(query, self._album_text, self._albums, self._album_filter)
        elif kind == "playlist":
            found = self._find_rows(query, self._playlist_text, self._playlists, None)
            hits = self._with_holes(found, text, holes)
        else:
            hits = Hits((), 0)
        if len(self._cache) > 8192:
            self._cache.clear()
        self._cache[key] = hits
        return hits

    # --- building -----------------------------------------------------------------------------

    def _index_artists(self) -> None:
        world = self.world
        self._artists: list[Artist] = sorted(
            (artist for artist in world.artists.values() if artist.name),
            key=lambda artist: (-artist.popularity, artist.id),
        )
        self._artist_text = TextIndex()
        self._genre_words: dict[str, tuple[str, ...]] = {}
        for row, artist in enumerate(self._artists):
            genres = {word for genre in artist.genres for word in tokens(genre)}
            self._artist_text.add(row, tokens(artist.name), genres)

    def _index_albums(self) -> None:
        world = self.world
        self._albums: list[Album] = sorted(
            (album for album in world.albums.values() if album.name),
            key=lambda album: album.id,
        )
        self._album_text = TextIndex()
        for row, album in enumerate(self._albums):
            artists = [world.artists[one].name for one in album.artist_ids if one in world.artists]
            self._album_text.add(
                row, tokens(album.name), (word for name in artists for word in tokens(name))
            )

    def _index_tracks(self) -> None:
        world = self.world
        self._tracks: list[Track] = sorted(
            (track for track in world.tracks.values() if track.searchable),
            key=lambda track: (-track.popularity, track.id),
        )
        self._track_text = TextIndex()
        self._years = array("H")
        self._rows_of_year: dict[int, array[int]] = {}
        self._rows_of_genre: dict[str, array[int]] = {}
        self._row_of: dict[str, int] = {}
        for row, track in enumerate(self._tracks):
            album = world.albums[track.album_id]
            strong = set(tokens(track.name))
            weak = {*tokens(album.name), *tokens(track.tags)}
            genres: set[str] = set()
            for one in track.artist_ids:
                artist = world.artists[one]
                strong.update(tokens(artist.name))
                genres.update(artist.genres)
            for genre in genres:
                weak.update(tokens(genre))
                rows = self._rows_of_genre.get(genre)
                if rows is None:
                    rows = self._rows_of_genre[genre] = array("I")
                rows.append(row)
            self._track_text.add(row, strong, weak)
            year = album.year or 0
            self._years.append(year)
            if year:
                rows = self._rows_of_year.get(year)
                if rows is None:
                    rows = self._rows_of_year[year] = array("I")
                rows.append(row)
            self._row_of[track.id] = row
        self._genre_words = {genre: tokens(genre) for genre in self._rows_of_genre}

    def _index_playlists(self) -> None:
        self._playlists: list[Playlist] = sorted(
            self.world.playlists.values(), key=lambda one: (-one.followers, one.id)
        )
        self._playlist_text = TextIndex()
        for row, playlist in enumerate(self._playlists):
            name = set(tokens(playlist.name))
            for word in tuple(name):
                if word.isdecimal() and len(word) == 4 and "1950" <= word <= "2029":
                    name.add(f"{word[2]}0s")
            self._playlist_text.add(
                row, name, (*tokens(playlist.description), *tokens(playlist.tags))
            )

    # --- asking -------------------------------------------------------------------------------

    def _find_tracks(self, query: Query, market: str | None) -> Hits:
        years = query.years or query.decade
        words = [word for word in query.words if not _DECADE.match(word)]
        hard = [word for word in words if word not in SOFT_WORDS]
        rows: set[int] = set()
        for attempt in (words, hard) if len(hard) < len(words) else (words,):
            rows = self._track_rows(query, attempt, years)
            rows -= self._not_offered(market)
            if rows:
                words = attempt
                break
        ranked = self._track_text.ranked(rows, words)
        return Hits(tuple(self._tracks[row].id for row in ranked[:DEPTH]), len(ranked))

    def _track_rows(
        self, query: Query, words: Sequence[str], years: tuple[int, int] | None
    ) -> set[int]:
        found: set[int] | None = None

        def narrow(rows: set[int]) -> None:
            nonlocal found
            found = rows if found is None else found & rows

        for value in query.filters.get("isrc", ()):
            ids = self.world.with_isrc(value)
            narrow({self._row_of[one] for one in ids if one in self._row_of})
        for value in query.filters.get("genre", ()):
            narrow(self._rows_with_genre(value))
        if words:
            narrow(self._track_text.match(words))
        for name in ("artist", "track", "album"):
            for value in query.filters.get(name, ()):
                wanted = tokens(value)
                candidates = found if found is not None else self._track_text.match(wanted)
                found = {row for row in candidates if self._holds(name, row, wanted)}
        if "upc" in query.filters or "tag" in query.filters:
            return set()
        if years is not None:
            first, last = years
            if found is None:
                found = set()
                for year in range(first, last + 1):
                    found.update(self._rows_of_year.get(year, ()))
            else:
                known = self._years
                found = {row for row in found if first <= known[row] <= last}
        return found or set()

    def _rows_with_genre(self, phrase: str) -> set[int]:
        wanted = tokens(phrase)
        rows: set[int] = set()
        for genre, words in self._genre_words.items():
            if wanted and _has_phrase(words, wanted):
                rows.update(self._rows_of_genre[genre])
        return rows

    def _holds(self, name: str, row: int, wanted: Sequence[str]) -> bool:
        track = self._tracks[row]
        if name == "track":
            return set(wanted) <= set(tokens(track.name))
        if name == "album":
            return set(wanted) <= set(tokens(self.world.albums[track.album_id].name))
        return any(
            set(wanted) <= set(tokens(self.world.artists[one].name)) for one in track.artist_ids
        )

    def _not_offered(self, market: str | None) -> set[int]:
        """Rows a market's searches leave out."""
        known = self._hidden.get(market)
        if known is None:
            known = self._hidden[market] = {
                row for row, track in enumerate(self._tracks) if not self._offered(track, market)
            }
        return known

    def _offered(self, track: Track, market: str | None) -> bool:
        if market is None:
            # without a market the empty list counts as "nowhere", even if it plays somewhere
            return bool(track.markets)
        if market in track.plays_in or track.restriction != "market":
            return True
        return self.substitute(track, market) is not None

    def substitute(self, track: Track, market: str) -> Track | None:
        """The track served instead of one that does not play in a market."""
        other = self.world.tracks.get(track.substitute) if track.substitute else None
        return other if other is not None and market in other.plays_in else None

    def _find_rows(
        self,
        query: Query,
        index: TextIndex,
        rows: Sequence[_Row],
        passes: Callable[[_Row, Query], bool] | None,
    ) -> Hits:
        phrases = [value for values in query.filters.values() for value in values]
        extra: list[str] = [word for phrase in phrases for word in tokens(phrase)]
        hard = [word for word in query.words if word not in SOFT_WORDS]
        attempts: list[list[str]] = [query.words, hard]
        for words in attempts:
            found = index.match([*words, *extra])
            if passes is not None:
                found = {row for row in found if passes(rows[row], query)}
            if found:
                ranked = index.ranked(found, words)
                return Hits(tuple(rows[row].id for row in ranked[:DEPTH]), len(ranked))
        return Hits((), 0)

    def _artist_filter(self, artist: Artist, query: Query) -> bool:
        return all(
            any(_has_phrase(tokens(genre), tokens(value)) for genre in artist.genres)
            for value in query.filters.get("genre", ())
        )

    def _album_filter(self, album: Album, query: Query) -> bool:
        return query.years is None or query.years[0] <= (album.year or 0) <= query.years[1]

    def _with_holes(self, hits: Hits, text: str, regime: str) -> Hits:
        """Puts nulls where the real search has them: Spotify's own lists, and some more."""
        hides_lists = regime in REGIMES and not REGIMES[regime].foreign_playlists
        ids: list[str | None] = []
        for one in hits.ids:
            own = one is not None and self.world.playlists[one].owner_id == "spotify"
            ids.append(None if own and hides_lists else one)
            if hashed(text, one) % 9 == 0:
                ids.append(None)
        if ids and None not in ids:
            ids.append(None)
        return Hits(tuple(ids[:DEPTH]), hits.total + len(ids) - len(hits.ids))


def _has_phrase(words: Sequence[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return any(tuple(words[at : at + size]) == tuple(wanted) for at in range(len(words) - size + 1))
