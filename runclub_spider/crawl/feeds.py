"""Feeds (`-o FILE`): one flat row a track or a play, though an item is a whole page.

Scrapy's own exporters, each fed with the rows of a page in the place of the page. A track that
stands on several pages of a run is written once, as the first of them had it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from scrapy.exporters import (
    BaseItemExporter,
    CsvItemExporter,
    JsonItemExporter,
    JsonLinesItemExporter,
    XmlItemExporter,
)

from runclub_spider.items import DiscoveredPage, StoredPlays
from runclub_spider.publish.choose.unsound import unformula
from runclub_spider.store.queue.pages import PageKind
from runclub_spider.text import timestamp

if TYPE_CHECKING:
    from runclub_spider.catalog.models import FoundTrack
    from runclub_spider.catalog.plays import StoredPlay

Row = dict[str, Any]


def track_row(found: FoundTrack, page: DiscoveredPage) -> Row:
    """A track as a page showed it: Spotify's id, length in ms, `playable` yes, no or unknown.

    `source` is `search` or `playlist`, `source_key` the words or the list's id.
    """
    track, task = found.track, page.task
    of_list = task.kind in {PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS}
    return {
        "id": track.track_id,
        "name": track.name,
        "artist": ", ".join(artist.name for artist in track.artists),
        "duration_ms": track.duration_ms,
        "isrc": track.isrc,
        "album": track.album.name,
        "album_release_date": track.album.release_date,
        "popularity": track.popularity,
        "explicit": track.explicit,
        "playable": str(found.playable),
        "market": task.market,
        "source": "playlist" if of_list else "search",
        "source_key": task.source_key,
    }


def play_row(play: StoredPlay) -> Row:
    """A play with the columns of `external_play`; moments as `YYYY-MM-DDTHH:MM:SSZ`."""
    return {
        **play._asdict(),
        "airdate": timestamp(play.airdate),
        "created_at": timestamp(play.created_at),
    }


class _Rows(BaseItemExporter):
    """Goes before an exporter of Scrapy's, which then gets rows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._written: set[str] = set()

    def export_item(self, item: Any) -> None:
        """Write the rows of a page; an item of another kind goes on as it is."""
        for row in self._rows(item):
            super().export_item(row)  # type: ignore[safe-super]

    def _rows(self, item: Any) -> Iterator[Any]:
        if isinstance(item, DiscoveredPage):
            for found in item.judged:
                if found.track.track_id not in self._written:
                    self._written.add(found.track.track_id)
                    yield track_row(found, item)
        elif isinstance(item, StoredPlays):
            yield from map(play_row, item.plays)
        else:
            yield item


class JsonLinesRows(_Rows, JsonLinesItemExporter):
    """One object a line."""


class JsonRows(_Rows, JsonItemExporter):
    """One list of objects."""


class XmlRows(_Rows, XmlItemExporter):
    """One element a row."""

    def serialize_field(self, field: Mapping[str, Any], name: str, value: Any) -> Any:
        """What is not known is empty."""
        return _word(super().serialize_field(field, name, value))


class CsvRows(_Rows, CsvItemExporter):
    """One line a row, below one line of names, also where `-o` adds to a file that has it."""

    def __init__(self, file: IO[bytes], **kwargs: Any) -> None:
        super().__init__(file, **kwargs)
        self.include_headers_line = self.include_headers_line and not _holds_something(file)

    def serialize_field(self, field: Mapping[str, Any], name: str, value: Any) -> Any:
        """A cell that no spreadsheet runs as a formula."""
        value = _word(super().serialize_field(field, name, value))
        return unformula(value) if isinstance(value, str) else value


def _word(value: Any) -> Any:
    """As formats without types of their own have it: `true`, and nothing for null."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def _holds_something(file: IO[bytes]) -> bool:
    # One that packs what it is given cannot tell.
    tell = getattr(file, "tell", None)
    return tell is not None and tell() > 0
