"""ListenBrainz' answers in the catalogue's words. Pure."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from runclub_spider.apis.call import AnswerError
from runclub_spider.catalog.original import year_of
from runclub_spider.catalog.recordings import Metadata, Person, Tag


class _Artist(BaseModel):
    model_config = ConfigDict(extra="ignore")

    artist_mbid: str
    name: str = ""
    type: str | None = None
    begin_year: int | None = None


class _Artists(BaseModel):
    model_config = ConfigDict(extra="ignore")

    artists: list[_Artist] = []


class _Recording(BaseModel):
    model_config = ConfigDict(extra="ignore")

    first_release_date: str | None = None


class _Tag(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tag: str
    count: int = 0
    genre_mbid: str | None = None
    artist_mbid: str | None = None


class _Tags(BaseModel):
    model_config = ConfigDict(extra="ignore")

    recording: list[_Tag] = []
    release_group: list[_Tag] = []
    artist: list[_Tag] = []


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")

    recording: _Recording = _Recording()
    artist: _Artists = _Artists()
    tag: _Tags = _Tags()


def parse_metadata(body: bytes) -> list[Metadata]:
    """Read an answer of `POST /metadata/recording/`; records of no known shape are left out.

    Raises:
        AnswerError: no JSON object.
    """
    try:
        data: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise AnswerError(f"not JSON ({error})") from None
    if not isinstance(data, dict):
        raise AnswerError("no object in the answer")
    found = []
    for mbid in sorted(data):
        try:
            wire = _Metadata.model_validate(data[mbid])
        except ValidationError:
            continue
        people = tuple(
            Person(one.artist_mbid, one.name, one.type, one.begin_year)
            for one in wire.artist.artists
        )
        year = year_of(wire.recording.first_release_date)
        found.append(Metadata(mbid, people, year, tuple(_genres(mbid, wire.tag))))
    return found


def _genres(mbid: str, tags: _Tags) -> list[Tag]:
    """Tags that are official genres: those with a `genre_mbid`."""
    lists = (("recording", tags.recording), ("release_group", tags.release_group))
    found = [
        Tag(entity, mbid, one.tag, one.count)
        for entity, rows in lists
        for one in rows
        if one.genre_mbid and one.count > 0
    ]
    found += [
        Tag("artist", one.artist_mbid, one.tag, one.count)
        for one in tags.artist
        if one.genre_mbid and one.artist_mbid and one.count > 0
    ]
    return found
