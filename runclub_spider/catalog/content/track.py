"""What is known of a track when its content is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runclub_spider.catalog.content.labels import Label


@dataclass(frozen=True, slots=True)
class Features:
    """Audio features, each 0-1, None where unknown."""

    speechiness: float | None = None
    instrumentalness: float | None = None
    energy: float | None = None
    liveness: float | None = None


def heard(speechiness: object, liveness: object) -> Features | None:
    """The features that matter here as a store holds them, in values of any type."""
    speech, audience = _number(speechiness), _number(liveness)
    if speech is None and audience is None:
        return None
    return Features(speechiness=speech, liveness=audience)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def genres_of(artists: Iterable[tuple[Sequence[str], bool]]) -> tuple[str, ...] | None:
    """The genres of a track's artists, each given with whether it was asked for any.

    None where some were not asked and the others have none: nothing follows from that.
    """
    known = list(artists)
    found = tuple([genre for genres, _ in known for genre in genres])
    return found if found or all(asked for _, asked in known) else None


@dataclass(frozen=True, slots=True)
class Work:
    """The artist's other tracks as far as they are known.

    Attributes:
        tracks: how many.
        plain: how many of them deserve a label by their names alone (:func:`.judge.plainly`).
    """

    tracks: int
    plain: Mapping[Label, int]


@dataclass(frozen=True, slots=True)
class Track:
    """A track; what is unknown stays out.

    Attributes:
        title: as the API serves it.
        artists: their names, the primary one first.
        album: its name.
        genres: of all artists, normalised; None when nobody was asked.
        features: None without.
        lists: names of the playlists and words of the searches that found it.
        work: of its primary artist.
    """

    title: str
    artists: tuple[str, ...] = ()
    album: str = ""
    genres: tuple[str, ...] | None = None
    features: Features | None = None
    lists: tuple[str, ...] = ()
    work: Work | None = None
