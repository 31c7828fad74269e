"""KEXP, Seattle: its plays from 2001 on, without a key."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from runclub_spider.apis.kexp.calls import FEWEST_ROWS, MARGIN, PAGE_ROWS, KexpCalls
from runclub_spider.apis.kexp.parser import parse_plays
from runclub_spider.apis.station import Station

STATION = Station(
    name="kexp",
    title="KEXP",
    zone=ZoneInfo("America/Los_Angeles"),
    # 2001-01-01; the first play it serves is of 2001-04-09.
    first_play=978_307_200,
    calls=KexpCalls,
    parse=parse_plays,
    page_rows=PAGE_ROWS,
    fewest_rows=FEWEST_ROWS,
    margin=MARGIN,
)
