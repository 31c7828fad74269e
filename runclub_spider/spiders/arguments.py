"""Spider arguments (`-a name=value`), one typed model a spider, checked before any request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from runclub_spider.config import explain
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.templates import families


def _country(value: object) -> object:
    text = str(value).strip().upper()
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError("not a two-letter country code, such as US")
    return text


def _family(value: object) -> object:
    text = str(value).strip()
    if text not in families():
        raise ValueError(f"no such seed family; there are {', '.join(families())}")
    return text


def _file(value: object) -> object:
    if not str(value).strip():
        raise ValueError("an empty path; name a seeds file")
    return value


def _words(value: object) -> object:
    """`artists,features` as a set."""
    return {word.strip() for word in str(value).split(",") if word.strip()}


Forced = Literal[
    "seeds", "playlists", "artists", "features", "details", "editions", "open_metadata"
]
Count = Annotated[int, Field(ge=1)]


class Arguments(BaseModel):
    """What every spider takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Count | None = None
    deltafetch_reset: bool = False
    force: Annotated[frozenset[Forced], BeforeValidator(_words)] = frozenset()

    @classmethod
    def read(cls, spider: str, given: dict[str, str]) -> Self:
        """Validate; raises `ConfigurationError` naming the argument and those there are."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            names = ", ".join(cls.model_fields)
            raise ConfigurationError(f"{spider}: {explain(error)}; arguments: {names}") from None


class EnrichArguments(Arguments):
    """`enrich`: also one stage alone."""

    only: Literal["open_metadata"] | None = None


class SpotifyArguments(Arguments):
    """What both Spotify spiders take."""

    market: Annotated[str, BeforeValidator(_country)] | None = None
    max_seeds: Count | None = None
    family: Annotated[str, BeforeValidator(_family)] | None = None
    seeds: Annotated[Path, BeforeValidator(_file)] | None = None


class SearchArguments(SpotifyArguments):
    """`spotify_search`: also the most rows a seed may serve."""

    max_results: Annotated[int, Field(ge=1, le=1000)] | None = None


class PlaylistArguments(SpotifyArguments):
    """`spotify_playlist`: also the most lists a seed and rows a list."""

    top_playlists: Annotated[int, Field(ge=1, le=50)] | None = None
    max_items: Annotated[int, Field(ge=1, le=11_000)] | None = None
