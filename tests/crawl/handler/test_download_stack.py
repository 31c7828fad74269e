"""The real download stack of a crawl against servers of all kinds: what the spider gets to see."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import brotli
import orjson
import pytest
from aiohttp import web
from backports import zstd

from testkit.killer import Launcher
from testkit.rawserver import FRAMINGS, RawServer, Sent, answered, chunked, head, raw_server

from .asking import Got, ask

DOC = orjson.dumps({"content": [{"id": f"{n:022}", "name": "é" * 9} for n in range(300)]})


def bare_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


PACKED: dict[str, tuple[tuple[str, ...], bytes]] = {
    "plain": ((), DOC),
    "identity": (("Content-Encoding: identity",), DOC),
    "gzip": (("Content-Encoding: gzip",), gzip.compress(DOC)),
    "x-gzip": (("CONTENT-ENCODING: X-GZip",), gzip.compress(DOC)),
    "members": (("content-encoding: gzip",), gzip.compress(DOC[:99]) + gzip.compress(DOC[99:])),
    "deflate": (("Content-Encoding: deflate",), zlib.compress(DOC)),
    "bare": (("Content-Encoding: deflate",), bare_deflate(DOC)),
    "br": (("Content-Encoding: br",), brotli.compress(DOC)),
    "zstd": (("Content-Encoding: ZSTD",), zstd.compress(DOC)),
    "stacked": (("Content-Encoding: gzip, br",), brotli.compress(gzip.compress(DOC))),
    "apart": (
        ("Content-Encoding: zstd", "Content-Encoding: gzip"),
        gzip.compress(zstd.compress(DOC)),
    ),
    "declared only": (("Content-Encoding: br",), DOC),
    "done only": ((), gzip.compress(DOC)),
    "mark": (("Content-Encoding: gzip",), gzip.compress(b"\xef\xbb\xbf" + DOC)),
    "wide": (("Content-Type: application/json; charset=UTF-16",), DOC.decode().encode("utf-16")),
}
# Later header lines of a name stand beside the first, as some proxies leave them.
ODD: dict[str, Sent] = {
    "charset": answered(DOC, "Content-Type: Application/JSON;Charset=UTF8"),
    "html": answered(DOC, "content-type: text/html; charset=nonsense"),
    "image": answered(gzip.compress(DOC), "Content-Type: image/png", "content-encoding: gzip"),
    "bytes": answered(DOC, "X-Note: \xff\xfe", "no colon here"),
    "trailing": answered(DOC + b" \r\n\n"),
    "trailer": Sent(
        head("Transfer-Encoding: chunked", "Trailer: X-End")
        + chunked(DOC)[:-2]
        + b"X-End: 1\r\n\r\n"
    ),
}
LOST: dict[str, tuple[Sent, str]] = {
    "cut": (Sent(head("Content-Length: 99999") + DOC), ""),
    "cut chunk": (Sent(head("Transfer-Encoding: chunked") + chunked(DOC)[:-9]), ""),
    "no last chunk": (Sent(head("Transfer-Encoding: chunked") + chunked(DOC)[:-5]), ""),
    "bad chunk": (Sent(head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n"), ""),
    "cut, closed": (Sent(head() + DOC[:-7]), "cut short"),
    "cut at a brace": (Sent(head() + DOC[: DOC.index(b"}") + 1]), "cut short"),
    "cut inside": (answered(gzip.compress(DOC)[:-30], "Content-Encoding: gzip"), "cut short"),
    "cut br": (answered(brotli.compress(DOC)[:-3], "Content-Encoding: br"), "cut short"),
    "cut zstd": (
        answered(zstd.compress(DOC)[:-8], "Content-Encoding: zstd", framing="closed"),
        "cut short",
    ),
    "junk": (answered(b"\x1f\x8bjunk", "Content-Encoding: gzip"), "cannot be unpacked"),
    "text": (answered(b"<html>Welcome</html>", "Content-Encoding: gzip"), "cannot be unpacked"),
    "page": (answered(b"<html>Sign in to the hotel's net</html>"), "cut short"),
    "empty": (answered(b""), "cut short"),
    "no answer": (Sent(b""), ""),
}


def path_of(*names: str) -> str:
    return "/" + "/".join(re.sub(r"[^\w.]+", "-", name) for name in names)


@pytest.fixture(scope="module")
def served() -> Iterator[RawServer]:
    answers = {
        path_of(name, framing): answered(body, *lines, framing=framing)
        for name, (lines, body) in PACKED.items()
        for framing in FRAMINGS
    }
    answers |= {path_of("odd", name): sent for name, sent in ODD.items()}
    answers |= {path_of("lost", name): sent for name, (sent, _) in LOST.items()}
    with raw_server(answers) as server:
        yield server


@pytest.fixture(scope="module", params=["", "1"], ids=lambda on: f"compression {on or '-'}")
def got(
    served: RawServer,
    launcher: Launcher,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> dict[str, Got]:
    """All of it in one crawl, whatever a user makes of Scrapy's own unpacking."""
    served.asked.clear()
    more = {"COMPRESSION_ENABLED": request.param} if request.param else {}
    urls = [served.url + path for path in served.answers]
    found = ask(launcher, tmp_path_factory.mktemp("asked"), urls, **more)
    return {url.removeprefix(served.url): one for url, one in found.items()}


def test_every_packing_in_every_framing_reads_like_the_plain_answer(got: dict[str, Got]) -> None:
    for name in PACKED:
        for framing in FRAMINGS:
            found = got[path_of(name, framing)]
            assert (found.error, found.status) == (None, 200), (name, framing)
            assert found.body == DOC, (name, framing)
            assert "content-encoding" not in found.headers or name == "identity"


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_an_answer(got: dict[str, Got], name: str) -> None:
    found = got[path_of("odd", name)]
    assert found.error is None
    assert found.body.rstrip() == DOC


@pytest.mark.parametrize("name", LOST)
def test_a_broken_answer_is_asked_again_and_then_put_off(
    got: dict[str, Got], served: RawServer, name: str
) -> None:
    path, (_, said) = path_of("lost", name), LOST[name]
    error = got[path].error
    assert error is not None
    assert f"{said} after 2 tries" in error
    # Twisted itself may repeat what a kept connection swallowed.
    assert served.asked[path] in ({2, 3, 4} if name == "no answer" else {2})


def test_what_is_asked_for_is_what_can_be_read(got: dict[str, Got], served: RawServer) -> None:
    for text in served.heads.values():
        assert "accept-encoding: gzip, deflate, br, zstd\r\n" in text
        assert "accept: application/json\r\n" in text


def test_a_broken_body_does_not_hide_what_its_status_says(
    launcher: Launcher, tmp_path: Path
) -> None:
    broken = "Content-Encoding: gzip"
    answers = {
        "/unauthorised": answered(b"\x1f\x8b", broken, status="401 Unauthorized"),
        "/busy": answered(b"<html>", broken, status="503 Busy"),
        "/missing": answered(gzip.compress(b'{"a":1}'), broken, status="404 Not Found"),
        "/gone": answered(b"<html>", broken, status="404 Not Found"),
    }
    with raw_server(answers) as server:
        found = ask(launcher, tmp_path / "asked", [server.url + path for path in answers])
        by_path = {url.removeprefix(server.url): one for url, one in found.items()}
    assert by_path["/unauthorised"].status == 401
    assert "status 503" in (by_path["/busy"].error or "")
    assert by_path["/missing"].body == b'{"a":1}'
    assert "cannot be unpacked" in (by_path["/gone"].error or "")


def test_a_packed_refusal_names_the_quota(launcher: Launcher, tmp_path: Path) -> None:
    body = gzip.compress(b'{"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}')
    said = answered(body, "Content-Encoding: gzip", "Retry-After: 1", status="429 Too Many")
    with raw_server({"/a": said, "/b": said}) as server:
        urls = [f"{server.url}/a", f"{server.url}/b"]
        found = ask(launcher, tmp_path / "asked", urls, RECCOBEATS_CONCURRENCY=1)
        assert server.asked.total() == 1
    assert all("quota exceeded" in (one.error or "") for one in found.values())


def test_what_is_too_large_is_not_fetched_to_its_end(launcher: Launcher, tmp_path: Path) -> None:
    endless = [head("Transfer-Encoding: chunked"), b"10000\r\n" + b" " * 65_536 + b"\r\n"]
    answers = {
        "/announced": Sent(head("Content-Length: 2147483648") + b"{"),
        "/bomb": answered(gzip.compress(b"[" * (65 << 20), 1), "Content-Encoding: gzip"),
        "/endless": Sent(endless[0] + endless[1] * 1100),
    }
    with raw_server(answers) as server:
        urls = [server.url + path for path in answers]
        found = ask(launcher, tmp_path / "asked", urls, API_RETRIES=4)
        assert set(server.asked.values()) == {2}
    assert len(found) == 3
    for one in found.values():
        assert "more than 64 MiB after 2 tries" in (one.error or "")


def test_a_whole_answer_has_one_time_limit(launcher: Launcher, tmp_path: Path) -> None:
    """However steadily it trickles: in its head, its body, and inside a packing."""
    answers = {
        "/head": Sent(head(*(f"X-{n}: {n}" for n in range(200))) + b"{}", drip=0.1),
        "/body": Sent(head("Content-Length: 99999") + DOC, drip=0.1),
        "/packed": Sent(head("Content-Encoding: gzip") + gzip.compress(DOC), drip=0.1),
    }
    with raw_server(answers) as server:
        urls = [server.url + path for path in answers]
        before = time.monotonic()
        found = ask(launcher, tmp_path / "asked", urls, DOWNLOAD_TIMEOUT=1, API_RETRIES=0)
        assert time.monotonic() - before < 20
    for one in found.values():
        # The same words for every address: told once a run.
        assert one.error == "reccobeats: no whole answer in time after 1 tries"


def test_why_there_was_no_answer_is_told_in_words(launcher: Launcher, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    urls = [f"http://127.0.0.1:{port}/a", f"http://127.0.0.1:{port}/b", "http://no.invalid/a"]
    found = ask(launcher, tmp_path / "asked", urls)
    assert {found[url].error for url in urls[:2]} == {
        "reccobeats: the connection is refused after 2 tries"
    }
    assert "name is not known after 2 tries" in (found[urls[2]].error or "")


async def aiohttp_answer(request: web.Request) -> web.StreamResponse:
    """aiohttp's own packing, whole or in chunks, as the path says."""
    coding, framing = request.match_info["coding"], request.match_info["framing"]
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if framing == "whole":
        whole = web.Response(body=DOC, headers=headers)
        whole.enable_compression(web.ContentCoding(coding))
        return whole
    found = web.StreamResponse(headers=headers)
    found.enable_compression(web.ContentCoding(coding))
    await found.prepare(request)
    for at in range(0, len(DOC), 999):
        await found.write(DOC[at : at + 999])
    await found.write_eof()
    return found


def test_a_server_of_another_hand(launcher: Launcher, tmp_path: Path) -> None:
    """aiohttp, whose packing and framing are none of ours."""
    loop, ports = asyncio.new_event_loop(), list[int]()
    started = threading.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/{coding}/{framing}", aiohttp_answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        started.set()

    thread = threading.Thread(
        target=lambda: (loop.run_until_complete(serve()), loop.run_forever()), daemon=True
    )
    thread.start()
    assert started.wait(10)
    try:
        urls = [
            f"http://127.0.0.1:{ports[0]}/{coding}/{framing}"
            for coding in ("gzip", "deflate", "identity")
            for framing in ("whole", "parts")
        ]
        found = ask(launcher, tmp_path / "asked", urls)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
    assert {one.body for one in found.values()} == {DOC}
    assert len(found) == 6
