"""What a radio station is to this program; each has one in `station.py` of its folder."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import ClassVar, Protocol
from zoneinfo import ZoneInfo

from runclub_spider import apis
from runclub_spider.apis.call import Call
from runclub_spider.apis.guard import GuardLimits
from runclub_spider.apis.plays import PlaysPage
from runclub_spider.apis.service import Service
from runclub_spider.catalog.coverage import Reading
from runclub_spider.catalog.overrides import Overrides
from runclub_spider.catalog.overrides_file import load_overrides
from runclub_spider.config import Config


class StationCalls(Protocol):
    """Builders of a station's calls, against one base URL."""

    def plays(self, reading: Reading, rows: int) -> Call:
        """The first page of a reading, of at most `rows` rows, in the reading's order."""
        ...

    def following(self, link: str, rows: int) -> Call:
        """The page that the `next` of a page leads to, at most `rows` rows of it.

        Raises:
            AnswerError: it leads nowhere that should be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Station:
    """A station whose plays can be read.

    Its settings are named after it. `NAME_BASE_URL` has to be one; `NAME_PAUSE_SECONDS`,
    `NAME_BACKOFF_SECONDS` and `NAME_OVERRIDES` may be, and come before what stands here.

    Attributes:
        name: of its spider, of its guard, and of the `source` of its plays in every table.
        title: what people call it.
        zone: where it is; dates without an offset are meant there.
        first_play: a moment before the first play it serves, in seconds since 1970 UTC.
        calls: the builders of its calls, by its base URL.
        parse: reads an answer; raises `AnswerError` for what is none.
        page_rows: rows a page at first.
        fewest_rows: what they come down to when a page is too much for the server.
        margin: seconds asked for on both sides of a stretch, where it is not known whether the
            edges of a window are included.
        pause_seconds: between two pages; a loopback server is asked at once.
        backoff_seconds: the first wait after a refused or failed page; it doubles.
    """

    name: str
    title: str
    zone: ZoneInfo
    first_play: int
    calls: Callable[[str], StationCalls]
    parse: Callable[[bytes], PlaysPage]
    page_rows: int = 100
    fewest_rows: int = 25
    margin: int = 0
    pause_seconds: float = 0.25
    backoff_seconds: float = 1.0

    @property
    def base_url(self) -> str:
        """The field of `Config` with its base URL."""
        return f"{self.name}_base_url"

    def calls_of(self, config: Config) -> StationCalls:
        """The builders of its calls under this configuration."""
        return self.calls(getattr(config, self.base_url))

    def pause(self, config: Config) -> float:
        """Seconds between two pages."""
        return float(getattr(config, f"{self.name}_pause_seconds", self.pause_seconds))

    def backoff(self, config: Config) -> float:
        """Seconds of the first wait after a refused or failed page."""
        return float(getattr(config, f"{self.name}_backoff_seconds", self.backoff_seconds))

    def overrides(self, config: Config) -> tuple[Overrides, str]:
        """A person's matches, and the digest of their file, which need not exist.

        Raises:
            ConfigurationError: it cannot be used.
        """
        setting = f"{self.name}_overrides"
        own = config.seeds_dir / f"{setting}.yml"
        return load_overrides(getattr(config, setting, own), setting.upper())


class StationService(Service):
    """A station in one run: one reading after the other."""

    station: ClassVar[Station]

    @property
    def calls(self) -> StationCalls:
        """Builders of its calls."""
        return self.station.calls(self.base_url)

    def limits(self) -> GuardLimits:
        """One call at a time; the reading itself retries, with smaller pages."""
        return GuardLimits(1, 0, 0.0, self.config.max_wait_seconds, unnamed_block=False)


@cache
def service_of(station: Station) -> type[StationService]:
    """The service of a station, one class each."""
    told = {"station": station, "name": station.name, "setting": station.base_url}
    return type(station.title, (StationService,), {"__doc__": StationService.__doc__, **told})


@cache
def stations() -> Mapping[str, Station]:
    """Every station there is, by name: each folder beside this file with a `station.py`."""
    found = []
    for folder in pkgutil.iter_modules(apis.__path__, f"{apis.__name__}."):
        module = f"{folder.name}.station"
        if folder.ispkg and find_spec(module) is not None:
            station = import_module(module).STATION
            assert isinstance(station, Station)
            found.append(station)
    return {one.name: one for one in found}
