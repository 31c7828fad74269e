"""KEXP's pages in the catalogue's words. Pure; a bad row spoils no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as Invalid

from runclub_spider.apis.call import AnswerError
from runclub_spider.catalog.normalize import clean_text
from runclub_spider.catalog.plays import PLACEHOLDER_DATE, Play, PlayKind, PlayRow

#: Longer texts were not typed by a host; the row is put aside rather than stored in part.
MOST_TEXT, MOST_COMMENT = 2_000, 100_000
_YEAR = re.compile(r"(\d{4})(?:-\d{2}){0,2}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# What is on the air comes again.
_clean = lru_cache(32_768)(clean_text)
_KINDS = {str(kind): kind for kind in PlayKind}


def _airdate(value: Any) -> int:
    """ISO 8601 with an offset, with or without a fraction, in whole seconds."""
    if not isinstance(value, str):
        raise ValueError("airdate is no text")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("airdate has no offset")
    return int(moment.timestamp() // 1)


Text = Annotated[str, StringConstraints(strict=True, max_length=MOST_TEXT)]
Comment = Annotated[str, StringConstraints(strict=True, max_length=MOST_COMMENT)]


class WirePlay(BaseModel):
    """The fields read of a track play, and the comment, which tells a broken row."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[int, Field(strict=True, ge=1, lt=2**63)]
    airdate: Annotated[int, BeforeValidator(_airdate)]
    song: Text | None = None
    artist: Text | None = None
    album: Text | None = None
    recording_id: Text | None = None
    # A year may come as a number (specification).
    release_date: Text | Annotated[int, Field(strict=True)] | None = None
    comment: Comment | None = None
    play_type: Literal["trackplay"]


@dataclass(frozen=True, slots=True)
class PlaysPage:
    """An answer of `GET /plays/`: its rows as served, and the `next` link as it came.

    Rows are read one by one when they are asked for; `len` says how many there are.
    """

    next: str | None
    _raw: list[Any]
    _dubious: bool

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[PlayRow]:
        return (_row(raw, dubious=self._dubious) for raw in self._raw)

    def ends(self) -> tuple[int, ...]:
        """Airdates of the first and the last row, as far as they can be read."""
        found = []
        for raw in self._raw[:1] + self._raw[-1:]:
            with suppress(ValueError, OverflowError, AttributeError):
                found.append(_airdate(raw.get("airdate")))
        return tuple(found)


def parse_plays(body: bytes) -> PlaysPage:
    """Read one answer of `GET /plays/`.

    Raises:
        AnswerError: it is no JSON, or no object with a list `results`.
    """
    # Nothing else can smuggle in what is no text.
    dubious = b"\\u0000" in body
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data, dubious = _forgiving(body), True
    rows = data.get("results") if isinstance(data, dict) else None
    link = data.get("next") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not (link is None or isinstance(link, str)):
        raise AnswerError("no list `results` in the answer")
    return PlaysPage(link, rows, dubious)


def _forgiving(body: bytes) -> Any:
    """JSON whose texts hold bytes or code points that are none; such a text fails its row only."""
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"not JSON ({error})") from None


def _row(raw: Any, *, dubious: bool) -> PlayRow:
    if not isinstance(raw, dict) or not isinstance(raw.get("play_type"), str):
        return PlayRow(PlayKind.UNKNOWN, None, problem="no play at all")
    said = raw["play_type"]
    kind = _KINDS.get(said, PlayKind.UNKNOWN)
    if kind is not PlayKind.TRACKPLAY:
        try:
            airdate: int | None = _airdate(raw.get("airdate"))
        except (ValueError, OverflowError):
            airdate = None
        return PlayRow(kind, airdate, row_id=str(raw.get("id"))[:40], play_type=said[:40])
    try:
        wire = WirePlay.model_validate(raw)
        if dubious:
            _must_be_text(wire)
        return _track_play(wire)
    except (Invalid, ValueError, OverflowError) as error:
        return PlayRow(kind, None, problem=_told(error), row_id=str(raw.get("id"))[:40])


def _must_be_text(wire: WirePlay) -> None:
    """Neither lone surrogates nor NUL are text that every database takes."""
    texts = f"{wire.song}{wire.artist}{wire.album}{wire.comment}"
    texts.encode()
    if "\0" in texts:
        raise ValueError("NUL")


def _track_play(wire: WirePlay) -> PlayRow:
    row_id = str(wire.id)
    title, artist = _clean(wire.song or ""), _clean(wire.artist or "")
    if not title or not artist:
        return PlayRow(PlayKind.TRACKPLAY, wire.airdate, skipped=True, row_id=row_id)
    play = Play(
        source_play_id=row_id,
        title=title,
        artist=artist,
        album=_clean(wire.album or "") or None,
        airdate=wire.airdate,
        mbid=_uuid(wire.recording_id),
        year=_year(wire.release_date),
    )
    return PlayRow(PlayKind.TRACKPLAY, wire.airdate, play=play, row_id=row_id)


def _uuid(text: str | None) -> str | None:
    return text.lower() if text and _UUID.fullmatch(text) else None


@lru_cache(32_768)
def _year(said: str | int | None) -> int | None:
    """Of `YYYY` or a date; the placeholder for "unknown" is none."""
    match = _YEAR.fullmatch("" if said is None else str(said).strip())
    if match is None or match[0] == PLACEHOLDER_DATE or match[1] == "0000":
        return None
    return int(match[1])


def _told(error: Exception) -> str:
    """What is wrong with a row, one short line without its content."""
    if isinstance(error, Invalid):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        return f"{where}: {first['msg']}"[:120]
    return type(error).__name__
