"""Feeds: rows of pages, in every format."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy.exporters import BaseItemExporter

from runclub_spider.catalog.models import FoundTrack, Playable, Track
from runclub_spider.catalog.plays import StoredPlay
from runclub_spider.crawl.feeds import CsvRows, JsonLinesRows, JsonRows, XmlRows
from runclub_spider.items import DiscoveredPage, StoredPlays
from runclub_spider.store.queue.pages import PageKind, PageTask
from testkit.making import a_track

PLAY = StoredPlay("kexp", "7", "Song", "Band", None, 0, None, 1977, "s1", "new", 1.0, 86_400)


def page(*tracks: Track, kind: PageKind = PageKind.TRACK_SEARCH) -> DiscoveredPage:
    task = PageTask("spotify_search", kind, "rock", "US", 0, 50, "g1")
    judged = [FoundTrack(t, at, Playable.YES, "is_playable") for at, t in enumerate(tracks)]
    return DiscoveredPage(task, judged=judged)


def written(
    kind: type[BaseItemExporter], *items: Any, file: io.BytesIO | None = None, **options: Any
) -> str:
    """What an exporter makes of items."""
    file = file or io.BytesIO()
    exporter = kind(file, encoding="utf-8", **options)
    exporter.start_exporting()
    for item in items:
        exporter.export_item(item)
    exporter.finish_exporting()
    return file.getvalue().decode()


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_track_stands_in_a_file_once_as_its_first_page_had_it() -> None:
    text = written(
        JsonLinesRows,
        page(a_track(1), a_track(2)),
        page(a_track(2, popularity=1), a_track(3), kind=PageKind.PLAYLIST_ITEMS),
    )
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["id"] for row in rows] == [a_track(n).track_id for n in (1, 2, 3)]
    assert [row["popularity"] for row in rows] == [50, 50, 50]
    assert [row["source"] for row in rows] == ["search", "search", "playlist"]


@pytest.mark.parametrize("kind", [JsonLinesRows, CsvRows])
def test_pages_without_a_row_leave_a_file_empty(kind: type[BaseItemExporter]) -> None:
    assert written(kind, page(), StoredPlays([])) == ""


def test_moments_of_a_play_are_told_as_a_release_tells_them() -> None:
    (row,) = json.loads(written(JsonRows, StoredPlays([PLAY])))
    assert (row["airdate"], row["created_at"]) == ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z")
    assert row["album"] is None
    assert list(row) == list(StoredPlay._fields)


def test_columns_are_the_same_whatever_comes_first() -> None:
    bare = a_track(1, isrc=None, popularity=None)
    first, second = (
        table(written(CsvRows, page(*tracks)))
        for tracks in ((bare, a_track(2)), (a_track(2), bare))
    )
    assert first[0] == second[0]
    assert first[1:] == second[:0:-1]


@given(st.text(max_size=12))
def test_no_cell_is_a_formula(text: str) -> None:
    name = "".join(char for char in text if char.isprintable())
    names, row = table(written(CsvRows, page(a_track(1, name=name))))
    cell = row[names.index("name")]
    assert cell.lstrip(" \"'`")[:1] not in {"=", "+", "-", "@"} or cell[0] == "'"
    assert cell in {name, f"'{name}"}


def test_a_table_that_has_its_names_gets_rows_alone() -> None:
    file = io.BytesIO(b"kept\r\n")
    file.seek(0, io.SEEK_END)
    assert len(table(written(CsvRows, page(a_track(1)), file=file))) == 2


def test_what_is_not_known_is_empty_in_xml() -> None:
    root = ET.fromstring(written(XmlRows, page(a_track(1, isrc=None))))
    (item,) = root
    assert {child.tag: child.text for child in item}["isrc"] is None
    assert {child.tag: child.text for child in item}["explicit"] == "false"


def test_an_item_of_another_kind_goes_on_as_it_is() -> None:
    assert json.loads(written(JsonLinesRows, {"an": "item"})) == {"an": "item"}


def test_a_user_may_choose_columns_and_their_names() -> None:
    text = written(CsvRows, page(a_track(1)), fields_to_export={"id": "spotify", "name": "title"})
    assert table(text) == [["spotify", "title"], [a_track(1).track_id, "Song 1"]]
