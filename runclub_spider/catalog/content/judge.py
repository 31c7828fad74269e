"""Content labels of a track, by adding up what speaks for and against each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from runclub_spider.catalog.content.labels import ContentPolicy, Label, Treatment
from runclub_spider.catalog.content.signals import (
    PLAIN,
    TABLE,
    THRESHOLDS,
    Says,
    Shows,
    Sign,
    Where,
)
from runclub_spider.catalog.content.track import Track
from runclub_spider.catalog.content.words import (
    Phrase,
    Words,
    cut,
    cut_again,
    fold,
    songs,
    words,
    words_again,
)
from runclub_spider.catalog.genres import normalise_genre

#: The artist's other tracks say something when there are at least so many.
LEAST_WORK = 3
_GENRE_LISTS = 16_384
_TRACKS = 16_384
_NAMES = 16_384
_PLACES = {label: at for at, label in enumerate(Label)}
# Speechiness of what is nothing else.
_ALL_SPEECH = 0.88

#: A whole number, or an array of them.
Number = Any


@dataclass(frozen=True, slots=True)
class Evidence:
    """One entry of the table that spoke: where it was found, what was found, and its points."""

    where: str
    said: str
    points: int

    def __str__(self) -> str:
        said = f" {self.said!r}" if self.said else ""
        return f"{self.where}{said} ({self.points:+d})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a track deserves a label: the confidence, 0-1, and what spoke for and against."""

    label: Label
    confidence: float
    evidence: tuple[Evidence, ...]

    @property
    def holds(self) -> bool:
        """Whether the track deserves the label."""
        return round(100 * self.confidence) >= THRESHOLDS[self.label]


@dataclass(frozen=True, slots=True)
class Leaning:
    """What is said of a track before its artist's other tracks are known.

    Attributes:
        labels: those that it deserves, whatever the others are.
        plain: those that its names alone leave no doubt of, as :func:`plainly` tells them.
        lacks: those that the others may still bring, and the points that are missing; see
            :func:`by_work`.
    """

    labels: tuple[Label, ...] = ()
    plain: tuple[Label, ...] = ()
    lacks: tuple[tuple[Label, int], ...] = ()


_NOTHING_SAID = Leaning()


def leaning(track: Track) -> Leaning:
    """What is said of a track whose `work` is not known yet."""
    found = _brought_up(track)
    if not found:
        return _NOTHING_SAID
    labels: list[Label] = []
    lacks: list[tuple[Label, int]] = []
    for label in sorted(found, key=_PLACES.__getitem__):
        missing = THRESHOLDS[label] - sum(
            each.points for each in (*found[label], *_signs(label, track))
        )
        if missing <= 0:
            labels.append(label)
        elif missing <= _work_points().get(label, 0):
            lacks.append((label, missing))
    plain = plainly(track.title, track.artists, track.album)
    return Leaning(tuple(labels), plain, tuple(lacks))


def by_work(label: Label, tracks: Number, plain: Number) -> Number:
    """The points that an artist's other tracks bring to a label.

    Args:
        label: one that something else brought up.
        tracks: how many others there are; a number, or an array of them.
        plain: how many of these plainly deserve the label; an array of the same length.
    """
    points = _work_points().get(label, 0)
    # Of so few tracks that they say nothing no points come; none at all must divide nothing.
    return points * plain * (tracks >= LEAST_WORK) // (tracks + (tracks == 0))


def weigh(track: Track) -> tuple[Verdict, ...]:
    """A verdict on each label for which anything speaks, in the order of the labels."""
    found = _brought_up(track)
    if not found:
        return ()
    return tuple(
        verdict
        for label in Label
        if label in found
        if (verdict := _verdict(label, found[label], track))
    )


def _brought_up(track: Track) -> dict[Label, list[Evidence]]:
    """The labels that anything speaks for, with what words and genres say; empty for most."""
    found: dict[Label, list[Evidence]] = {}
    _read_names(track, found)
    _read_genres(track, found)
    if "/" in track.title:
        found.setdefault(Label.MEDLEY, [])
    if _nothing_but_speech(track):
        found.setdefault(Label.SPOKEN, [])
    return found


def labels_of(track: Track) -> tuple[Label, ...]:
    """The labels that a track deserves, in their order."""
    return tuple(verdict.label for verdict in weigh(track) if verdict.holds)


# Pages show many tracks again.
@lru_cache(_TRACKS)
def plainly(title: str, artists: tuple[str, ...], album: str) -> tuple[Label, ...]:
    """The labels that names alone leave no doubt of; these count as the artist's way, too."""
    if not _speak(title, (*artists, album)) and "/" not in title:
        return ()
    named = Track(title, artists, album)
    return tuple(
        verdict.label for verdict in weigh(named) if round(100 * verdict.confidence) >= PLAIN
    )


def rejected_by_names(
    title: str, artists: tuple[str, ...], album: str, policy: ContentPolicy
) -> tuple[Label, ...]:
    """The labels for which a track is rejected before anybody is asked for more; few have any.

    What is known later does not bring it back: its features were never paid for, and when genres
    are known depends on the pace of enrichment.
    """
    found = plainly(title, artists, album)
    # Nearly always so, and a crawl asks for each track it is shown.
    if not found:
        return ()
    return tuple(label for label in found if policy.of(label) is Treatment.REJECT)


def may_tell(name: str, genres: Sequence[str]) -> bool:
    """Whether an artist may bring up a label by name or by genres.

    Where neither artists nor album (:func:`may_speak`) nor lists (:func:`speaks`) nor title nor
    speech may, nothing is said of a track (:func:`leaning`), and nobody needs to look further.
    """
    return may_speak(name) or any(map(_of_genre, genres))


def title_may_tell(title: str) -> bool:
    """Whether a title may bring up a label."""
    return "/" in title or not _keys().isdisjoint(words(fold(title)))


def speech_may_tell(speechiness: object) -> bool:
    """Whether the speechiness of a track, a stored value of any type, may bring up a label."""
    return isinstance(speechiness, int | float) and speechiness >= _ALL_SPEECH


def speaks(name: str) -> bool:
    """Whether a list or search of this name may say anything of the tracks that it found."""
    return not _list_keys().isdisjoint(words(fold(name)))


@cache
def _list_keys() -> frozenset[str]:
    return frozenset(
        key
        for key, phrases in _phrases().items()
        if any(entry.where is Where.LIST for _, _, _, entry in phrases)
    )


# --- names ---------------------------------------------------------------------------------------

_Entry = tuple[Label, Says]
#: Where parts of names count.
_IN_BASE = frozenset({Where.TITLE, Where.BASE})
_IN_REMARK = frozenset({Where.TITLE, Where.REMARK})
_IN_LEAD = frozenset({Where.ARTIST, Where.LEAD})
_IN_ARTIST = frozenset({Where.ARTIST})
_IN_ALBUM_BASE = frozenset({Where.ALBUM, Where.ALBUM_BASE})
_IN_ALBUM_REMARK = frozenset({Where.ALBUM, Where.ALBUM_REMARK})
_IN_LIST = frozenset({Where.LIST})


_GUESTS = frozenset({"feat", "ft", "featuring"})


@cache
def _phrases() -> dict[str, tuple[tuple[Phrase, int, Label, Says], ...]]:
    """Every phrase of a name by its key, with the key's place in it."""
    found: dict[str, list[tuple[Phrase, int, Label, Says]]] = {}
    for label, entries in TABLE.items():
        for entry in entries:
            if isinstance(entry, Says) and entry.where is not Where.GENRE:
                for phrase in map(Phrase.of, entry.phrases):
                    key, at = phrase.key
                    found.setdefault(key, []).append((phrase, at, label, entry))
    return {key: tuple(phrases) for key, phrases in found.items()}


@cache
def _keys() -> frozenset[str]:
    """Without one of these a name speaks for nothing; what only speaks against can be left out."""
    return frozenset(
        key
        for key, phrases in _phrases().items()
        if any(entry.points > 0 for _, _, _, entry in phrases)
    )


@lru_cache(_NAMES)
def may_speak(name: str) -> bool:
    """Whether the name of an artist, an album or a list may bring up a label."""
    return not _keys().isdisjoint(words(fold(name)))


def _speak(title: str, names: tuple[str, ...]) -> bool:
    """Whether a title or one of the other names of its track holds anything that counts."""
    return not _keys().isdisjoint(words(fold(title))) or any(map(may_speak, names))


def _read_names(track: Track, found: dict[Label, list[Evidence]]) -> None:
    """Note what titles, artists, album and lists say; most say nothing, and that is found fast."""
    if not _speak(track.title, (*track.artists, track.album, *track.lists)):
        return
    seen: set[int] = set()
    phrases = _phrases()
    for places, part in _parts(track):
        for at, word in enumerate(part):
            for phrase, place, label, entry in phrases.get(word, ()):
                if (
                    entry.where in places
                    and id(entry) not in seen
                    and phrase.stands(part, at - place)
                ):
                    seen.add(id(entry))
                    _note(found, label, entry, " ".join(part[at - place :][: len(phrase.words)]))


def _parts(track: Track) -> Iterator[tuple[frozenset[Where], Words]]:
    title, album = cut(track.title), cut_again(track.album)
    for part in title.base:
        yield _IN_BASE, part
    for part in title.remarks:
        # What a guest is called says nothing of the track.
        yield _IN_REMARK, part[:1] if part[0] in _GUESTS else part
    for at, artist in enumerate(track.artists):
        yield (_IN_ARTIST if at else _IN_LEAD), words_again(artist)
    # A single is called like its song: that says nothing more.
    if album.base != title.base:
        for part in album.base:
            yield _IN_ALBUM_BASE, part
    for part in album.remarks:
        if part not in title.remarks:
            yield _IN_ALBUM_REMARK, part
    for name in track.lists:
        yield _IN_LIST, words_again(name)


def _note(found: dict[Label, list[Evidence]], label: Label, entry: Says, said: str) -> None:
    found.setdefault(label, []).append(Evidence(entry.where.value, said, entry.points))


# --- genres --------------------------------------------------------------------------------------


@cache
def _genre_entries() -> tuple[tuple[Phrase, Label, Says], ...]:
    return tuple(
        (phrase, label, entry)
        for label, entries in TABLE.items()
        for entry in entries
        if isinstance(entry, Says) and entry.where is Where.GENRE
        for phrase in map(Phrase.of, entry.phrases)
    )


def _read_genres(track: Track, found: dict[Label, list[Evidence]]) -> None:
    seen: set[int] = set()
    for genre in track.genres or ():
        for label, entry in _of_genre(genre):
            if id(entry) not in seen:
                seen.add(id(entry))
                _note(found, label, entry, genre)


@lru_cache(_GENRE_LISTS)
def _of_genre(genre: str) -> tuple[_Entry, ...]:
    """The entries of which a genre says a phrase."""
    part = tuple(words(fold(normalise_genre(genre))))
    return tuple(
        (label, entry)
        for phrase, label, entry in _genre_entries()
        if any(phrase.stands(part, at) for at in range(len(part)))
    )


_RAP = frozenset({"rap", "hop", "trap", "drill", "grime", "crunk", "hyphy", "plugg", "rapper"})
_CLASSICAL = frozenset(
    {"classical", "baroque", "romantic", "romanticism", "opera", "orchestra", "chamber", "choral"}
)
_WORDLESS = frozenset(
    {
        *("instrumental", "soundtrack", "scorecore", "ambient", "compositional", "fusion", "focus"),
        *("drone", "jazz", "prog", "classical"),
    }
)


@lru_cache(_GENRE_LISTS)
def _genre_words(genre: str) -> frozenset[str]:
    return frozenset(words(fold(normalise_genre(genre))))


def _any_genre(track: Track, those: frozenset[str]) -> bool:
    return any(not those.isdisjoint(_genre_words(genre)) for genre in track.genres or ())


# --- signs ---------------------------------------------------------------------------------------


_INTRODUCTIONS = frozenset({"introduction", "introductions", "intros", "monologue", "banter"})
_CONCERTS = frozenset({"live", "vivo", "concert"})


def _nothing_but_speech(track: Track) -> bool:
    return track.features is not None and (track.features.speechiness or 0) >= _ALL_SPEECH


def _mostly_speech(track: Track) -> bool:
    return track.features is not None and 0.66 <= (track.features.speechiness or 0) < _ALL_SPEECH


def _hardly_speech(track: Track) -> bool:
    speech = track.features.speechiness if track.features else None
    return speech is not None and 0 < speech < 0.3


def _audience(track: Track) -> bool:
    features = track.features
    return features is not None and (features.liveness or 0) >= 0.35


def _speech(track: Track) -> bool:
    return _nothing_but_speech(track) or _mostly_speech(track)


def _introduces_on_stage(track: Track) -> bool:
    said = set(words(fold(track.title)))
    return not said.isdisjoint(_INTRODUCTIONS) and not said.isdisjoint(_CONCERTS)


def _joins_songs(track: Track) -> bool:
    pieces, of_words = songs(track.title)
    return pieces >= 3 and of_words >= 2


def _names_its_artist(track: Track) -> bool:
    remarks = [set(part) for part in cut(track.title).remarks]
    names = [set(words(fold(artist))) for artist in track.artists]
    return any(name and name <= remark for name in names for remark in remarks)


_SIGNS: dict[Sign, Callable[[Track], bool]] = {
    Sign.SPEECH: _nothing_but_speech,
    Sign.TALK: _mostly_speech,
    Sign.SINGING: _hardly_speech,
    Sign.AUDIENCE: lambda track: _speech(track) and _audience(track),
    Sign.LIVE_SOUND: lambda track: (
        track.features is not None and (track.features.liveness or 0) >= 0.8
    ),
    Sign.SONGS: _joins_songs,
    Sign.SONG_AND_SKIT: lambda track: (
        songs(track.title)[0] == 2 and "skit" in words(fold(track.title))
    ),
    Sign.OWN_NAME: _names_its_artist,
    Sign.KNOWN_ARTIST: lambda track: any(not _of_genre(genre) for genre in track.genres or ()),
    Sign.ON_STAGE: _introduces_on_stage,
    Sign.NOBODY: lambda track: track.genres is not None and not any(track.genres),
    Sign.RAP: lambda track: _any_genre(track, _RAP),
    Sign.RAPPED: lambda track: _speech(track) and _any_genre(track, _RAP),
    Sign.CLASSICAL: lambda track: _any_genre(track, _CLASSICAL),
    Sign.WORDLESS: lambda track: _any_genre(track, _WORDLESS),
}


def _signs(label: Label, track: Track) -> Iterable[Evidence]:
    for entry in TABLE[label]:
        if not isinstance(entry, Shows):
            continue
        if entry.sign is Sign.WORK:
            work = track.work
            if work is not None and (
                share := by_work(label, work.tracks, work.plain.get(label, 0))
            ):
                yield Evidence(entry.sign.value, f"{work.plain[label]} of {work.tracks}", share)
        elif _SIGNS[entry.sign](track):
            yield Evidence(entry.sign.value, "", entry.points)


@cache
def _work_points() -> dict[Label, int]:
    """What a label is worth where all other tracks of the artist plainly deserve it."""
    return {
        label: entry.points
        for label, entries in TABLE.items()
        for entry in entries
        if isinstance(entry, Shows) and entry.sign is Sign.WORK
    }


def _verdict(label: Label, said: list[Evidence], track: Track) -> Verdict | None:
    evidence = (*said, *_signs(label, track))
    if all(each.points <= 0 for each in evidence):
        return None
    points = sum(each.points for each in evidence)
    return Verdict(label, min(max(points, 0), 100) / 100, evidence)
