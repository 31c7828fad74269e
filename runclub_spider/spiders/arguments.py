"""Spider arguments (`-a name=value`), one typed model a spider, checked before any request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from runclub_spider.catalog.markets import MARKETS, cure
from runclub_spider.config import explain
from runclub_spider.errors import ConfigurationError


def _country(value: object) -> object:
    text = str(value).strip().upper()
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError("not a two-letter country code, such as US")
    if text not in MARKETS:
        raise ValueError(f"no market of Spotify; {cure(text)}")
    return text


def _file(value: object) -> object:
    if not str(value).strip():
        raise ValueError("an empty path; name a seeds file")
    return value


def _words(value: object) -> set[str]:
    """`artists,features` as a set."""
    return {word.strip() for word in str(value).split(",") if word.strip()}


def _instant(value: Any, zone: ZoneInfo, *, last: bool) -> Any:
    """An ISO date or time in seconds since 1970; as an end (`last`) the second behind it."""
    text = str(value).strip()
    try:
        if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text, re.ASCII):
            day = date.fromisoformat(text) + timedelta(days=last)
            return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            # An hour that comes twice is meant as wide as it can be.
            moment = moment.replace(tzinfo=zone, fold=int(last))
        return int(moment.timestamp()) + last
    except (ValueError, OverflowError):
        raise ValueError("not an ISO date or time, such as 2026-03-20") from None


def _forced(value: object) -> object:
    # Not above: the stages bring store and services, and a wrong argument is told without them.
    from runclub_spider.enrich.order import stage_names

    words = _words(value)
    known = {"seeds", "playlists", *stage_names()}
    if unknown := sorted(words - known):
        raise ValueError(f"no {', '.join(unknown)} to force; there are {', '.join(sorted(known))}")
    return words


# As much as every database's integer holds.
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]


class SpiderArguments(BaseModel):
    """What every spider takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Count | None = None

    @classmethod
    def read(cls, spider: str, given: dict[str, str]) -> Self:
        """Validate; raises `ConfigurationError` naming the argument and those there are.

        Names that begin with `_` are a scheduler's (scrapyd's `_job`), and not read.
        """
        own = {name: value for name, value in given.items() if not name.startswith("_")}
        try:
            return cls.model_validate(own)
        except ValidationError as error:
            names = ", ".join(cls.model_fields)
            raise ConfigurationError(f"{spider}: {explain(error)}; arguments: {names}") from None


class Arguments(SpiderArguments):
    """What the spiders around Spotify's catalogue take besides."""

    deltafetch_reset: bool = False
    force: Annotated[frozenset[str], BeforeValidator(_forced)] = frozenset()


class EnrichArguments(Arguments):
    """`enrich`: also one stage alone."""

    only: Literal["open_metadata"] | None = None


class SpotifyArguments(Arguments):
    """What both Spotify spiders take."""

    market: Annotated[str, BeforeValidator(_country)] | None = None
    max_seeds: Count | None = None
    # Which there are, the folder of seeds says: the plan is looked at before any request.
    family: Annotated[str, StringConstraints(strip_whitespace=True)] | None = None
    seeds: Annotated[Path, BeforeValidator(_file)] | None = None


class SearchArguments(SpotifyArguments):
    """`spotify_search`: also the most rows a seed, when it has enough, and KEXP's songs."""

    max_results: Annotated[int, Field(ge=1, le=1000)] | None = None
    until: Literal["filled"] | None = None


class PlaylistArguments(SpotifyArguments):
    """`spotify_playlist`: also the most lists a seed and rows a list."""

    top_playlists: Annotated[int, Field(ge=1, le=50)] | None = None
    max_items: Annotated[int, Field(ge=1, le=11_000)] | None = None


class StationArguments(SpiderArguments):
    """A station's spider: what to read and how much of it.

    `start_date` and `end_date` become seconds since 1970 UTC, the end not included; a date
    stands for the whole day where the station is.
    """

    # Times without an offset are meant in it, as the station means them.
    zone: ClassVar[ZoneInfo]

    dry_run: bool = False
    limit: Count | None = None
    incremental: bool = False
    page_limit: Count | None = None
    start_date: int | None = None
    end_date: int | None = None

    @classmethod
    def at(cls, zone: ZoneInfo) -> type[Self]:
        """The arguments of a station in a time zone."""
        made = create_model(cls.__name__, __base__=cls)
        made.zone = zone
        return made

    @field_validator("start_date", mode="before")
    @classmethod
    def _start(cls, value: Any) -> Any:
        return _instant(value, cls.zone, last=False)

    @field_validator("end_date", mode="before")
    @classmethod
    def _end(cls, value: Any) -> Any:
        return _instant(value, cls.zone, last=True)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.incremental and (self.start_date is not None or self.end_date is not None):
            raise ValueError(
                "incremental reads on from the checkpoint, so it takes no start_date or end_date"
            )
        if (
            self.start_date is not None
            and self.end_date is not None
            and self.start_date >= self.end_date
        ):
            raise ValueError("start_date is after end_date")
        return self


#: What the spiders take whose arguments are known without them: a mistake is told before Scrapy
#: imports every spider there is. Others, stations with their time zones, follow a moment later.
KNOWN: Mapping[str, type[SpiderArguments]] = {
    "spotify_search": SearchArguments,
    "spotify_playlist": PlaylistArguments,
    "enrich": EnrichArguments,
}
