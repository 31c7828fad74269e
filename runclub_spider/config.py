"""The typed settings: one model, each value with its default and its reason.

Sources, weakest first: the default here, `.env` beside `scrapy.cfg`, the environment, `-s` on
the command line. `settings.py` puts the first three into Scrapy's settings; components read
them back through :meth:`Config.from_settings`, so a bad value is refused in one place.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from runclub_spider import resources
from runclub_spider.catalog.content import ContentPolicy
from runclub_spider.catalog.markets import MARKETS, cure
from runclub_spider.catalog.rules import Policy
from runclub_spider.errors import ConfigurationError

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

# What file systems take, in bytes; room is left for the names below a folder.
_LONGEST_NAME, _LONGEST_PATH = 255, 3900
_QUOTA_FAMILIES = ("search", "playlist", "artist")

# APIs of which each account has a quota and refusals of its own.
_OF_ACCOUNT = frozenset({"spotify", "accounts"})

#: What data of a loopback server is called.
SANDBOX = "sandbox"
#: Set in the environment of a command that must not read `.env`, such as the demo's.
NO_ENV_FILE = "RUNCLUB_NO_ENV_FILE"


def project_dir() -> Path:
    """Folder of the nearest `scrapy.cfg`; relative paths and `.env` are found from here."""
    # Here, for what only takes a configuration does without Scrapy.
    from scrapy.utils.conf import closest_scrapy_cfg

    found = closest_scrapy_cfg()
    return Path(found).parent if found else Path.cwd()


def setting(
    default: Any, reason: str, *, changes_release: bool | None = None, **constraints: Any
) -> Any:
    """A model field that also says why it exists, and what it means for publishing.

    Args:
        default: its value unless another is set.
        reason: why it exists.
        changes_release: whether another value may make another release of the same store, so that
            publishing has to look again; None for a setting that publishing never reads.
        constraints: of pydantic's `Field`.
    """
    meant: JsonDict = {"changes_release": changes_release}
    return Field(default, description=reason, json_schema_extra=meant, **constraints)


@dataclass(frozen=True, slots=True)
class Membership:
    """A run's place in a fleet: its job, and how often that was begun with this run."""

    job: int
    attempt: int

    @classmethod
    def parse(cls, text: str) -> Membership:
        """From `JOB:ATTEMPT`."""
        found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text.strip())
        if found is None:
            raise ValueError("not JOB:ATTEMPT; unset it, `scrapy fleet worker` sets it")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        """`JOB:ATTEMPT`."""
        return f"{self.job}:{self.attempt}"


class Config(BaseModel):
    """Every setting of this project. Field names in lower case, setting names in upper case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Keys and hosts
    spotify_client_id: str | None = setting(None, "Client id of the owner's Spotify app.")
    spotify_client_secret: str | None = setting(
        None, "Secret of that app; never logged.", repr=False
    )
    spotify_refresh_token: str | None = setting(
        None,
        "User grant; without it client credentials are used.",
        repr=False,
    )
    spotify_account: str | None = setting(
        None,
        "Name of that app's account in the ledger of calls, where several share a store.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
    )
    spotify_redirect_uri: str | None = setting(
        None, "Loopback address registered for the one-time grant."
    )
    token_file: Path = setting(
        Path.home() / ".config" / "runclub-spider" / "spotify.json",
        "Where `scrapy auth` keeps the refresh token; never inside the cache or the project.",
    )
    spotify_accounts_file: Path | None = setting(
        None, "The keys of a fleet, a YAML list; readable by its owner alone."
    )
    spotify_api_base_url: str = setting(
        "https://api.spotify.com/v1",
        "Where the Web API is; the sandbox replaces it.",
    )
    spotify_accounts_base_url: str = setting(
        "https://accounts.spotify.com", "Where tokens are given out."
    )
    spotify_profile: str = setting("auto", "What the key may do; auto finds out with one request.")
    reccobeats_base_url: str = setting(
        "https://api.reccobeats.com/v1",
        "Where audio features come from.",
    )
    reccobeats_api_key: str | None = setting(
        None,
        "Sent only when set: the API asks for none today.",
        repr=False,
    )
    kexp_base_url: str = setting("https://api.kexp.org/v2", "Where KEXP's plays come from.")
    musicbrainz_base_url: str = setting(
        "https://musicbrainz.org/ws/2", "Open metadata, off without a contact."
    )
    listenbrainz_base_url: str = setting(
        "https://api.listenbrainz.org/1", "Open metadata, off without a contact."
    )
    open_metadata_contact: str | None = setting(
        None, "Mail or URL that MusicBrainz wants in the User-Agent."
    )

    open_metadata_sources: tuple[Literal["musicbrainz", "listenbrainz"], ...] = setting(
        ("musicbrainz", "listenbrainz"),
        "Which of the two are asked; none: neither.",
        changes_release=True,
    )
    open_metadata_tags: bool = setting(
        True,
        "Genres people tagged count and are exported; they are CC BY-NC-SA.",
        changes_release=True,
    )
    open_metadata_retry_days: float = setting(
        30,
        "First gap before open metadata that was not found is asked again; each doubles.",
        gt=0,
        le=36_500,
    )
    musicbrainz_interval: float = setting(
        0,
        "Seconds between two calls; 0: 1.1 at MusicBrainz (never less), none at a loopback server.",
        ge=0,
        le=3600,
    )

    # Places
    database_url: str | None = setting(
        None,
        "The store; unset means an SQLite file in CACHE_DIR.",
        repr=False,
        changes_release=False,
    )
    fleet_job: Membership | None = setting(
        None, "JOB:ATTEMPT of a fleet that a run belongs to; its worker sets it."
    )
    clock_repair: bool = setting(
        False,
        "Whether moments that the store holds of the future become now: a clock ran ahead.",
    )
    store_renew: bool = setting(False, "Begin a new store although a corrupt one was set aside.")
    cache_dir: Path = setting(
        Path(".cache"), "Store and discovery snapshots.", changes_release=False
    )
    export_dir: Path = setting(Path("export"), "Releases.", changes_release=False)
    seeds_dir: Path = setting(
        Path("seeds"), "Seed templates and the umbrella map.", changes_release=False
    )
    kexp_overrides: Path = setting(
        Path("seeds/kexp_overrides.yml"),
        "Which song a KEXP play is, by a person's word; need not exist.",
    )
    source_date_epoch: int | None = setting(
        None,
        "Fixes the manifest's createdAt for byte-for-byte builds.",
        ge=0,
        changes_release=False,
    )

    # What is asked
    market: str = setting("US", "The market a track must be playable in.", changes_release=True)
    primary_markets: tuple[str, ...] = setting(
        ("US", "CA", "GB", "AU"), "Markets reported per track.", min_length=1, changes_release=True
    )
    frontier: Literal["deficit", "rotation", "template"] = setting(
        "deficit", "How the next page is chosen."
    )
    page_size: int = setting(0, "Rows a page; 0 is the most the regime allows.", ge=0, le=100)
    seed_dedupe: bool = setting(True, "Seeds that normalise to the same words are asked once.")
    max_results_per_seed: int = setting(
        200, "Most rows read from one track search.", ge=1, le=1000, changes_release=True
    )
    top_playlists_per_seed: int = setting(
        5, "Most playlists taken from one playlist search.", ge=1, le=50
    )
    max_items_per_playlist: int = setting(500, "Most rows read from one playlist.", ge=1, le=11000)
    round_pages: int = setting(
        32,
        "Pages chosen at once from the committed ledger; more overlap, later learning.",
        ge=1,
        le=1000,
    )
    seed_refresh_days: float = setting(
        30,
        "Age at which an exhausted search is asked again.",
        ge=0,
        le=36_500,
    )
    playlist_check_age: float = setting(
        0,
        "Hours a known snapshot id is trusted without a new look.",
        ge=0,
        le=36_500,
    )
    artist_refresh_days: float = setting(
        90,
        "Age at which an artist is asked again.",
        ge=0,
        le=36_500,
    )
    artist_single_calls: int = setting(
        20,
        "Most artists asked one by one in a run, where the key has no batch read for them.",
        ge=0,
    )
    recco_features_version: str = setting(
        "1", "Raise it to have all features asked again.", min_length=1
    )
    miss_retry_days: float = setting(
        7,
        "First gap before a feature miss is asked again; each further gap doubles.",
        gt=0,
        le=36_500,
    )
    regime_max_age_days: float = setting(
        7,
        "Age at which the key's regime is probed again.",
        ge=0,
        le=36_500,
    )

    # Manners
    spotify_concurrency: int = setting(
        6,
        "Most requests in flight to Spotify; all of them are lost when a quota is spent. It begins "
        "with 2 and grows while none is refused.",
        ge=1,
        le=32,
    )
    reccobeats_concurrency: int = setting(
        2, "Requests in flight to ReccoBeats at first.", ge=1, le=6
    )
    reccobeats_most: int = setting(
        6, "Requests in flight to ReccoBeats while it refuses none.", ge=1, le=6
    )
    kexp_pause_seconds: float = setting(
        0.25,
        "Pause between two pages of KEXP; a loopback server is asked at once.",
        ge=0,
        le=60,
    )
    kexp_backoff_seconds: float = setting(
        1.0,
        "First wait after a refused or failed page of KEXP; doubles, three times at most.",
        ge=0,
        le=60,
    )
    quota_limits: dict[str, int] = setting(
        {},
        "Most Spotify calls in 24 h by family, such as search=600,playlist=300.",
    )
    quota_share: float = setting(
        1.0,
        "Share of the daily limits this project may use; the rest is for other apps.",
        gt=0,
        le=1,
    )
    spotify_start_rate: int = setting(
        0,
        "Calls in 30 s to begin with; 0: 30 at Spotify, unpaced at a loopback server.",
        ge=0,
    )
    api_retries: int = setting(
        4,
        "Tries after the first for 5xx, resets, time-outs, cut answers and short 429s.",
        ge=0,
        le=20,
    )
    api_backoff_seconds: float = setting(
        0.5,
        "First back-off; doubles each try, full jitter.",
        ge=0,
        le=3600,
    )
    max_wait_seconds: float = setting(
        60,
        "A longer Retry-After ends the run with exit 75.",
        ge=0,
        le=604_800,
    )

    # What is kept
    min_duration_ms: int = setting(120_000, "Shortest track.", ge=1, changes_release=True)
    max_duration_ms: int = setting(360_000, "Longest track.", ge=1, changes_release=True)
    content_policy: ContentPolicy = setting(
        ContentPolicy(),
        "What becomes of tracks with a content label, such as karaoke=reject,live=keep.",
        changes_release=True,
    )
    dedupe_policy: Literal["id+isrc+soft", "id+isrc", "id"] = setting(
        "id+isrc+soft",
        "Which duplicates are collapsed; soft: same artist, title and version within 2 s.",
        changes_release=True,
    )
    global_cap: int = setting(40_000, "Most tracks of a release.", ge=1, changes_release=True)
    cell_minimum: int = setting(
        400, "Tracks wanted in each umbrella-decade cell.", ge=0, changes_release=True
    )
    cell_target: int = setting(
        800, "Tracks a cell is served before the rest is filled.", ge=0, changes_release=True
    )
    backfill_order: tuple[Literal["soft", "neighbour", "decade"], ...] = setting(
        ("soft", "neighbour", "decade"),
        "How cells below the minimum are helped, in this order; none: not at all.",
        changes_release=True,
    )
    feature_coverage_min: float = setting(
        0.95, "Gate: share of tracks with audio features.", ge=0, le=1, changes_release=True
    )
    year_coverage_min: float = setting(
        0.90, "Gate: share of tracks with a release year.", ge=0, le=1, changes_release=True
    )
    min_tracks: int = setting(1, "Gate: fewest tracks of a release.", ge=0, changes_release=True)
    feature_null_max: float = setting(
        0.05,
        "Gate: most nulls of a feature field, of tracks with tempo and energy.",
        ge=0,
        le=1,
        changes_release=True,
    )
    mean_duration_min_ms: int = setting(
        150_000, "Gate: least mean length, from 100 tracks on.", ge=0, changes_release=True
    )
    mean_duration_max_ms: int = setting(
        330_000, "Gate: largest mean length, from 100 tracks on.", ge=0, changes_release=True
    )
    vote_confidence_min: float = setting(
        0.75,
        "Confidence from which a track without artist genres may fill a cell.",
        ge=0,
        le=1,
        changes_release=True,
    )
    suitability: Literal["rank", "gate"] = setting(
        "rank", "Whether tracks that suit no run rank last or are rejected.", changes_release=True
    )
    decade_from: Literal["album", "original"] = setting(
        "album",
        "Which year puts a track into a cell: its album's, or that of the song's first release.",
        changes_release=True,
    )
    drift_max: float = setting(
        0.15,
        "Share of tracks that may change decade or umbrella between two releases.",
        ge=0,
        le=1,
        changes_release=True,
    )
    drift_gates: Literal["warn", "fail"] = setting(
        "warn", "Whether more drift than that warns or refuses the release.", changes_release=True
    )
    keep_releases: int = setting(
        5, "Releases kept on disk, the newest first.", ge=1, changes_release=False
    )
    raw_retention_days: float = setting(
        90,
        "Age at which stored raw pages are dropped.",
        ge=0,
        le=36_500,
    )

    @field_validator("fleet_job", mode="before")
    @classmethod
    def _member(cls, value: Any) -> Any:
        return Membership.parse(value) if isinstance(value, str) else value

    @field_validator("spotify_profile")
    @classmethod
    def _known(cls, value: str) -> str:
        names = ("auto", *resources.modules("apis/spotify/regimes"))
        if value not in names:
            raise ValueError(f"no such regime; use one of {', '.join(names)}")
        return value

    @field_validator("primary_markets", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip().upper() for part in value.split(",") if part.strip())
        return value

    @field_validator("backfill_order", mode="before")
    @classmethod
    def _steps(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts = tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return () if parts == ("none",) else parts

    @field_validator("backfill_order")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a step stands twice; name each once")
        return value

    @field_validator("open_metadata_sources", mode="before")
    @classmethod
    def _sources(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts = tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return () if parts == ("none",) else parts

    @field_validator("quota_limits", mode="before")
    @classmethod
    def _families(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        limits = {}
        for part in filter(None, (p.strip() for p in value.split(","))):
            name, _, number = part.partition("=")
            if name not in _QUOTA_FAMILIES or not number.isdigit():
                names = ", ".join(_QUOTA_FAMILIES)
                raise ValueError(f"{part!r} is not FAMILY=NUMBER with one of {names}")
            limits[name] = int(number)
        return limits

    @field_validator("content_policy", mode="before")
    @classmethod
    def _treatments(cls, value: Any) -> Any:
        return ContentPolicy.parse(value) if isinstance(value, str) else value

    @field_validator("market", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("market", "primary_markets")
    @classmethod
    def _country(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for code in (value,) if isinstance(value, str) else value:
            if not re.fullmatch(r"[A-Z]{2}", code):
                raise ValueError(f"{code!r} is not a two-letter country code, such as US")
            if code not in MARKETS:
                raise ValueError(f"{code!r} is no market of Spotify: {cure(code)}")
        return value

    @field_validator("cache_dir", "export_dir", "seeds_dir", "token_file", "kexp_overrides")
    @classmethod
    def _a_name(cls, value: Path) -> Path:
        longest = max((len(part.encode(errors="replace")) for part in value.parts), default=0)
        if longest > _LONGEST_NAME or len(str(value).encode(errors="replace")) > _LONGEST_PATH:
            raise ValueError("no file can have so long a name")
        return value

    @field_validator("*")
    @classmethod
    def _safe_url(cls, value: Any, info: ValidationInfo) -> Any:
        return check_base_url(value) if (info.field_name or "").endswith("_base_url") else value

    @model_validator(mode="after")
    def _durations(self) -> Config:
        if self.min_duration_ms > self.max_duration_ms:
            raise ValueError("MIN_DURATION_MS is above MAX_DURATION_MS; swap them")
        return self

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Setting names, upper case, in declaration order."""
        return tuple(name.upper() for name in cls.model_fields)

    @classmethod
    def changing_release(cls) -> frozenset[str]:
        """Fields that a release depends on beside the store."""
        return frozenset(
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict)
            and field.json_schema_extra["changes_release"]
        )

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Config:
        """Read and validate the project's settings; raises `ConfigurationError` in one line."""
        if problem := settings.get("CONFIG_PROBLEM"):
            raise ConfigurationError(problem)
        values = {name: settings.get(name.upper()) for name in cls.model_fields}
        values = {name: value for name, value in values.items() if value not in (None, "")}
        for name, value in values.items():
            if isinstance(value, str | Path) and (fault := _no_text(str(value))):
                told = "" if _secret(name) else f" (got {str(value)!r})"
                raise ConfigurationError(f"{name.upper()}: {fault}; write it anew{told}")
        try:
            config = cls.model_validate(values)
        except ValidationError as error:
            raise ConfigurationError(explain(error, upper=True)) from None
        places = {
            name: project_dir() / getattr(config, name)
            for name in ("cache_dir", "export_dir", "seeds_dir", "token_file", "kexp_overrides")
        }
        if "seeds_dir" not in values and not places["seeds_dir"].exists():
            # Installed, and not run in a checkout: those that came with the package.
            with suppress(FileNotFoundError):
                places["seeds_dir"] = resources.folder("seeds")
        return config.model_copy(update=places)

    @property
    def policy(self) -> Policy:
        """The rules of eligibility."""
        return Policy(
            self.market,
            self.min_duration_ms,
            self.max_duration_ms,
            self.suitability,
            self.content_policy,
        )

    def ledger_of(self, api: str) -> str:
        """What the ledger of calls and refusals calls the account that an API is asked with."""
        own = self.spotify_account is not None and api in _OF_ACCOUNT
        return f"{api}:{self.spotify_account}" if own else api

    def source_of(self, name: str) -> str:
        """Where data of a base URL comes from: the service's name, `sandbox`, or a host.

        Loopback is always called sandbox: nothing served from this machine may pass for real.
        """
        host = urlsplit(getattr(self, name)).hostname or ""
        if host == urlsplit(type(self).model_fields[name].default).hostname:
            return name.split("_")[0]
        return SANDBOX if is_loopback(host) else host


def is_loopback(host: str) -> bool:
    """True for `localhost` and literal loopback addresses."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_base_url(value: str) -> str:
    """A usable base URL without trailing slash; plain HTTP only on loopback (the contract)."""
    parts = urlsplit(value.strip())
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("a base URL carries no user, password, query or fragment")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{value!r} is not an http(s) URL")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f"{value!r} would send credentials in the clear; use https://")
    return value.strip().rstrip("/")


def explain(error: ValidationError, *, upper: bool = False) -> str:
    """A validation error as one line: `NAME: what is wrong (got …)`, secrets left out."""
    lines = []
    for problem in error.errors(include_url=False):
        name = ".".join(str(part) for part in problem["loc"][:1])
        message = problem["msg"].removeprefix("Value error, ")
        shown = f" (got {problem.get('input')!r})" if name and not _secret(name) else ""
        if problem["type"] == "extra_forbidden":
            message = "there is no such argument"
        lines.append(f"{name.upper() if upper else name}: {message}{shown}".removeprefix(": "))
    return "; ".join(lines)


def _secret(name: str) -> bool:
    """Whether a value of that name may be or hold a secret."""
    return any(word in name for word in ("secret", "token", "key", "url", "database"))


def _no_text(value: str) -> str | None:
    """What keeps a value from being one line of text; the value itself may be a secret."""
    try:
        value.encode()
    except UnicodeEncodeError:
        # Bytes of the environment that are no UTF-8 come as lone surrogates.
        return "it is not UTF-8 text"
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value.strip()):
        return "it holds a control character"
    return None


def env_file() -> Path:
    """Where the project's `.env` is, if there is one."""
    return project_dir() / ".env"


def open_to_others(path: Path) -> bool:
    """Whether anybody but its owner may read or change a file; False where there is none."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def read_env_file(path: Path) -> dict[str, str]:
    """The assignments of a `.env` file; a line that is none is refused, not skipped.

    Values are taken as they stand: `${…}` in one is part of a secret, not a variable.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}; mend or move it") from None
    for binding in parse_stream(StringIO(text)):
        line = binding.original.line
        if binding.error or (binding.key is not None and binding.value is None):
            # Step over leading blank lines, which the parser counts as part of the binding.
            skipped = re.match(r"\s*\n", binding.original.string)
            line += skipped.group().count("\n") if skipped else 0
            raise ConfigurationError(
                f"{path.name} line {line}: not NAME=value; mend the line or put # before it"
            )
    if "\0" in text:
        raise ConfigurationError(f"{path.name} holds a NUL byte; write it anew as plain text")
    # From the text: given the path, older versions of the reader take a byte order mark for a
    # part of the first name.
    found = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: value for name, value in found.items() if value is not None}


def environment(names: Iterable[str], env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Values of `.env` and the environment (which wins) for the given setting names."""
    given = os.environ if env is None else env
    kept = {} if given.get(NO_ENV_FILE) else read_env_file(env_file())
    values = {**kept, **given}
    return {name: values[name] for name in names if values.get(name)}


def utc_now() -> int:
    """Seconds since 1970, UTC: the only clock the store is written from."""
    return int(datetime.now(UTC).timestamp())
