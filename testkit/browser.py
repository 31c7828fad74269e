"""Opens a page in headless Chromium, through its own debugging port, and says what it became."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--remote-debugging-port=0"),
)
_START_SECONDS = 60.0
_LOOK = """
({
  title: document.title,
  text: document.body.innerText,
  width: document.documentElement.clientWidth,
  needed: document.documentElement.scrollWidth,
})
"""


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser made of a page.

    Attributes:
        title: of the page.
        text: as it is shown.
        width: CSS pixels it was given.
        needed: CSS pixels it takes; more than `width` is a sideways scroll.
        complaints: messages in the console, errors of scripts, and failed loads.
        asked: addresses that it loaded, its own first.
        answer: what the script came to that was run in it.
    """

    title: str
    text: str
    width: int
    needed: int
    complaints: list[str]
    asked: list[str]
    answer: Any = None


def chromium() -> str:
    """The program; without it the test skips, or fails under REQUIRE_ALL=1."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "chromium is not installed"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def look_at(path: Path, width: int, *, scheme: str = "light", script: str = "null") -> Page:
    """Open a file in a window of a width, in light or dark, and run a script in it.

    Its value, awaited if it is a promise, is the page's `answer`; the page is looked at after it.
    """
    with _running() as port:
        return asyncio.run(_look(port, path.resolve().as_uri(), width, scheme, script))


@contextmanager
def _running() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="runclub-browser-"))
    process = subprocess.Popen(
        [chromium(), *_OPTIONS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        told = folder / "DevToolsActivePort"
        end = time.monotonic() + _START_SECONDS
        while not (told.exists() and told.read_text().strip()):
            assert process.poll() is None, "chromium ended at once"
            assert time.monotonic() < end, "chromium did not start"
            time.sleep(0.02)
        yield told.read_text().split()[0]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _look(port: str, url: str, width: int, scheme: str, script: str) -> Page:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", trust_env=False) as session:
        async with session.put("/json/new?about:blank") as answer:
            target = await answer.json()
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            visit = _visit(socket, url, width, scheme, script)
            return await asyncio.wait_for(visit, _START_SECONDS)


async def _visit(
    socket: aiohttp.ClientWebSocketResponse, url: str, width: int, scheme: str, script: str
) -> Page:
    events: list[dict[str, Any]] = []
    number = 0

    async def call(method: str, **params: Any) -> Any:
        nonlocal number
        number += 1
        await socket.send_str(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = await socket.receive_json()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            events.append(message)

    for domain in ("Page", "Runtime", "Log", "Network"):
        await call(f"{domain}.enable")
    await call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=width < 600,
    )
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await call("Emulation.setEmulatedMedia", features=[feature])
    await call("Page.navigate", url=url)
    while not any(event["method"] == "Page.loadEventFired" for event in events):
        events.append(await socket.receive_json())
    ran = await call(
        "Runtime.evaluate",
        expression=script,
        awaitPromise=True,
        returnByValue=True,
        userGesture=True,
    )
    assert "exceptionDetails" not in ran, ran["exceptionDetails"]
    found = await call("Runtime.evaluate", expression=_LOOK, returnByValue=True)
    seen = found["result"]["value"]
    return Page(
        seen["title"],
        seen["text"],
        seen["width"],
        seen["needed"],
        [line for event in events if (line := _complaint(event))],
        [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ],
        ran["result"].get("value"),
    )


def _complaint(event: dict[str, Any]) -> str:
    params = event["params"]
    match event["method"]:
        case "Runtime.exceptionThrown":
            return str(params["exceptionDetails"])
        case "Runtime.consoleAPICalled":
            return str(params["args"])
        case "Log.entryAdded":
            return str(params["entry"]["text"])
        case "Network.loadingFailed":
            return str(params["errorText"])
    return ""
