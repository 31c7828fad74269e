"""Recordings, their artists and tags, as open metadata knows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of an entity (`recording`, `release_group`, `artist`) with its votes.

    A release group is named by the MBID of the recording that was asked for.
    """

    entity: str
    mbid: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Person:
    """An artist: a person or a group; the year of birth or of founding, where known."""

    mbid: str
    name: str
    kind: str | None
    begin_year: int | None
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording; `credit` holds (artist's MBID, name) in order, ISRCs are in upper case.

    `credited` holds (artist's MBID, name) of those whom the recording calls by another name: Ye,
    credited as Kanye West. `remark` tells it from its like ("live, 1985-07-13: …"); year and
    length are None if unknown.
    """

    mbid: str
    title: str
    remark: str
    credit: tuple[tuple[str, str], ...]
    length_ms: int | None
    year: int | None
    isrcs: tuple[str, ...]
    tags: tuple[Tag, ...]
    credited: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What its artists are called, by their own names and by those it credits them with."""
        return tuple(name for _, name in (*self.credit, *self.credited))


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of a recording: its artists in order, its year, and its official genres.

    The year is None where only the year is known: ListenBrainz builds no date without a day.
    """

    mbid: str
    artists: tuple[Person, ...]
    year: int | None
    tags: tuple[Tag, ...]
