"""ListenBrainz' answers in the catalogue's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from runclub_spider.apis.wire import (
    MBID,
    MOST_GENRE,
    MOST_WHOLE,
    Listed,
    Mbid,
    Reading,
    Record,
    Unreadable,
    admit,
    decode,
    word,
    year,
)
from runclub_spider.catalog.normalize import clean_text
from runclub_spider.catalog.original import year_of
from runclub_spider.catalog.recordings import Metadata, Person, Tag


class _Artist(Record):
    called: ClassVar[str] = "lb_artist"

    artist_mbid: Mbid
    name: str | None = None
    type: str | None = None
    begin_year: int | None = None


class _Artists(Record):
    called: ClassVar[str] = "lb_artist"

    artists: Annotated[list[_Artist], Listed] | None = None


class _Recording(Record):
    called: ClassVar[str] = "lb_recording"

    first_release_date: str | None = None


class _Tag(Record):
    called: ClassVar[str] = "lb_tag"

    tag: str
    count: Annotated[int, Field(ge=-MOST_WHOLE, le=MOST_WHOLE)] | None = None
    genre_mbid: Mbid | None = None
    artist_mbid: Mbid | None = None


Tags = Annotated[list[_Tag], Listed]


class _Tags(Record):
    called: ClassVar[str] = "lb_tag"

    recording: Tags | None = None
    release_group: Tags | None = None
    artist: Tags | None = None


class _Metadata(Record):
    called: ClassVar[str] = "lb_metadata"

    recording: _Recording | None = None
    artist: _Artists | None = None
    tag: _Tags | None = None


@dataclass(slots=True)
class MetadataAnswer(Reading):
    """What is known of recordings, by MBID."""

    found: list[Metadata]


def parse_metadata(body: bytes) -> MetadataAnswer:
    """Read an answer of `POST /metadata/recording/`; records of no known shape are left out.

    Raises:
        AnswerError: no JSON object.
    """
    data = decode(body)
    answer = MetadataAnswer([])
    for mbid in sorted(data):
        try:
            if not MBID.fullmatch(mbid):
                raise Unreadable("lb_metadata.mbid")
            wire = admit(_Metadata, data[mbid], answer.odd)
        except Unreadable as error:
            answer.refuse(error.field)
            continue
        answer.read += 1
        people = wire.artist.artists if wire.artist else None
        date = wire.recording.first_release_date if wire.recording else None
        answer.found.append(
            Metadata(
                mbid,
                tuple(_people(people or (), answer)),
                year(year_of(date), answer.odd, "lb_recording.first_release_date"),
                tuple(_genres(mbid, wire.tag or _Tags())),
            )
        )
    return answer


def _people(wires: Iterable[_Artist], answer: MetadataAnswer) -> Iterable[Person]:
    """Each artist once."""
    odd = answer.odd
    for one in {wire.artist_mbid: wire for wire in wires}.values():
        began = year(one.begin_year, odd, "lb_artist.begin_year", first=1)
        kind = word(one.type, odd, "lb_artist.type")
        yield Person(one.artist_mbid, clean_text(one.name or ""), kind, began)


def _genres(mbid: str, tags: _Tags) -> Iterable[Tag]:
    """Tags that are official genres: those with a `genre_mbid`."""
    lists = (("recording", tags.recording), ("release_group", tags.release_group))
    for entity, rows in lists:
        yield from (tag for one in rows or () if (tag := _genre(entity, mbid, one)))
    for one in tags.artist or ():
        if one.artist_mbid and (tag := _genre("artist", one.artist_mbid, one)):
            yield tag


def _genre(entity: str, mbid: str, wire: _Tag) -> Tag | None:
    name = clean_text(wire.tag)
    if not wire.genre_mbid or not wire.count or wire.count < 1 or not 0 < len(name) <= MOST_GENRE:
        return None
    return Tag(entity, mbid, name, wire.count)
