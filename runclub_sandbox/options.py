"""What the sandbox can be told: one frozen dataclass, its command line and its checks."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from .odd import ODD
from .quotes import FILTER_FORMS
from .regimes import REGIMES
from .withhold import KINDS

RETRY_AFTER_FORMS = ("seconds", "date", "none")
ACCOUNT_STATES = ("ok", "not-premium", "not-allowlisted")
FAULT_KINDS = ("500", "502", "503", "504", "429", "truncated", "reset", "slow", "expired", ODD)
FAULT_APIS = ("accounts", "spotify", "reccobeats", "kexp", "musicbrainz", "listenbrainz")
QUOTA_FAMILIES = ("search", "playlist", "playlist_items", "track", "artist", "album", "me")
ALL_FAMILIES = "*"

DEMO_CLIENT_ID = "sandbox-client"
DEMO_CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - opens only this loopback server
DEMO_REFRESH_TOKEN = "sandbox-refresh"  # noqa: S105


class OptionError(ValueError):
    """An option the sandbox cannot be run with; the message is one line for the user."""


def _frozen() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Key:
    """A client, its secret, and the refresh token of its user that is known at start."""

    client_id: str
    client_secret: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Every option of the sandbox.

    Attributes:
        port: TCP port on 127.0.0.1; 0 takes a free one.
        regime: a name of `regimes.REGIMES` (the reference's EXT and DEV-NEW).
        seed: shapes the built-in world and the faults.
        data: directory that holds ``spotify/`` with the real tables; None for the built-in world.
        first_editions: the built-in world also has first editions of songs it knows by later ones.
        plain: answers are neither packed nor framed and spelt in changing ways.
        latency_ms: added to every API answer.
        rate_limit: Spotify calls per app and window before 429; None for no limit.
        rate_window: length of that window, seconds.
        retry_after_form: how 429 tells the wait: seconds, an HTTP date, or not at all.
        daily_quota: calls per quota family and day, family ``*`` for every other one.
        day_seconds: length of the quota's day, shortened by tests.
        faults: rate 0-1 per fault, key ``KIND`` or ``API:KIND``; that of ``odd`` is a share of
            the rows, which are damaged in the same way in every answer.
        slow_seconds: what the fault ``slow`` adds.
        fault_retry_after: Retry-After of the fault ``429``, seconds.
        filter_forms: forms in which search filters for a text give rows, of `FILTER_FORMS`.
        plain_apostrophes: a filter with a typographic apostrophe gives no rows.
        withhold: share 0-1 of the objects that lack a field, key ``kind.field``.
        token_lifetime: seconds an access token works.
        recco_rate_limit: ReccoBeats calls per window before 429.
        kexp_rate_limit: KEXP calls per window before 429.
        kexp_weeks: how often KEXP's real week is repeated, one before the other.
        kexp_arrivals: plays that come in with every page of KEXP that is asked.
        kexp_poison: one row of every page of KEXP is wrong in every way.
        musicbrainz_interval: least mean distance of MusicBrainz calls, seconds; None: any.
        musicbrainz_busy: share of MusicBrainz calls that meet a 503 at any speed, 0-1.
        listenbrainz_rate_limit: ListenBrainz calls per ten seconds before 429; None: its own 30.
        account_state: ``not-premium`` refuses every call, ``not-allowlisted`` those of users.
        rotate_refresh_token: a refresh answers with a new refresh token and ends the old one.
        deny_authorize: the user presses "cancel" on the consent page.
        clients: how many clients are known, each with a rate window and quotas of its own.
        client_id: the first client; the others' end in ``-2``, ``-3`` and so on.
        client_secret: its secret; the others' end likewise.
        refresh_token: the refresh token of the first that is known at start; likewise.
        ready_file: written with KEY=value lines once the port is open.
    """

    port: int = 8790
    regime: str = "extended"
    seed: int = 1
    data: Path | None = None
    first_editions: bool = False
    plain: bool = False
    latency_ms: float = 0.0
    rate_limit: int | None = None
    rate_window: float = 30.0
    retry_after_form: str = "seconds"
    daily_quota: Mapping[str, int] = field(default_factory=_frozen)
    day_seconds: float = 86_400.0
    faults: Mapping[str, float] = field(default_factory=_frozen)
    slow_seconds: float = 3.0
    fault_retry_after: float = 1.0
    filter_forms: tuple[str, ...] = FILTER_FORMS
    plain_apostrophes: bool = False
    withhold: Mapping[str, float] = field(default_factory=_frozen)
    token_lifetime: float = 3600.0
    recco_rate_limit: int | None = None
    kexp_rate_limit: int | None = None
    kexp_weeks: int = 1
    kexp_arrivals: int = 0
    kexp_poison: bool = False
    musicbrainz_interval: float | None = None
    musicbrainz_busy: float = 0.01
    listenbrainz_rate_limit: int | None = None
    account_state: str = "ok"
    rotate_refresh_token: bool = False
    deny_authorize: bool = False
    clients: int = 1
    client_id: str = DEMO_CLIENT_ID
    client_secret: str = DEMO_CLIENT_SECRET
    refresh_token: str = DEMO_REFRESH_TOKEN
    ready_file: Path | None = None

    def __post_init__(self) -> None:
        _one_of("--regime", self.regime, tuple(REGIMES))
        _one_of("--retry-after-form", self.retry_after_form, RETRY_AFTER_FORMS)
        _one_of("--account-state", self.account_state, ACCOUNT_STATES)
        if not 0 <= self.port <= 65_535:
            raise OptionError(f"--port must be 0-65535, not {self.port}")
        for flag, limit in (
            ("--rate-limit", self.rate_limit),
            ("--recco-rate-limit", self.recco_rate_limit),
            ("--kexp-rate-limit", self.kexp_rate_limit),
            ("--kexp-weeks", self.kexp_weeks),
            ("--clients", self.clients),
            ("--listenbrainz-rate-limit", self.listenbrainz_rate_limit),
        ):
            if limit is not None and limit < 1:
                raise OptionError(f"{flag} must be at least 1, not {limit}")
        for flag, seconds in (
            ("--rate-window", self.rate_window),
            ("--day-seconds", self.day_seconds),
            ("--token-lifetime", self.token_lifetime),
        ):
            if not seconds > 0:
                raise OptionError(f"{flag} must be above 0, not {seconds:g}")
        for flag, amount in (
            ("--latency-ms", self.latency_ms),
            ("--slow-seconds", self.slow_seconds),
            ("--fault-retry-after", self.fault_retry_after),
            ("--kexp-arrivals", self.kexp_arrivals),
            ("--musicbrainz-interval", self.musicbrainz_interval or 0.0),
        ):
            if not amount >= 0:
                raise OptionError(f"{flag} must be 0 or more, not {amount:g}")
        for family, calls in self.daily_quota.items():
            _one_of("--daily-quota", family, (*QUOTA_FAMILIES, ALL_FAMILIES))
            if calls < 0:
                raise OptionError(f"--daily-quota {family} must be 0 or more, not {calls}")
        for name, rate in self.faults.items():
            api, _, kind = name.rpartition(":")
            if api:
                _one_of("--fault", api, FAULT_APIS)
            _one_of("--fault", kind, FAULT_KINDS)
            if not 0 <= rate <= 1:
                raise OptionError(f"--fault {name} must be a rate 0-1, not {rate:g}")
        for form in self.filter_forms:
            _one_of("--filter-forms", form, FILTER_FORMS)
        for name, share in self.withhold.items():
            kind, _, called = name.partition(".")
            _one_of("--withhold", kind, KINDS)
            if not called or not 0 <= share <= 1:
                raise OptionError(f"--withhold wants KIND.FIELD[=SHARE 0-1], not {name}={share:g}")
        if not 0 <= self.musicbrainz_busy <= 1:
            raise OptionError(
                f"--musicbrainz-busy must be a share 0-1, not {self.musicbrainz_busy:g}"
            )
        if self.data is not None and not (self.data / "spotify").is_dir():
            raise OptionError(f"--data {self.data} holds no directory 'spotify'")

    @property
    def keys(self) -> tuple[Key, ...]:
        """The clients that are known."""
        ends = ("", *(f"-{number}" for number in range(2, self.clients + 1)))
        return tuple(
            Key(self.client_id + end, self.client_secret + end, self.refresh_token + end)
            for end in ends
        )

    def changed(self, changes: Mapping[str, object]) -> SandboxOptions:
        """These options with some replaced at runtime.

        Args:
            changes: field name (``-`` or ``_``) to a JSON value.

        Raises:
            OptionError: an unknown or start-time-only field, or a bad value.
        """
        new: dict[str, Any] = {}
        for name, value in changes.items():
            key = name.replace("-", "_")
            if key not in RUNTIME_FIELDS:
                raise OptionError(f"{name!r} cannot be changed while the sandbox runs")
            new[key] = _from_json(key, value)
        return replace(self, **new)

    def arguments(self) -> list[str]:
        """The command line that gives these options again."""
        found: list[str] = []
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None or value is False:
                continue
            flag = "--" + item.name.replace("_", "-")
            if item.name == "daily_quota":
                for family, calls in value.items():
                    found += [flag, f"{family}={calls}"]
            elif item.name == "filter_forms":
                found.append(f"{flag}={','.join(value)}")
            elif item.name == "withhold":
                for name, share in value.items():
                    found += [flag, f"{name}={share!r}"]
            elif item.name == "faults":
                for name, rate in value.items():
                    found += ["--fault", f"{name}={rate!r}"]
            elif value is True:
                found.append(flag)
            else:
                found.append(f"{flag}={value}")
        return found


#: Options that may be replaced while the server runs (``POST /__faults``, ``POST /__world``).
RUNTIME_FIELDS = frozenset(
    {
        "regime",
        "plain",
        "latency_ms",
        "rate_limit",
        "rate_window",
        "retry_after_form",
        "daily_quota",
        "day_seconds",
        "faults",
        "slow_seconds",
        "fault_retry_after",
        "filter_forms",
        "plain_apostrophes",
        "withhold",
        "token_lifetime",
        "recco_rate_limit",
        "kexp_rate_limit",
        "kexp_arrivals",
        "kexp_poison",
        "musicbrainz_interval",
        "musicbrainz_busy",
        "listenbrainz_rate_limit",
        "account_state",
        "rotate_refresh_token",
        "deny_authorize",
    }
)

_INTEGERS = frozenset(
    {
        "port",
        "seed",
        "rate_limit",
        "recco_rate_limit",
        "kexp_rate_limit",
        "kexp_weeks",
        "kexp_arrivals",
        "listenbrainz_rate_limit",
        "clients",
    }
)
_NUMBERS = frozenset(
    {
        "latency_ms",
        "rate_window",
        "day_seconds",
        "slow_seconds",
        "fault_retry_after",
        "token_lifetime",
        "musicbrainz_interval",
        "musicbrainz_busy",
    }
)
_UNLIMITED = frozenset(
    {
        "rate_limit",
        "recco_rate_limit",
        "kexp_rate_limit",
        "musicbrainz_interval",
        "listenbrainz_rate_limit",
    }
)
_SWITCHES = frozenset(
    {
        "first_editions",
        "plain",
        "plain_apostrophes",
        "rotate_refresh_token",
        "deny_authorize",
        "kexp_poison",
    }
)
_PATHS = frozenset({"data", "ready_file"})

_FAULT_HELP = (
    f"inject a fault; repeatable; {', '.join(FAULT_KINDS)}; {ODD} damages that share of all rows"
)
_HELP: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "port": ("N", "port on 127.0.0.1; 0 takes a free one (8790)"),
        "regime": ("NAME", f"{' or '.join(REGIMES)} (extended)"),
        "seed": ("N", "seed of the built-in world and of the faults (1)"),
        "data": ("DIR", "serve the real tables under DIR/spotify instead of the built-in world"),
        "first_editions": ("", "add first editions of songs that the built-in world has late"),
        "plain": ("", "send answers plain: not packed, framed and spelt in one way"),
        "latency_ms": ("MS", "wait before every API answer (0)"),
        "rate_limit": ("N", "Spotify calls per window before 429 (none)"),
        "rate_window": ("S", "length of the rate window, seconds (30)"),
        "retry_after_form": ("FORM", "Retry-After of a 429: seconds, date or none (seconds)"),
        "daily_quota": ("[FAMILY=]N", "calls per family and day before QUOTA_EXCEEDED; repeatable"),
        "day_seconds": ("S", "length of the quota's day (86400)"),
        "fault": ("[API:]KIND=RATE", _FAULT_HELP),
        "slow_seconds": ("S", "what the fault 'slow' waits (3)"),
        "fault_retry_after": ("S", "Retry-After of the fault '429' (1)"),
        "filter_forms": ("FORM,…", "forms of search filters that give rows (double,single,bare)"),
        "plain_apostrophes": ("", "a typographic apostrophe in a search filter gives no rows"),
        "withhold": ("KIND.FIELD[=SHARE]", "leave a field out of all objects or of a share"),
        "token_lifetime": ("S", "seconds an access token works (3600)"),
        "recco_rate_limit": ("N", "ReccoBeats calls per window before 429 (none)"),
        "kexp_rate_limit": ("N", "KEXP calls per window before 429 (none)"),
        "kexp_weeks": ("N", "repeat KEXP's real week so often, one before the other (1)"),
        "kexp_arrivals": ("N", "plays that come in with every page of KEXP (0)"),
        "kexp_poison": ("", "one row of every page of KEXP is wrong in every way"),
        "musicbrainz_interval": ("S", "MusicBrainz calls closer together meet 503 (any)"),
        "musicbrainz_busy": ("SHARE", "MusicBrainz calls that meet a 503 at any speed (0.01)"),
        "listenbrainz_rate_limit": ("N", "ListenBrainz calls in 10 s before 429 (30)"),
        "account_state": ("STATE", "ok, not-premium or not-allowlisted (ok)"),
        "rotate_refresh_token": ("", "a refresh answers with a new refresh token"),
        "deny_authorize": ("", "the consent page answers error=access_denied"),
        "clients": (
            "N",
            "clients known, the others' names end in -2, -3, …; limits are each's (1)",
        ),
        "client_id": ("ID", f"the client known ({DEMO_CLIENT_ID})"),
        "client_secret": ("SECRET", f"its secret ({DEMO_CLIENT_SECRET})"),
        "refresh_token": ("TOKEN", f"the refresh token known ({DEMO_REFRESH_TOKEN})"),
        "ready_file": ("PATH", "write KEY=value lines here once the port is open"),
    }
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the sandbox's flags to a parser; values stay text until :func:`from_namespace`."""
    for name, (metavar, text) in _HELP.items():
        flag = "--" + name.replace("_", "-")
        if name in _SWITCHES:
            parser.add_argument(flag, action="store_true", help=text)
        elif name in {"fault", "daily_quota", "withhold"}:
            parser.add_argument(flag, action="append", default=[], metavar=metavar, help=text)
        else:
            parser.add_argument(flag, metavar=metavar, help=text)


def from_namespace(given: argparse.Namespace) -> SandboxOptions:
    """Options from parsed flags.

    Raises:
        OptionError: with one line that names the flag.
    """
    values: dict[str, Any] = {}
    for item in fields(SandboxOptions):
        name = item.name
        if name == "faults":
            values[name] = dict(_pair("--fault", text, float) for text in given.fault)
        elif name == "withhold":
            values[name] = dict(
                _pair("--withhold", text if "=" in text else f"{text}=1", float)
                for text in given.withhold
            )
        elif name == "daily_quota":
            values[name] = dict(
                _pair("--daily-quota", text if "=" in text else f"{ALL_FAMILIES}={text}", int)
                for text in given.daily_quota
            )
        elif name in _SWITCHES:
            values[name] = bool(getattr(given, name))
        elif (text := getattr(given, name)) is not None:
            values[name] = _from_text(name, text)
    return SandboxOptions(**values)


DESCRIPTION = (
    "Serve the offline twin of Spotify (accounts and Web API), ReccoBeats, KEXP, MusicBrainz and "
    "ListenBrainz over plain HTTP on 127.0.0.1 until stopped."
)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def parse(arguments: Sequence[str]) -> SandboxOptions:
    """Options from a command line; a bad flag prints one line and exits with 2."""
    parser = _Parser(
        prog="sandbox",
        description=DESCRIPTION,
    )
    add_arguments(parser)
    try:
        return from_namespace(parser.parse_args(arguments))
    except OptionError as error:
        parser.error(str(error))


def _one_of(flag: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise OptionError(f"{flag} must be one of {', '.join(allowed)}, not {value!r}")


def _from_text(name: str, text: str) -> Any:
    flag = "--" + name.replace("_", "-")
    if name in _PATHS:
        return Path(text)
    if name in _INTEGERS:
        return _number(flag, text, int)
    if name in _NUMBERS:
        return _number(flag, text, float)
    if name == "filter_forms":
        return tuple(text.split(","))
    return text


def _from_json(name: str, value: object) -> Any:
    if name in {"faults", "daily_quota", "withhold"}:
        kind = int if name == "daily_quota" else float
        if isinstance(value, int) and name == "daily_quota":
            value = {ALL_FAMILIES: value}
        if not isinstance(value, Mapping):
            raise OptionError(f"{name} must be an object, not {value!r}")
        return {str(key): _number(name, str(entry), kind) for key, entry in value.items()}
    if value is None and name in _UNLIMITED:
        return None
    if name in _SWITCHES:
        return bool(value)
    return _from_text(name, str(value))


def _number(flag: str, text: str, kind: type[int] | type[float]) -> float:
    try:
        number = kind(text)
        if not math.isfinite(number):
            raise ValueError
    except (ValueError, OverflowError):
        words = "a whole number" if kind is int else "a number"
        raise OptionError(f"{flag} must be {words}, not {text!r}") from None
    return number


def _pair(flag: str, text: str, kind: type[int] | type[float]) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    if not equals:
        raise OptionError(f"{flag} wants NAME=NUMBER, not {text!r}")
    return name, _number(flag, number, kind)
