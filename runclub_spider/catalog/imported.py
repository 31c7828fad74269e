"""Audio features from elsewhere: what a row may hold, and what of it a track gets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.catalog.models import FEATURES

Number = float | int


class KeyKind(StrEnum):
    """By what a row names its track; what is found by an earlier one goes first."""

    ID = "id"
    ISRC = "isrc"
    MBID = "mbid"


#: Names of the column that holds the key, the first one that a file has counts.
KEY_COLUMNS = {
    KeyKind.ID: ("track_id", "spotify_track_id", "trackId", "id"),
    KeyKind.ISRC: ("isrc",),
    KeyKind.MBID: ("mbid", "recording_mbid"),
}
#: Columns of `audio_features`, and keys of the other kinds, that are known and not taken.
PASSED_OVER = frozenset({"recco_track_id", "version", "fetched_at", "borrowed_from"}).union(
    *KEY_COLUMNS.values()
)
#: By the name of a column the feature that it holds; `audio_features.jsonl` spells one its own way.
FEATURE_COLUMNS = {**{name: name for name in FEATURES}, "timeSignature": "time_signature"}

_RATIO = (0, 1)
# Decibels of a whole track, and beats a minute: what any analysis could come to.
_LIMITS: dict[str, tuple[Number, Number]] = {
    **dict.fromkeys(FEATURES, _RATIO),
    "tempo": (0, 1000),
    "loudness": (-120, 20),
    "key": (-1, 11),
    "time_signature": (0, 7),
}
_WHOLE = frozenset({"key", "mode", "time_signature"})
# A slower one is how an analysis says that it found no beat.
_SLOWEST = 1
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")
_SPOTIFY_ID = re.compile(r"[0-9A-Za-z]{22}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# Features that are one statement: a key with the mode of another analysis would be a wrong one.
_TOGETHER = (("key", "mode"), *((name,) for name in FEATURES if name not in {"key", "mode"}))


@dataclass(frozen=True, slots=True)
class Imported:
    """The features that a source has of a track; those it does not know are left out."""

    source: str
    licence: str
    values: Mapping[str, Number]


@dataclass(frozen=True, slots=True)
class Filled:
    """A value that stands in where ReccoBeats has none."""

    value: Number
    source: str
    licence: str


def fill(own: Mapping[str, Any], imports: Iterable[Imported]) -> dict[str, Filled]:
    """What of the imports a track gets, by feature.

    A value of ReccoBeats' own always stands. Each feature that it does not give comes from the
    first import that has it; key and mode are one statement and come together or not at all.

    Args:
        own: ReccoBeats' values by feature, None or missing where it gives none.
        imports: those of the track: by id, by ISRC, by MBID, and of one kind by source.
    """
    ordered = list(imports)
    found: dict[str, Filled] = {}
    for names in _TOGETHER:
        if any(own.get(name) is not None for name in names):
            continue
        for one in ordered:
            told = {name: one.values[name] for name in names if name in one.values}
            if told:
                found.update((n, Filled(v, one.source, one.licence)) for n, v in told.items())
                break
    return found


def key_of(kind: KeyKind, value: object) -> str:
    """A key as the store spells it.

    Raises:
        ValueError: it is none of its kind; the words say so.
    """
    text = value.strip() if isinstance(value, str) else ""
    if kind is KeyKind.ISRC:
        found = normalise_isrc(text)
    elif kind is KeyKind.MBID:
        found = text.lower() if _UUID.fullmatch(text.lower()) else None
    else:
        found = text if _SPOTIFY_ID.fullmatch(text) else None
    if found is None:
        name = {"id": "Spotify track id", "isrc": "ISRC", "mbid": "recording MBID"}[kind]
        raise ValueError(f"{_shown(value)} is no {name}")
    return found


def feature_of(name: str, value: object) -> Number | None:
    """A feature as the store holds it; None for no value, and for a tempo that tells no beat.

    Args:
        name: of the feature.
        value: a number, the text of one, or nothing.

    Raises:
        ValueError: it is no number, or not in the feature's range; the words say so.
    """
    if value is None or value == "":
        return None
    number = _number(name, value)
    least, most = _LIMITS[name]
    # Not a number is in no range.
    if not least <= number <= most:
        raise ValueError(f"{name} {_shown(value)} is not from {least:g} to {most:g}")
    if name == "tempo" and number < _SLOWEST:
        return None
    if name not in _WHOLE:
        return float(number)
    if number != int(number):
        raise ValueError(f"{name} {_shown(value)} is no whole number")
    return int(number)


def _number(name: str, value: object) -> Number:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} {_shown(value)} is no number")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
