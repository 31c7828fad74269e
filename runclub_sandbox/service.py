"""What every API of the sandbox shares: the call, the reply, the state they act on.

A new API (KEXP, say) is one more :class:`Service` in the list :func:`.server.services` gives.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from .faults import FaultDraw
from .limits import Bucket, Penalties, Window, retry_after
from .odd import Odd, shares
from .open_truth import OpenTruth
from .options import ALL_FAMILIES, SandboxOptions
from .search import SearchIndex
from .stats import Stats
from .tokens import Tokens
from .world import World, hashed

if TYPE_CHECKING:
    from .kexp import Airings


@dataclass(slots=True)
class Call:
    """One request to an API, as far as the API cares.

    Attributes:
        method: upper case.
        parts: the path below the API's prefix, in segments.
        query: every parameter with all its values.
        headers: names in lower case.
        form: the form body of a POST.
        body: any other body of a POST.
        base: URL of the API's root, for links.
        family: what statistics count it under; set by :meth:`Service.classify`.
        bucket: quota family, if any.
        kind: what ``ids`` are, or None.
        ids: ids the request names.
        batch: whether it takes many ids.
        client: whose token it carries, if that is known.
    """

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    form: Mapping[str, str]
    base: str
    body: bytes = b""
    family: str = "unknown"
    bucket: str | None = None
    kind: str | None = None
    ids: tuple[str, ...] = ()
    batch: bool = False
    client: str = ""

    def first(self, name: str) -> str | None:
        """The first value of a parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    def listed(self, name: str) -> tuple[str, ...]:
        """A list parameter, comma-separated, repeated or both; empty parts dropped."""
        return tuple(
            part for value in self.query.get(name, ()) for part in value.split(",") if part
        )

    @property
    def page(self) -> str:
        """Method, path, sorted query and a digest of a JSON body.

        ``query`` of a ``next`` link counts as ``q``.
        """
        pairs = sorted(
            f"{'q' if name == 'query' else name}={value}"
            for name, values in self.query.items()
            for value in values
        )
        body = f"#{hashed(self.body.hex()):x}" if self.body else ""
        return f"{self.method} /{'/'.join(self.parts)}?{'&'.join(pairs)}{body}"


@dataclass(slots=True)
class Reply:
    """An answer before it is put on the wire; ``refused`` marks what the regime does not have."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    refused: bool = False


class Service(Protocol):
    """One API."""

    name: str
    prefix: str

    def classify(self, call: Call) -> None:
        """Fills the call's family, bucket and ids."""

    def answer(self, call: Call) -> Reply:
        """The API's answer; only called when no fault got in the way."""

    def server_error(self, status: int) -> Reply:
        """What the API says with a 5xx."""

    def too_many(self, *, quota: bool) -> Reply:
        """What the API says with a 429; Retry-After is added by the caller."""


class State:
    """What the running server knows: options, world, index, tokens, limits and counters."""

    def __init__(self, options: SandboxOptions, world: World) -> None:
        self.world = world
        self.index = SearchIndex(world)
        self.open_truth = OpenTruth(world)
        self._airings: Airings | None = None
        self.begin(options)

    def begin(self, options: SandboxOptions) -> None:
        """Starts over what is not the world: these options, no token, nothing counted yet."""
        self.options = options
        self.stats = Stats()
        self.draw_faults()
        self.tokens = Tokens(options)
        #: Requests by API since the start or the last reset of the statistics.
        self.numbers: dict[str, int] = {}
        self.reset_limits()

    def draw_faults(self) -> None:
        """Begins with the faults of the options, which are drawn from the first request on."""
        self.faults = FaultDraw(self.options.seed)
        self.odd = Odd(self.options.seed, shares(self.options.faults))

    @property
    def airings(self) -> Airings:
        """KEXP's plays; made when first asked for."""
        if self._airings is None:
            from .kexp import build

            options = self.options
            self._airings = build(
                self.world, self.open_truth, options.data, options.seed, options.kexp_weeks
            )
        return self._airings

    def forget_airings(self) -> None:
        """KEXP's plays are as they were at the start."""
        self._airings = None

    def reset_limits(self) -> None:
        """Empties every rate window and quota and forgets the announced waits."""
        self.penalties = Penalties()
        self._windows: dict[str, Window] = {}
        self._buckets: dict[str, Bucket] = {}

    def world_changed(self) -> None:
        """Rebuilds the index and what the open databases know."""
        self.index = SearchIndex(self.world)
        self.open_truth = OpenTruth(self.world)

    def scope(self, service: Service, call: Call) -> str:
        """What limits and waits go by: an API, for each of its further clients another."""
        if call.client in {"", self.options.client_id}:
            return service.name
        return f"{service.name}@{call.client}"

    def window(self, scope: str) -> Window:
        """The rate window of a scope."""
        return self._windows.setdefault(scope, Window())

    def limit(self, service: Service, call: Call, limit: int | None) -> Reply | None:
        """Asks the rate window, then the quota bucket; the 429 when one of them refuses."""
        now, options, scope = time.time(), self.options, self.scope(service, call)
        if wait := self.window(scope).ask(now, limit, options.rate_window):
            return self.refuse(service, wait, scope=scope, quota=False)
        if call.bucket is None:
            return None
        quotas = options.daily_quota
        allowed = quotas.get(call.bucket, quotas.get(ALL_FAMILIES))
        family = f"{scope}:{call.bucket}"
        bucket = self._buckets.setdefault(family, Bucket())
        if wait := bucket.ask(now, allowed, options.day_seconds):
            return self.refuse(service, wait, scope=family, quota=True)
        return None

    def refuse(self, service: Service, wait: float, *, scope: str, quota: bool) -> Reply:
        """A 429 whose announced wait is remembered for the scope."""
        reply = service.too_many(quota=quota)
        value, until = retry_after(self.options.retry_after_form, wait)
        if value is not None:
            reply.headers["Retry-After"] = value
            self.penalties.announce(scope, time.time(), until)
        return reply


def json_reply(status: int, content: Any, **headers: str) -> Reply:
    """A JSON answer; header names are written with ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, orjson.dumps(content), headers=named)
