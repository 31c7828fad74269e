"""Pages that a person asks by their address, as with `scrapy parse URL`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import TypeAdapter, ValidationError

from runclub_spider.config import explain
from runclub_spider.frontier.templates import Kind
from runclub_spider.store.queue.pages import PageKind, PageTask

_NAMES = tuple(field.name for field in fields(PageTask))
_SEARCHES = {"track": PageKind.TRACK_SEARCH, "playlist": PageKind.PLAYLIST_SEARCH}
#: What a spider of a kind of seeds reads.
_READS: Mapping[Kind, Collection[PageKind]] = {
    "track": {PageKind.TRACK_SEARCH},
    "playlist": {PageKind.PLAYLIST_SEARCH, PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS},
}


def task_of(url: str, given: object, *, spider: str, seed_kind: Kind, market: str) -> PageTask:
    """The page that an address asks; `given` names fields of it that go before the address.

    Args:
        url: an address of Spotify's search or of a playlist.
        given: a mapping by the names of `PageTask`, as JSON has it, or None.
        spider: who is to read it.
        seed_kind: of the spider's seeds.
        market: where the address names none.

    Raises:
        ValueError: no such page, or none that this spider reads; it says which are.
    """
    if not isinstance(given, Mapping | None):
        raise ValueError(f"task is {given!r}, not an object of {', '.join(_NAMES)}")
    unknown = sorted(given.keys() - set(_NAMES)) if given else []
    if unknown:
        raise ValueError(f"task has no {', '.join(unknown)}; it has {', '.join(_NAMES)}")
    found = {"spider": spider, "market": market, "version": ""} | _read(url) | dict(given or {})
    if found.get("kind") not in _READS[seed_kind]:
        known = ", ".join(sorted(_READS[seed_kind]))
        raise ValueError(f"{spider} reads no page like {url}; it reads {known}")
    try:
        return TypeAdapter(PageTask).validate_python(found)
    except ValidationError as error:
        raise ValueError(f"task: {explain(error)}") from None


def _read(url: str) -> dict[str, Any]:
    """What the address says; without a kind if it is none of these pages."""
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    found: dict[str, Any] = {
        "first_row": _number(asked.get("offset"), 0),
        "row_count": _number(asked.get("limit"), 100),
        **({"market": asked["market"]} if "market" in asked else {}),
    }
    match [unquote(piece) for piece in parts.path.strip("/").split("/")]:
        case [*_, "search"] if asked.get("type") in _SEARCHES:
            kind, key = _SEARCHES[asked["type"]], asked.get("q", "")
        case [*_, "playlists", playlist]:
            kind, key = PageKind.PLAYLIST, playlist
        case [*_, "playlists", playlist, "tracks" | "items"]:
            kind, key = PageKind.PLAYLIST_ITEMS, playlist
        case _:
            return found
    return {**found, "kind": kind, "source_key": key}


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() else otherwise
