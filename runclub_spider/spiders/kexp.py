"""KEXP's plays."""

from __future__ import annotations

from runclub_spider.apis.kexp.station import STATION
from runclub_spider.spiders.radio import RadioSpider


class KexpSpider(RadioSpider):
    """KEXP, Seattle."""

    name = STATION.name
    station = STATION
