"""The item exporter of the release's JSON Lines, registered in `FEED_EXPORTERS`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson
from itemadapter import ItemAdapter
from scrapy.exporters import BaseItemExporter


class CatalogLinesExporter(BaseItemExporter):
    """One object a line in the item's own key order: UTF-8, LF, null for nothing, no NaN.

    orjson encodes: it refuses what JSON cannot hold and keeps an integer an integer.
    """

    def __init__(self, file: IO[bytes], **kwargs: Any) -> None:
        super().__init__(dont_fail=True, **kwargs)
        self._file = file

    def export_item(self, item: Any) -> None:
        """Write one row; dicts as they are, other items through itemadapter."""
        row = item if isinstance(item, dict) else ItemAdapter(item).asdict()
        self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def lines(path: Path) -> Iterator[CatalogLinesExporter]:
    """An exporter into a new file."""
    with path.open("wb") as file:
        exporter = CatalogLinesExporter(file)
        exporter.start_exporting()
        yield exporter
        exporter.finish_exporting()
