"""When a song first came out, from what open data says of its recordings. Pure.

Spotify's album year is that of the edition: a remaster or a compilation bears the year in which it
was made. MusicBrainz dates a recording by its earliest release, but a remaster has an ISRC, and
often a recording, of its own. So the answers to two questions are put together, the recordings
that bear the track's ISRC and those of its title and artist, and the oldest wins: published
measurements found 87.2 % of years exact that way, and 82.0 % by the first answer that comes.

Nothing is guessed. A recording counts by its title only when title, artist and length agree and
it is no other performance; a year before the artist began is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from urllib.parse import quote

from runclub_spider.catalog.versions import artist_words, describe

#: Recordings of one song, as the length of another edition of it may differ.
SAME_SONG_MS = 8_000
#: No recording is older; a smaller number is a slip of the pen.
FIRST_YEAR = 1900
#: A person begins with birth and makes no records before this age.
YOUNGEST = 8
#: Confidence by what a year rests on: shares of exact years in published measurements.
BOTH, ONE = 0.87, 0.82
#: Two questions with one answer, or an answer that the album's own year repeats.
AGREED = 0.95
#: The album came out before every recording that was found: they are later editions.
FROM_ALBUM = 0.8
#: Of an answer whose length is not known.
UNMEASURED = 0.1
#: How far an edition's year may be from the original's to be taken for it.
NEAR = 1

_MOST_WORDS = 8
_TITLE_BYTES, _ARTIST_BYTES = 110, 70
_REMARK = re.compile(r"[(\[{]|\s-+\s|\bfeat\b|\bft\b", re.IGNORECASE)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Words that make another performance: a song's age is not that of its concert or its cover.
_PERFORMANCE = _listed(
    "live acoustic unplugged demo demos session sessions rehearsal take outtake instrumental"
    " instrumentals karaoke cover tribute remix remixed mix rework reworked dub mashup bootleg"
    " rerecorded revisited redux reimagined orchestral symphonic acapella stripped spedup slowed"
    " nightcore reverb extended vip flip refix medley commentary performance version"
)
#: Said of the recording itself.
_SAME = _listed("album single original lp mono stereo radio edit edited explicit clean")


class YearSource(StrEnum):
    """What an original year rests on."""

    ISRC = "isrc"
    TITLE = "title"
    BOTH = "isrc+title"
    ALBUM = "album"


@dataclass(frozen=True, slots=True)
class Question:
    """A song to look up by title and artist, with the ISRCs that were not found by themselves.

    `key` is equal for tracks that ask the same.
    """

    key: str
    title: str
    artist: str
    isrcs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dated:
    """A recording that answers for a track; year or length None where not known."""

    mbid: str
    year: int | None
    length_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Original:
    """The year a song first came out, what it rests on, and how sure it is, 0-1.

    `mbid` is the recording that decided; None when the album did.
    """

    year: int
    source: YearSource
    confidence: float
    mbid: str | None


def question(name: str, artist: str, isrcs: Sequence[str] = ()) -> Question | None:
    """What to ask for a track; None when title or artist name nothing that can be asked."""
    title, people = search_title(name), _cut(artist, _ARTIST_BYTES)
    base, words = describe(name).base, artist_words(artist)
    if not title or not people or not base or not words:
        return None
    # Hashed: what is forgotten must not go on standing in a list of questions.
    said = f"{' '.join(sorted(words))}|{base}"
    return Question(blake2b(said.encode(), digest_size=16).hexdigest(), title, people, tuple(isrcs))


def search_title(name: str) -> str:
    """A title without guests and remarks, cut to what a query takes."""
    base = describe(name).base
    # A bracket may be part of the title: "(Only) Words".
    heads = (name[: mark.start()].strip() for mark in _REMARK.finditer(name))
    kept = next((head for head in heads if head and describe(head).base == base), name)
    return _cut(kept, _TITLE_BYTES)


def _cut(text: str, most: int) -> str:
    """The first words, as many as fit into so many bytes of a URL; of a long one its beginning.

    Scripts without spaces write a title as one word, nine bytes a sign.
    """
    words = text.split()[:_MOST_WORDS]
    while len(words) > 1 and len(quote(" ".join(words))) > most:
        words.pop()
    kept = " ".join(words)
    while len(quote(kept)) > most:
        kept = kept[:-1]
    return kept


def same_song(
    name: str,
    artists: Sequence[str],
    duration_ms: int,
    *,
    title: str,
    remark: str,
    credited: Sequence[str],
    length_ms: int | None,
) -> bool:
    """Whether a recording found by its title is a track's song in the same performance.

    Args:
        name: the track's title.
        artists: its artists, the primary one first.
        duration_ms: its length.
        title: of the recording.
        remark: what tells the recording from its like ("live, 1985-07-13: …"), or nothing.
        credited: names of the recording's artists.
        length_ms: of the recording, where known.
    """
    ours, theirs = describe(name), describe(title)
    if not ours.base or ours.base != theirs.base:
        return False
    tags = (*theirs.tags, *describe(f"x ({remark})").tags) if remark else theirs.tags
    if _performance(ours.tags) != _performance(tags):
        return False
    if length_ms is not None and abs(length_ms - duration_ms) > SAME_SONG_MS:
        return False
    wanted = artist_words(artists[0]) if artists else frozenset[str]()
    return bool(wanted) and any(wanted == artist_words(one) for one in credited)


def same_code(
    name: str,
    artists: Sequence[str],
    duration_ms: int,
    *,
    title: str,
    credited: Sequence[str],
    length_ms: int | None,
) -> bool:
    """Whether a recording that bears a track's ISRC is its recording.

    Codes are used twice and land on the wrong row: title or artist must agree, and the length.
    """
    if length_ms is not None and abs(length_ms - duration_ms) > 2 * SAME_SONG_MS:
        return False
    if describe(name).base == describe(title).base:
        return True
    wanted = {artist_words(one) for one in artists} - {frozenset[str]()}
    return any(artist_words(one) in wanted for one in credited)


def _performance(tags: Iterable[str]) -> frozenset[str]:
    words = {word for tag in tags for word in tag.split()} - _SAME
    found = words & _PERFORMANCE
    # "2011 remaster", "single version": the recording itself. "spanish version" is another.
    return frozenset(words - {"remaster", "version"} if "version" in found else found)


def original_year(
    album_year: int | None,
    by_isrc: Sequence[Dated],
    by_title: Sequence[Dated],
    *,
    began: int | None,
    this_year: int,
) -> Original | None:
    """The older of both answers, and never younger than the album; None when nothing is known.

    Args:
        album_year: of the track's album as served.
        by_isrc: recordings that bear the track's ISRC.
        by_title: recordings of its title and artist.
        began: first year of which the artist may have recordings.
        this_year: no year is later.
    """
    first = _oldest(by_isrc, began, this_year)
    second = _oldest(by_title, began, this_year)
    found = [one for one in (first, second) if one is not None]
    if not found:
        return None
    best = min(found, key=lambda one: (one.year, one.length_ms is None, one.mbid))
    year = best.year or 0
    if album_year is not None and year > album_year:
        return Original(album_year, YearSource.ALBUM, FROM_ALBUM, None)
    if len(found) == 1:
        source = YearSource.TITLE if first is None else YearSource.ISRC
        sure = ONE
    else:
        source = YearSource.BOTH if found[0].year == found[1].year else _of(best, first)
        sure = AGREED if source is YearSource.BOTH else BOTH
    if year == album_year:
        sure = AGREED
    elif best.length_ms is None and source is not YearSource.BOTH:
        sure -= UNMEASURED
    return Original(year, source, round(sure, 4), best.mbid)


def _of(best: Dated, by_isrc: Dated | None) -> YearSource:
    return YearSource.ISRC if best is by_isrc else YearSource.TITLE


def _oldest(answers: Sequence[Dated], began: int | None, this_year: int) -> Dated | None:
    earliest = max(FIRST_YEAR, began or FIRST_YEAR)
    dated = [one for one in answers if one.year is not None and earliest <= one.year <= this_year]
    return min(dated, key=lambda o: (o.year or 0, o.length_ms is None, o.mbid), default=None)


def first_possible(begin_year: int | None, kind: str | None) -> int | None:
    """The first year of which an artist may have recordings; None when unknown."""
    if begin_year is None:
        return None
    return begin_year + YOUNGEST if kind == "Person" else begin_year


def suspect(
    name: str, album_year: int | None, isrc: str | None, *, compilation: bool, found: int | None
) -> bool:
    """Whether the year that the ISRC gave may be that of a later edition.

    A remaster by its title, a compilation, or a code that was assigned before the year found.
    """
    if compilation or any("remaster" in tag for tag in describe(name).tags):
        return True
    if isrc is None:
        return True
    newest = min(year for year in (album_year, found, 9999) if year is not None)
    assigned = int(isrc[5:7])
    assigned += 2000 if assigned < 40 else 1900
    return newest != 9999 and newest - assigned > NEAR


def original_edition_term(name: str, artist: str, year: int) -> str:
    """The track search that looks for a song's original edition: its year, one before, one after.

    Quotation marks would end a phrase and are left out.
    """
    title, people = (text.replace('"', " ") for text in (search_title(name), artist))
    words = (" ".join(title.split()), " ".join(people.split()))
    return f'track:"{words[0]}" artist:"{words[1]}" year:{year - NEAR}-{year + NEAR}'


def year_of(date: str | None) -> int | None:
    """The year of `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; None for anything else."""
    found = re.match(r"(\d{4})(?:-|$)", date or "", re.ASCII)
    return int(found[1]) or None if found else None
