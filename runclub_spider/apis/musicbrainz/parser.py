"""MusicBrainz' answers in the catalogue's words. Pure.

`score` is relative to the best row of an answer, so it says nothing in a batch and is not read;
rows are joined by what they carry, not by their order, which follows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.musicbrainz.calls import ROWS
from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.catalog.original import year_of
from runclub_spider.catalog.recordings import Person, Recording, Tag

_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SPOTIFY_ARTIST = re.compile(r"https?://open\.spotify\.com/artist/([0-9A-Za-z]{22})(?:[/?#]|$)")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a search: rows read, rows of no known shape, and how many there are in all."""

    recordings: tuple[Recording, ...]
    rows: int
    unread: int
    count: int
    offset: int

    @property
    def partial(self) -> bool:
        """Whether rows are missing that the answer itself counts and had room for."""
        return self.rows < min(ROWS, self.count - self.offset)

    @property
    def next_offset(self) -> int | None:
        """Where the rows go on; None when these were the last."""
        end = self.offset + self.rows
        return end if self.rows and end < self.count else None


class _Artist(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    name: str = ""


class _Credit(BaseModel):
    model_config = ConfigDict(extra="ignore")

    artist: _Artist
    name: str | None = None


class _Tag(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    count: int = 0


class _Recording(BaseModel):
    """A search row; most fields are absent where there is nothing to say."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    id: str
    title: str
    disambiguation: str | None = None
    length: int | None = None
    video: bool | None = None
    credit: list[_Credit] = Field(default=[], alias="artist-credit")
    first_release: str | None = Field(default=None, alias="first-release-date")
    isrcs: list[str] | None = None
    tags: list[_Tag] | None = None


class _Span(BaseModel):
    model_config = ConfigDict(extra="ignore")

    begin: str | None = None


class _Person(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    id: str
    name: str
    type: str | None = None
    span: _Span | None = Field(default=None, alias="life-span")
    tags: list[_Tag] | None = None


def parse_recordings(body: bytes) -> Page:
    """Read an answer of `/recording?query=`; music videos are left out.

    Raises:
        AnswerError: no JSON, or without the list and its count.
    """
    data = _object(body)
    rows = _rows(data, "recordings")
    found, unread = [], 0
    for raw in rows:
        try:
            wire = _Recording.model_validate(raw)
        except ValidationError:
            unread += 1
            continue
        if wire.video or not _MBID.fullmatch(wire.id):
            continue
        codes = {normalise_isrc(one) for one in wire.isrcs or ()}
        found.append(
            Recording(
                mbid=wire.id,
                title=wire.title,
                remark=wire.disambiguation or "",
                credit=tuple(
                    (one.artist.id, one.artist.name or one.name or "") for one in wire.credit
                ),
                length_ms=wire.length or None,
                year=year_of(wire.first_release),
                isrcs=tuple(sorted(code for code in codes if code)),
                tags=_tags("recording", wire.id, wire.tags),
            )
        )
    return Page(tuple(found), len(rows), unread, _count(data, "count"), _count(data, "offset", 0))


def parse_artists(body: bytes) -> list[Person]:
    """Read an answer of `/artist?query=`; rows of no known shape are left out.

    Raises:
        AnswerError: no JSON, or without the list.
    """
    found = []
    for raw in _rows(_object(body), "artists"):
        try:
            wire = _Person.model_validate(raw)
        except ValidationError:
            continue
        begin = wire.span.begin if wire.span else None
        tags = _tags("artist", wire.id, wire.tags)
        found.append(Person(wire.id, wire.name, wire.type, year_of(begin), tags))
    return found


def parse_urls(body: bytes) -> dict[str, str]:
    """Read an answer of `/url`: Spotify artist -> artist's MBID.

    An address that leads to several artists leads to none.

    Raises:
        AnswerError: no JSON.
    """
    data = _object(body)
    found: dict[str, str] = {}
    for raw in data["urls"] if isinstance(data.get("urls"), list) else [data]:
        match = _SPOTIFY_ARTIST.match(str(raw.get("resource", "")))
        targets = {
            str(one["artist"]["id"])
            for one in raw.get("relations") or ()
            if isinstance(one, dict) and isinstance(one.get("artist"), dict)
        }
        if match and len(targets) == 1:
            found[match[1]] = targets.pop()
    return found


def parse_genres(body: bytes) -> tuple[tuple[str, ...], int]:
    """Read an answer of `/genre/all`: names, and how many there are in all.

    Raises:
        AnswerError: no JSON, or without the list and its count.
    """
    data = _object(body)
    names = [str(one.get("name", "")) for one in _rows(data, "genres") if isinstance(one, dict)]
    return tuple(filter(None, names)), _count(data, "genre-count")


def _tags(entity: str, mbid: str, found: list[_Tag] | None) -> tuple[Tag, ...]:
    return tuple(Tag(entity, mbid, one.name, one.count) for one in found or () if one.count > 0)


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise AnswerError(f"not JSON ({error})") from None
    if not isinstance(data, dict):
        raise AnswerError("no object in the answer")
    return data


def _rows(data: dict[str, Any], name: str) -> list[Any]:
    rows = data.get(name)
    if not isinstance(rows, list):
        raise AnswerError(f"no list `{name}` in the answer")
    return rows


def _count(data: dict[str, Any], name: str, default: int | None = None) -> int:
    number = data.get(name, default)
    if not isinstance(number, int):
        raise AnswerError(f"no number `{name}` in the answer")
    return number
