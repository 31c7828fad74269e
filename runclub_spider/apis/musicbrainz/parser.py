"""MusicBrainz' answers in the catalogue's words. Pure.

`score` is relative to the best row of an answer, so it says nothing in a batch and is not read;
rows are joined by what they carry, not by their order, which follows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.musicbrainz.calls import ROWS
from runclub_spider.apis.wire import (
    MOST_GENRE,
    MOST_WHOLE,
    Listed,
    Mbid,
    Milliseconds,
    Oddities,
    Reading,
    Record,
    Unreadable,
    admit,
    decode,
    isrc,
    read_rows,
    rows_of,
    texts,
    word,
    year,
)
from runclub_spider.catalog.normalize import clean_text
from runclub_spider.catalog.original import year_of
from runclub_spider.catalog.recordings import Person, Recording, Tag

_SPOTIFY_ARTIST = re.compile(r"https?://open\.spotify\.com/artist/([0-9A-Za-z]{22})(?:[/?#]|$)")


@dataclass(slots=True)
class Page(Reading):
    """One answer of a search: the recordings, rows served, and how many there are in all."""

    recordings: tuple[Recording, ...]
    rows: int
    count: int
    offset: int = 0

    @property
    def partial(self) -> bool:
        """Whether rows are missing that the answer itself counts and had room for."""
        return self.rows < min(ROWS, self.count - self.offset)

    @property
    def next_offset(self) -> int | None:
        """Where the rows go on; None when these were the last."""
        end = self.offset + self.rows
        return end if self.rows and end < self.count else None


class _Artist(Record):
    called: ClassVar[str] = "mb_artist"

    id: Mbid
    name: str | None = None


class _Credit(Record):
    called: ClassVar[str] = "mb_credit"

    artist: _Artist
    name: str | None = None


class _Tag(Record):
    called: ClassVar[str] = "mb_tag"

    name: str
    # Votes may be against a tag.
    count: Annotated[int, Field(ge=-MOST_WHOLE, le=MOST_WHOLE)] | None = None


class _Recording(Record):
    """A search row; most fields are absent where there is nothing to say."""

    called: ClassVar[str] = "mb_recording"

    id: Mbid
    title: str
    disambiguation: str | None = None
    length: Milliseconds | None = None
    video: bool | None = None
    credit: Annotated[list[_Credit], Listed] | None = Field(default=None, alias="artist-credit")
    first_release: str | None = Field(default=None, alias="first-release-date")
    isrcs: list[Any] | None = None
    tags: Annotated[list[_Tag], Listed] | None = None


class _Span(Record):
    called: ClassVar[str] = "mb_span"

    begin: str | None = None


class _Person(Record):
    called: ClassVar[str] = "mb_artist"

    id: Mbid
    name: str
    type: str | None = None
    span: _Span | None = Field(default=None, alias="life-span")
    tags: Annotated[list[_Tag], Listed] | None = None


class _Related(Record):
    called: ClassVar[str] = "mb_relation"

    artist: _Artist


class _Address(Record):
    called: ClassVar[str] = "mb_url"

    resource: str
    relations: list[Any] | None = None


class _Genre(Record):
    called: ClassVar[str] = "mb_genre"

    name: str


@dataclass(slots=True)
class People(Reading):
    """Artists of an answer."""

    found: list[Person]


@dataclass(slots=True)
class Links(Reading):
    """Spotify artist -> artist's MBID."""

    found: dict[str, str]


@dataclass(slots=True)
class Genres(Reading):
    """Names on a page of the official list, its rows, and how many there are in all."""

    names: tuple[str, ...]
    rows: int
    count: int


def parse_recordings(body: bytes) -> Page:
    """Read an answer of `/recording?query=`; music videos are left out.

    Raises:
        AnswerError: no JSON, or without the list and its count.
    """
    data = decode(body)
    rows = rows_of(data, "recordings")
    page = Page((), len(rows), count=0)
    found = []
    for wire in read_rows(_Recording, rows, page):
        if wire.video:
            continue
        codes = {isrc(one, page.odd, "mb_recording.isrcs") for one in texts(wire.isrcs or ())}
        found.append(
            Recording(
                mbid=wire.id,
                title=clean_text(wire.title),
                remark=clean_text(wire.disambiguation or ""),
                credit=_credit(wire.credit or ()),
                length_ms=wire.length or None,
                year=_year(wire.first_release, page.odd),
                isrcs=tuple(sorted(code for code in codes if code)),
                tags=_tags("recording", wire.id, wire.tags or (), page.odd),
                credited=_credited(wire.credit or ()),
            )
        )
    page.recordings = tuple(found)
    page.offset = _count(data, "offset", page.odd, told=0, default=0)
    page.count = _count(data, "count", page.odd, told=page.offset + len(rows))
    return page


def parse_artists(body: bytes) -> People:
    """Read an answer of `/artist?query=`; rows of no known shape are left out.

    Raises:
        AnswerError: no JSON, or without the list.
    """
    answer = People([])
    for wire in read_rows(_Person, rows_of(decode(body), "artists"), answer):
        begin = year_of(wire.span.begin if wire.span else None)
        answer.found.append(
            Person(
                wire.id,
                clean_text(wire.name),
                word(wire.type, answer.odd, "mb_artist.type"),
                year(begin, answer.odd, "mb_artist.life-span", first=1),
                _tags("artist", wire.id, wire.tags or (), answer.odd),
            )
        )
    return answer


def parse_urls(body: bytes) -> Links:
    """Read an answer of `/url`: Spotify artist -> artist's MBID.

    An address that leads to several artists leads to none.

    Raises:
        AnswerError: no JSON.
    """
    data = decode(body)
    answer = Links({})
    urls = data.get("urls")
    for wire in read_rows(_Address, urls if isinstance(urls, list) else [data], answer):
        match = _SPOTIFY_ARTIST.match(wire.resource)
        targets = {mbid for one in wire.relations or () if (mbid := _target(one)) is not None}
        if match and len(targets) == 1:
            answer.found[match[1]] = targets.pop()
    return answer


def _target(relation: object) -> str | None:
    """The artist that a relation leads to; it may lead to something else."""
    try:
        return admit(_Related, relation, Oddities()).artist.id
    except Unreadable:
        return None


def parse_genres(body: bytes) -> Genres:
    """Read an answer of `/genre/all`: names, and how many there are in all.

    Raises:
        AnswerError: no JSON, or without the list and its count.
    """
    data = decode(body)
    rows = rows_of(data, "genres")
    answer = Genres((), len(rows), count=0)
    names = (clean_text(one.name) for one in read_rows(_Genre, rows, answer))
    answer.names = tuple(name for name in names if 0 < len(name) <= MOST_GENRE)
    answer.count = _count(data, "genre-count", answer.odd, told=len(rows))
    return answer


def _credit(found: Sequence[_Credit]) -> tuple[tuple[str, str], ...]:
    """MBID and name of each artist, once."""
    names: dict[str, str] = {}
    for one in found:
        name = clean_text(one.artist.name or "") or clean_text(one.name or "")
        names[one.artist.id] = names.get(one.artist.id) or name
    return tuple(names.items())


def _credited(found: Sequence[_Credit]) -> tuple[tuple[str, str], ...]:
    """MBID and credited name of each artist who is credited by another name, once."""
    names: dict[str, str] = {}
    for one in found:
        own, name = clean_text(one.artist.name or ""), clean_text(one.name or "")
        if own and name and name != own:
            names.setdefault(one.artist.id, name)
    return tuple(names.items())


def _year(date: str | None, odd: Oddities) -> int | None:
    return year(year_of(date), odd, "mb_recording.first-release-date")


def _tags(entity: str, mbid: str, found: Sequence[_Tag], odd: Oddities) -> tuple[Tag, ...]:
    """Tags with more votes for them than against."""
    tags = []
    for one in found:
        name = clean_text(one.name)
        if not name or len(name) > MOST_GENRE:
            odd.dropped["mb_tag.name"] += 1
        elif one.count is not None and one.count > 0:
            tags.append(Tag(entity, mbid, name, one.count))
    return tuple(tags)


def _count(
    data: Mapping[str, Any], name: str, odd: Oddities, *, told: int, default: int | None = None
) -> int:
    """A number of rows; one that is none is what the rows themselves tell."""
    number = data.get(name, default)
    if number is None:
        raise AnswerError(f"no number `{name}` in the answer")
    if type(number) is int and 0 <= number <= MOST_WHOLE:
        return number
    odd.dropped[f"mb_page.{name}"] += 1
    return told
