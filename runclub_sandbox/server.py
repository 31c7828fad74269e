"""Puts the APIs together behind one port on 127.0.0.1 and serves until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from . import control, wire
from .accounts import Accounts
from .kexp import Kexp
from .listenbrainz import ListenBrainz
from .musicbrainz import MusicBrainz
from .odd_ones import odd_ones
from .options import OptionError, SandboxOptions
from .reccobeats import ReccoBeats
from .service import Call, Reply, Service, State
from .spotify import Spotify
from .world import World

HOST = "127.0.0.1"
MARK = "X-RunClub-Sandbox"


def services(state: State) -> list[Service]:
    """The APIs, in no particular order; their prefixes do not overlap."""
    return [
        Accounts(state),
        Spotify(state),
        ReccoBeats(state),
        Kexp(state),
        MusicBrainz(state),
        ListenBrainz(state),
    ]


def build_world(options: SandboxOptions) -> World:
    """The world the options ask for."""
    if options.data is not None:
        from .tables import load

        return load(options.data)
    from .builtin import build

    world = build(options.seed)
    if options.first_editions:
        from .open_truth import add_first_editions

        add_first_editions(world)
    return world


@contextlib.contextmanager
def no_collector() -> Iterator[None]:
    """Millions of records that stay are no work for the garbage collector."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def environment(port: int, options: SandboxOptions) -> dict[str, str]:
    """What a client exports to talk to this sandbox instead of the real services."""
    root = f"http://{HOST}:{port}"
    return {
        "SPOTIFY_CLIENT_ID": options.client_id,
        "SPOTIFY_CLIENT_SECRET": options.client_secret,
        "SPOTIFY_REFRESH_TOKEN": options.refresh_token,
        "SPOTIFY_API_BASE_URL": root + Spotify.prefix,
        "SPOTIFY_ACCOUNTS_BASE_URL": root + Accounts.prefix,
        "RECCOBEATS_BASE_URL": root + ReccoBeats.prefix,
        "KEXP_BASE_URL": root + Kexp.prefix,
        "MUSICBRAINZ_BASE_URL": root + MusicBrainz.prefix,
        "LISTENBRAINZ_BASE_URL": root + ListenBrainz.prefix,
    }


def make_app(state: State) -> web.Application:
    """The web application over a state."""
    app = web.Application(client_max_size=2**20)

    async def mark(_: web.Request, response: web.StreamResponse) -> None:
        response.headers[MARK] = state.world.id
        wire.respell(response, kept=MARK)

    app.on_response_prepare.append(mark)
    app.router.add_get("/__health", lambda _: _json(control.health(state)))
    app.router.add_get("/__odd", lambda _: _json(odd_ones(state)))
    app.router.add_get("/__stats", lambda _: _json(control.statistics(state)))

    async def reset(_: web.Request) -> web.Response:
        state.stats.reset()
        state.numbers.clear()
        state.odd.served.clear()
        return await _json({"reset": True})

    async def configure(request: web.Request) -> web.Response:
        try:
            return await _json(control.apply(state, orjson.loads(await request.read() or b"{}")))
        except (OptionError, orjson.JSONDecodeError) as problem:
            return await _json({"error": str(problem)}, 400)

    @web.middleware
    async def at_home(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keeps the control pages from what a page in somebody's browser can send."""
        if request.path.startswith("/__") and (said := control.strange(request.headers)):
            return await _json({"error": said}, 403)
        return await handler(request)

    app.middlewares.append(at_home)

    app.router.add_post("/__stats/reset", reset)
    app.router.add_post("/__faults", configure)
    app.router.add_post("/__world", configure)
    for service in services(state):
        gate = _Gate(state, service)
        app.router.add_route("*", service.prefix + "/{path:.*}", gate.handle)
    return app


class _Gate:
    """What stands before every API: counting, latency, faults, penalties."""

    def __init__(self, state: State, service: Service) -> None:
        self.state, self.service = state, service

    async def handle(self, request: web.Request) -> web.StreamResponse:
        state, api = self.state, self.service.name
        number = state.numbers[api] = state.numbers.get(api, 0) + 1
        state.stats.begin(api)
        family, status, client = "unknown", "reset", ""
        try:
            call = await self._read(request)
            self.service.classify(call)
            family, client = call.family, call.client
            now, scope = time.time(), state.scope(self.service, call)
            scopes = [scope, f"{scope}:{call.bucket}"]
            verdicts = {state.penalties.check(scope, now) for scope in scopes}
            verdict = "inside_window" if "inside_window" in verdicts else None
            state.stats.penalty(api, verdict or ("in_flight" if "in_flight" in verdicts else None))
            if state.options.latency_ms:
                await asyncio.sleep(state.options.latency_ms / 1000)
            fault = state.faults.draw(api, state.options.faults)
            if fault is not None:
                state.stats.fault(api, fault)
            if fault == "reset" and request.transport is not None:
                request.transport.abort()
                return web.Response(status=500)
            if fault == "slow":
                await asyncio.sleep(state.options.slow_seconds)
            reply = self._faulty(call, fault) or self.service.answer(call)
            if reply.refused:
                state.stats.refused(call.family)
            short = fault == "truncated" and reply.status == 200 and len(reply.body) > 2
            status = str(reply.status)
            # somebody who hung up during a slow answer was not served
            gone = request.transport is None or request.transport.is_closing()
            if reply.status == 200 and not short and not gone:
                state.stats.delivered(call.page, call.kind, call.ids, call.batch)
            headers = {"Content-Type": reply.content_type, **reply.headers}
            way = wire.PLAIN
            if not state.options.plain:
                way = wire.draw(state.options.seed, api, number, call.headers)
            state.stats.way(api, way.coding, way.framing)
            return await wire.send(request, reply.status, headers, reply.body, way, short=short)
        finally:
            state.stats.end(api, family, status, client)

    def _faulty(self, call: Call, fault: str | None) -> Reply | None:
        state, service = self.state, self.service
        if fault in {"500", "502", "503", "504"}:
            return service.server_error(int(fault))
        if fault == "429":
            wait = state.options.fault_retry_after
            scope = state.scope(service, call)
            window = state.window(scope)
            reply = state.refuse(service, wait, scope=scope, quota=False)
            if "Retry-After" in reply.headers:
                window.closed_until = max(window.closed_until, time.time() + wait)
            return reply
        if fault == "expired" and isinstance(service, Spotify):
            return service.expire(call)
        return None

    async def _read(self, request: web.Request) -> Call:
        prefix = self.service.prefix
        parts = [part for part in request.path.removeprefix(prefix).split("/") if part]
        form: dict[str, str] = {}
        body = b""
        if request.method == "POST" and request.content_type == "application/json":
            body = await request.read()
        elif request.method == "POST":
            try:
                sent = await request.post()
            except (LookupError, ValueError) as problem:  # an unknown charset, a broken body
                raise web.HTTPBadRequest from problem
            form = {name: value for name, value in sent.items() if isinstance(value, str)}
        return Call(
            method=request.method,
            parts=tuple(parts),
            query={name: request.query.getall(name) for name in request.query},
            headers={name.lower(): value for name, value in request.headers.items()},
            form=form,
            base=f"http://{request.host}{prefix}",
            body=body,
        )


async def _json(content: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")


def run(options: SandboxOptions) -> None:
    """Serves until SIGINT or SIGTERM.

    Raises:
        OptionError: the port is taken, or the data cannot be read.
    """
    with listen(options.port) as listening:
        try:
            with no_collector():
                state = State(options, build_world(options))
        except (OSError, ValueError) as problem:
            raise OptionError(f"cannot read {options.data}: {problem}") from None
        serve(listening, state)


def listen(port: int) -> socket.socket:
    """A socket on which requests may wait already; port 0 is a free one.

    Raises:
        OptionError: the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise OptionError(f"port {port} on {HOST} is taken") from None
    return listening


def serve(listening: socket.socket, state: State) -> None:
    """Answers from a state until SIGINT or SIGTERM."""
    asyncio.run(_serve(listening, state))


async def _serve(listening: socket.socket, state: State) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(state), access_log=None, shutdown_timeout=0.3)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    port = listening.getsockname()[1]
    announce(port, state)
    await stop.wait()
    await runner.cleanup()


def announce(port: int, state: State) -> None:
    """Prints what is served and the environment to export; writes the ready file."""
    world, exported = state.world, environment(port, state.options)
    what = "made-up data" if world.made_up else "real test tables"
    sizes = (
        f"# {len(world.tracks):,} tracks, {len(world.artists):,} artists, "
        f"{len(world.playlists):,} playlists; regime {state.options.regime}; port {port}"
    )
    lines = [
        f"This is a sandbox with {what} ({world.id}), not Spotify, ReccoBeats or KEXP.",
        sizes,
        *(f"export {name}={value}" for name, value in exported.items()),
    ]
    print("\n".join(lines), flush=True)
    if (ready := state.options.ready_file) is not None:
        _write_atomically(ready, "".join(f"{name}={value}\n" for name, value in exported.items()))


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
