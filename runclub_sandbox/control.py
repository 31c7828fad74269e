"""The sandbox's own pages under ``/__``: health, statistics, faults and the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from .change import change
from .options import RUNTIME_FIELDS, OptionError
from .service import State

#: What may happen to KEXP's plays.
AIR = frozenset({"arrive", "late", "edit", "remove", "anew"})
MOST_AIRED = 100_000
#: What a page of another origin can send without asking first, and no script of ours does.
_FROM_A_FORM = ("text/plain", "multipart/form-data")


def strange(headers: Mapping[str, str]) -> str | None:
    """Why a request for a control page is refused, or None.

    A page of any site can make a browser send requests to loopback. It cannot hide its origin,
    and a name that was pointed at 127.0.0.1 stands in ``Host``.
    """
    host = headers.get("Host")
    if host is not None and not _on_loopback(f"//{host}"):
        return f"{host} is not this machine"
    origin = headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        return "a page of another origin may not do this"
    if headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        return "a page of another site may not do this"
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _FROM_A_FORM:
        return f"the body must be application/json, not {kind}"
    return None


def _on_loopback(address: str) -> bool:
    try:
        name = urlsplit(address).hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def health(state: State) -> dict[str, Any]:
    """What is being served."""
    world = state.world
    return {
        "status": "ok",
        "world": world.id,
        "made_up": world.made_up,
        "regime": state.options.regime,
        "sizes": {
            "tracks": len(world.tracks),
            "artists": len(world.artists),
            "albums": len(world.albums),
            "playlists": len(world.playlists),
            "playlist_entries": sum(len(one.entries) for one in world.playlists.values()),
            "features": len(world.features),
        },
    }


def statistics(state: State) -> dict[str, Any]:
    """The counters, with the world and regime they were counted in."""
    counted = state.stats.shown()
    for api, rows in state.odd.served.items():
        counted["faults"].setdefault(api, {})["odd"] = rows
    return {"world": state.world.id, "regime": state.options.regime, **counted}


def apply(state: State, body: object) -> dict[str, Any]:
    """Changes the running sandbox (``POST /__faults`` and ``POST /__world``).

    Args:
        state: changed in place.
        body: any runtime option by name; ``expire_tokens`` true ends every access token;
            ``revoke_refresh_tokens`` true makes every refresh token an ``invalid_grant``;
            ``reset_limits`` true empties the rate windows and quotas;
            ``kexp`` an object of ``arrive``, ``late``, ``edit``, ``remove`` and ``anew`` with
            numbers, which changes KEXP's plays (``anew``: as they were at the start);
            ``change`` (share 0-1) and ``seed`` change the world.

    Returns:
        The options now in force, and what happened to the world.

    Raises:
        OptionError: for anything unknown; nothing was changed then.
    """
    if not isinstance(body, dict):
        raise OptionError("the body must be a JSON object")
    changes = dict(body)
    share, seed = changes.pop("change", None), changes.pop("seed", 0)
    if share is not None and not (isinstance(share, int | float) and 0 <= share <= 1):
        raise OptionError("change must be a share 0-1")
    if not isinstance(seed, int):
        raise OptionError("seed must be a whole number")
    expire = changes.pop("expire_tokens", False)
    revoke = changes.pop("revoke_refresh_tokens", False)
    forgive = changes.pop("reset_limits", False)
    air = changes.pop("kexp", {})
    if not isinstance(air, dict) or not set(air) <= AIR:
        raise OptionError(f"kexp must be an object with numbers of {', '.join(sorted(AIR))}")
    if not all(isinstance(one, int) and 0 <= one <= MOST_AIRED for one in air.values()):
        raise OptionError(f"kexp must be an object with numbers up to {MOST_AIRED}")
    state.options = state.options.changed(changes)
    if "faults" in changes:
        state.draw_faults()
    for what, number in air.items():
        if what == "anew":
            state.forget_airings()
        else:
            getattr(state.airings, what)(number)
    answer: dict[str, Any] = {}
    if expire:
        state.tokens.expire()
    if forgive:
        state.reset_limits()
    if revoke:
        state.tokens.refresh.clear()
    if share is not None:
        answer["changed"] = counts = change(state.world, float(share), seed)
        # a playlist is found by its texts, not by its rows, so only new tracks need a new index
        if counts["new_tracks"]:
            state.world_changed()
    shown = asdict(state.options)
    answer["world"] = state.world.id
    answer["options"] = {name: shown[name] for name in sorted(RUNTIME_FIELDS)}
    return answer
