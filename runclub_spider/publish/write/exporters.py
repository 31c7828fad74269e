"""The item exporter of the release's JSON Lines, registered in `FEED_EXPORTERS`."""

from __future__ import annotations

from typing import IO, Any

from itemadapter import ItemAdapter
from scrapy.exporters import BaseItemExporter

from runclub_spider.publish.write.lines import line_of


class CatalogLinesExporter(BaseItemExporter):
    """One object a line in the item's own key order; see :mod:`.lines`."""

    def __init__(self, file: IO[bytes], **kwargs: Any) -> None:
        super().__init__(dont_fail=True, **kwargs)
        self._file = file

    def export_item(self, item: Any) -> None:
        """Write one row; dicts as they are, other items through itemadapter."""
        self._file.write(line_of(item if isinstance(item, dict) else ItemAdapter(item).asdict()))
