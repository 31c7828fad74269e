"""The exporter of JSON Lines."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scrapy.settings import Settings
from scrapy.utils.misc import load_object

from runclub_spider import settings
from runclub_spider.publish.write.exporters import CatalogLinesExporter


def lines(*items: Any) -> bytes:
    file = io.BytesIO()
    exporter = CatalogLinesExporter(file)
    exporter.start_exporting()
    for item in items:
        exporter.export_item(item)
    exporter.finish_exporting()
    assert not file.closed
    return file.getvalue()


@dataclass
class Item:
    zulu: int
    alpha: str | None


def test_one_object_a_line_in_its_own_order() -> None:
    assert lines({"b": 1, "a": None}, Item(2, "ü")) == (
        '{"b":1,"a":null}\n{"zulu":2,"alpha":"ü"}\n'.encode()
    )
    assert lines() == b""


def test_an_integer_stays_one_and_no_nan_gets_out() -> None:
    assert lines({"a": 1, "b": 1.0, "c": -0.0, "d": 2**53}) == (
        b'{"a":1,"b":1.0,"c":-0.0,"d":9007199254740992}\n'
    )
    for number in (math.nan, math.inf, -math.inf):
        assert b"N" not in lines({"a": number})
        assert b"I" not in lines({"a": number})


VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(-1, 1)


@given(st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=4), max_size=4))
def test_what_goes_in_comes_out(rows: list[dict[str, Any]]) -> None:
    written = lines(*rows)
    assert not written.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in written
    assert [json.loads(line) for line in written.split(b"\n")[:-1]] == rows
    assert written.count(b"\n") == len(rows)


def test_it_is_registered() -> None:
    values = Settings()
    values.setmodule(settings, priority="project")
    registered = values.getdict("FEED_EXPORTERS")
    assert load_object(registered["catalog_jsonl"]) is CatalogLinesExporter
