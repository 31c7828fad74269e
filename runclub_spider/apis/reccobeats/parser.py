"""ReccoBeats' answers in the catalogue's words. Pure; rows are joined by `href`, not by place."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from runclub_spider.apis.wire import (
    Listed,
    Milliseconds,
    Percent,
    Ratio,
    Reading,
    Record,
    Uuid,
    decode,
    isrc,
    read_exact,
    read_rows,
    rows_of,
)
from runclub_spider.catalog.models import AudioFeatures, TrackDetail
from runclub_spider.catalog.normalize import clean_text

_HREF = re.compile(r"/track/([0-9A-Za-z]{22})(?:[/?#]|$)")
_COUNTRY = re.compile(r"\b[A-Z]{2}\b")
#: Decibels of a whole track, and beats a minute: what any analysis could come to.
_QUIETEST, _LOUDEST, _SLOWEST, _FASTEST = -120, 20, 1, 1_000

Loudness = Annotated[float, Field(ge=_QUIETEST, le=_LOUDEST, allow_inf_nan=False)]
#: 0 is how Spotify's analysis says that it found no beat.
Tempo = Annotated[float, Field(ge=0, le=_FASTEST, allow_inf_nan=False)]
Pitch = Annotated[int, Field(ge=-1, le=11)]
Mode = Annotated[int, Field(ge=0, le=1)]


class WireFeatures(Record):
    """A row of `GET /audio-features`; any number may be null (reference)."""

    called: ClassVar[str] = "audio_features"

    id: Uuid | None = None
    href: str | None = None
    acousticness: Ratio | None = None
    danceability: Ratio | None = None
    energy: Ratio | None = None
    instrumentalness: Ratio | None = None
    liveness: Ratio | None = None
    speechiness: Ratio | None = None
    valence: Ratio | None = None
    loudness: Loudness | None = None
    tempo: Tempo | None = None
    key: Pitch | None = None
    mode: Mode | None = None


_NUMBERS = frozenset(WireFeatures.model_fields) - {"id", "href"}


class WireFeaturesAnswer(Record):
    """The answer of `GET /audio-features`, to be read in one go."""

    called: ClassVar[str] = "answer"

    content: list[WireFeatures | None]


@dataclass(slots=True)
class FeaturesAnswer(Reading):
    """Features found, ids that have none, and rows nobody asked for.

    `found` have a tempo and an energy; `partial` are rows of missed ids that have some numbers,
    but not both of these.
    """

    found: list[AudioFeatures]
    missed: list[str]
    stray: int
    partial: list[AudioFeatures] = field(default_factory=list)


class WireArtist(Record):
    """An artist of a track record."""

    called: ClassVar[str] = "track_detail_artist"

    name: str | None = None


class WireTrack(Record):
    """A row of `GET /track`; `availableCountries` is one text with commas (reference)."""

    called: ClassVar[str] = "track_detail"

    id: Uuid | None = None
    href: str | None = None
    trackTitle: str | None = None  # noqa: N815 - the API's spelling
    artists: Annotated[list[WireArtist], Listed] | None = None
    isrc: str | None = None
    popularity: Percent | None = None
    durationMs: Milliseconds | None = None  # noqa: N815
    availableCountries: str | None = None  # noqa: N815


@dataclass(slots=True)
class DetailsAnswer(Reading):
    """Track records in the order of the answer."""

    found: list[TrackDetail]


def parse_tracks(body: bytes) -> DetailsAnswer:
    """Read an answer of `GET /track`; rows that name no recording are left out."""
    answer = DetailsAnswer([])
    for wire in read_rows(WireTrack, rows_of(decode(body), "content"), answer):
        match, code = (
            _HREF.search(wire.href or ""),
            isrc(wire.isrc, answer.odd, "track_detail.isrc"),
        )
        if not match and code is None:
            answer.read -= 1
            answer.unreadable["track_detail.href"] += 1
            continue
        answer.found.append(
            TrackDetail(
                recco_track_id=wire.id,
                track_id=match[1] if match else None,
                isrc=code,
                popularity=wire.popularity,
                countries=tuple(sorted(set(_COUNTRY.findall(wire.availableCountries or "")))),
                duration_ms=wire.durationMs or None,
                title=clean_text(wire.trackTitle or ""),
                artists=tuple(clean_text(one.name) for one in wire.artists or () if one.name),
            )
        )
    return answer


def parse_features(body: bytes, asked: Collection[str]) -> FeaturesAnswer:
    """Read one answer for the ids asked; a row without usable numbers counts as a miss."""
    answer = FeaturesAnswer([], [], stray=0)
    wires = _exact_features(body, answer)
    if wires is None:
        rows = rows_of(decode(body), "content")
        answer.stray = len(rows)
        wires = read_rows(WireFeatures, rows, answer)
    wanted, found, partial = set(asked), dict[str, AudioFeatures](), dict[str, AudioFeatures]()
    for wire in wires:
        match = _HREF.search(wire.href or "")
        if not match or _is_bare(wire):
            answer.read -= 1
            answer.unreadable["audio_features.tempo" if match else "audio_features.href"] += 1
        if not match or match[1] not in wanted:
            continue
        answer.stray -= 1
        features = _features(match[1], wire)
        if features.usable:
            found[match[1]] = features
        elif features.has_any:
            partial[match[1]] = features
    answer.found = [found[track_id] for track_id in asked if track_id in found]
    answer.missed = [track_id for track_id in asked if track_id not in found]
    answer.partial = [partial[track_id] for track_id in answer.missed if track_id in partial]
    return answer


def _is_bare(wire: WireFeatures) -> bool:
    """Whether a row lacks all keys of numbers; of one that was read in one go that is known."""
    return isinstance(wire, WireFeatures) and _NUMBERS.isdisjoint(wire.model_fields_set)


def _exact_features(body: bytes, answer: FeaturesAnswer) -> list[WireFeatures] | None:
    """The rows of an answer with nothing odd about it; None for any other."""
    exact = read_exact(WireFeaturesAnswer, body)
    if exact is None:
        return None
    wires = [wire for wire in exact.content if wire is not None]
    if not all(any(getattr(wire, name) is not None for name in _NUMBERS) for wire in wires):
        # Whether its numbers are null or their keys are missing is told row by row.
        return None
    answer.read, answer.stray = len(wires), len(exact.content)
    return wires


def _features(track_id: str, wire: WireFeatures) -> AudioFeatures:
    return AudioFeatures(
        track_id=track_id,
        recco_track_id=wire.id,
        tempo=wire.tempo if wire.tempo and wire.tempo >= _SLOWEST else None,
        energy=wire.energy,
        danceability=wire.danceability,
        valence=wire.valence,
        loudness=wire.loudness,
        acousticness=wire.acousticness,
        instrumentalness=wire.instrumentalness,
        liveness=wire.liveness,
        speechiness=wire.speechiness,
        key=wire.key,
        mode=wire.mode,
        # Never returned by ReccoBeats; the app's model has the field.
        time_signature=None,
    )
