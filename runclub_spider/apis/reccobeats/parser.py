"""ReccoBeats' answers in the catalogue's words. Pure; rows are joined by `href`, not by place."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from runclub_spider.apis.call import AnswerError
from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.catalog.models import AudioFeatures, TrackDetail

_HREF = re.compile(r"/track/([0-9A-Za-z]{22})(?:[/?#]|$)")
_COUNTRY = re.compile(r"\b[A-Z]{2}\b")


def _finite(value: Any) -> Any:
    """NaN and infinity have no place in JSON nor in a release."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ratio(value: Any) -> Any:
    value = _finite(value)
    return value if value is None or 0 <= value <= 1 else None


def _tempo(value: Any) -> Any:
    """0 BPM is how Spotify's analysis says that it found no beat."""
    value = _finite(value)
    return value if value else None


def _pitch(value: Any) -> Any:
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    return value if value in range(-1, 12) else None


def _percent(value: Any) -> Any:
    return value if isinstance(value, int) and 0 <= value <= 100 else None


def _mode(value: Any) -> Any:
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    return value if value in {0, 1} else None


Ratio = Annotated[float | None, BeforeValidator(_ratio)]


class WireFeatures(BaseModel):
    """A row of `GET /audio-features`; any number may be null (reference)."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = None
    href: str | None = None
    acousticness: Ratio = None
    danceability: Ratio = None
    energy: Ratio = None
    instrumentalness: Ratio = None
    liveness: Ratio = None
    speechiness: Ratio = None
    valence: Ratio = None
    loudness: Annotated[float | None, BeforeValidator(_finite)] = None
    tempo: Annotated[float | None, BeforeValidator(_tempo)] = None
    key: Annotated[int | None, BeforeValidator(_pitch)] = None
    mode: Annotated[int | None, BeforeValidator(_mode)] = None


@dataclass(frozen=True, slots=True)
class FeaturesAnswer:
    """Features found, ids that have none, and rows nobody asked for.

    `found` have a tempo and an energy; `partial` are rows of missed ids that have some numbers,
    but not both of these.
    """

    found: list[AudioFeatures]
    missed: list[str]
    stray: int
    partial: list[AudioFeatures] = field(default_factory=list)


class WireTrack(BaseModel):
    """A row of `GET /track`; `availableCountries` is one text with commas (reference)."""

    model_config = ConfigDict(extra="ignore")

    id: str
    href: str | None = None
    isrc: str | None = None
    popularity: Annotated[int | None, BeforeValidator(_percent)] = None
    durationMs: int | None = None  # noqa: N815 - the API's spelling
    availableCountries: str | None = None  # noqa: N815


def parse_tracks(body: bytes) -> list[TrackDetail]:
    """Read an answer of `GET /track`, in its order; rows of no known shape are left out."""
    found = []
    for raw in _rows(body):
        try:
            wire = WireTrack.model_validate(raw)
        except ValidationError:
            continue
        match = _HREF.search(wire.href or "")
        found.append(
            TrackDetail(
                recco_track_id=wire.id,
                track_id=match[1] if match else None,
                isrc=normalise_isrc(wire.isrc),
                popularity=wire.popularity,
                countries=tuple(sorted(set(_COUNTRY.findall(wire.availableCountries or "")))),
                duration_ms=wire.durationMs or None,
            )
        )
    return found


def _rows(body: bytes) -> list[Any]:
    """The list `content` of an answer."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise AnswerError(f"not JSON ({error})") from None
    rows = data.get("content") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise AnswerError("no list `content` in the answer")
    return rows


def parse_features(body: bytes, asked: Collection[str]) -> FeaturesAnswer:
    """Read one answer for the ids asked; a row without usable numbers counts as a miss."""
    wanted, found, partial, stray = set(asked), {}, {}, 0
    for raw in _rows(body):
        try:
            wire = WireFeatures.model_validate(raw)
        except (ValidationError, TypeError):
            stray += 1
            continue
        match = _HREF.search(wire.href or "")
        if not match or match[1] not in wanted:
            stray += 1
            continue
        features = _features(match[1], wire)
        if features.usable:
            found[match[1]] = features
        elif features.has_any:
            partial[match[1]] = features
    missed = [track_id for track_id in asked if track_id not in found]
    return FeaturesAnswer(
        found=[found[track_id] for track_id in asked if track_id in found],
        missed=missed,
        stray=stray,
        partial=[partial[track_id] for track_id in missed if track_id in partial],
    )


def _features(track_id: str, wire: WireFeatures) -> AudioFeatures:
    return AudioFeatures(
        track_id=track_id,
        recco_track_id=wire.id,
        tempo=wire.tempo,
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
