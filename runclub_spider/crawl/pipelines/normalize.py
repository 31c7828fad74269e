"""Normalise: one form for dates, ISRCs and links; names have theirs from the gate at the wire."""

from __future__ import annotations

from dataclasses import replace

from runclub_spider.catalog.models import Row
from runclub_spider.catalog.normalize import normalise_track
from runclub_spider.items import DiscoveredPage


class NormalizePipeline:
    """Rewrites the tracks of a page through `catalog.normalize`."""

    def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """The page with normalised tracks; rows keep their places."""
        item.rows = [self._normalised(row) for row in item.rows]
        return item

    @staticmethod
    def _normalised(row: Row) -> Row:
        if row.track is None:
            return row
        track = normalise_track(row.track)
        return row if track is row.track else replace(row, track=track)
