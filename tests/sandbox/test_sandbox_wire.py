"""How answers travel: what is drawn, and that every drawn way brings the same content."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import brotli
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from urllib3.exceptions import DecodeError
from urllib3.response import ZstdDecoder

from runclub_sandbox import wire
from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox
from runclub_sandbox.wire import JSON_TYPES, Wire, accepted, draw
from runclub_spider import settings
from testkit.sandboxes import Sandboxes

EVERYTHING = "gzip, deflate, br, zstd"
AGENT = settings.USER_AGENT
SEARCH = "/search?q=rock&type=track&limit=20"


def unpacked(body: bytes, coding: str | None) -> bytes:
    """Undoes a `Content-Encoding`; raises where the body is not whole."""
    for name in reversed((coding or "identity").split(", ")):
        if name == "gzip":
            body = gzip.decompress(body)
        elif name == "deflate":
            raw = zlib.decompressobj(-zlib.MAX_WBITS if body[:1] != b"x" else zlib.MAX_WBITS)
            body = raw.decompress(body)
            assert raw.eof
        elif name == "br":
            body = brotli.decompress(body)
        elif name == "zstd":
            decoder = ZstdDecoder()
            body = decoder.decompress(body)
            body += decoder.flush()
        else:
            assert name == "identity"
    return body


@dataclass(frozen=True)
class Seen:
    """An answer as it stood on the wire."""

    status: int
    names: tuple[str, ...]
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def coding(self) -> str | None:
        return self.headers["Content-Encoding"]

    @property
    def content(self) -> bytes:
        return unpacked(self.body, self.coding)

    @property
    def framing(self) -> str:
        if self.headers["Transfer-Encoding"]:
            return "chunked"
        return "closed" if self.headers["Content-Length"] is None else "length"


def see(url: str, **headers: str) -> Seen:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)) as link:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        link.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in headers.items():
            link.putheader(name.replace("_", "-"), value)
        link.endheaders()
        answer = link.getresponse()
        names = tuple(name for name, _ in answer.getheaders())
        return Seen(answer.status, names, answer.headers, answer.read())


@pytest.fixture(scope="module")
def rough(sandboxes: Sandboxes) -> Iterator[Sandbox]:
    with sandboxes.running(SandboxOptions(plain=False)) as found:
        yield found


@pytest.fixture
def bearer(rough: Sandbox) -> Iterator[dict[str, str]]:
    rough.reset_stats()
    body = b"grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret"
    parts = urlsplit(rough.accounts)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)) as link:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        link.request("POST", parts.path + "/api/token", body, kind)
        token = json.loads(link.getresponse().read())["access_token"]
    yield {"Authorization": f"Bearer {token}", "User_Agent": AGENT, "Accept_Encoding": EVERYTHING}
    rough.configure(faults={}, rate_limit=None, plain=False, reset_limits=True, regime="extended")


# What is drawn


def test_the_same_requests_meet_the_same() -> None:
    headers = {"accept-encoding": EVERYTHING}
    first, again, other = (
        [draw(seed, "spotify", number, headers) for number in range(300)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert [draw(1, "kexp", number, headers) for number in range(300)] != first


def test_every_way_is_met_within_some_hundred_requests() -> None:
    found = [draw(1, "spotify", one, {"accept-encoding": EVERYTHING}) for one in range(400)]
    codings = Counter(one.coding for one in found)
    assert set(codings) == {None, "gzip", "deflate", "br", "zstd", "gzip, br"}
    assert {one.raw for one in found if one.coding == "deflate"} == {True, False}
    assert {one.framing for one in found} == {"length", "chunked", "closed"}
    for framing in ("length", "chunked"):
        assert {one.keep for one in found if one.framing == framing} == {True, False}
    assert all(not one.keep for one in found if one.framing == "closed")
    assert {one.case for one in found} == {"usual", "lower", "upper", "mixed"}
    assert {one.json_type for one in found} == set(JSON_TYPES)
    assert {one.cut for one in found} == {"plain", "packed", "hung up"}
    # Most answers come packed, and on a connection that is kept.
    assert codings[None] < 100
    assert sum(one.keep for one in found) > 300


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        ("", ()),
        ("identity", ()),
        ("gzip", ("gzip",)),
        ("GZip;q=1.0, deflate;q=0", ("gzip",)),
        ("br;q=0.000, zstd ; q=0.2", ("zstd",)),
        ("*", ("br", "deflate", "gzip", "zstd")),
        ("*;q=0.5, br;q=0", ("deflate", "gzip", "zstd")),
        ("*;q=0", ()),
        ("snappy, exi", ()),
    ],
)
def test_what_a_client_takes(header: str, codings: tuple[str, ...]) -> None:
    assert accepted(header) == codings


@tried(deadline=None)
@given(
    st.lists(st.sampled_from(["gzip", "deflate", "br", "zstd", "identity"])),
    st.integers(0, 5000),
)
def test_nothing_is_sent_that_a_client_does_not_take(names: list[str], number: int) -> None:
    headers = {"accept-encoding": ",".join(names), "user-agent": "python-requests/2"}
    assert set(draw(3, "kexp", number, headers).codings) <= set(names)


def test_only_the_crawl_meets_what_it_did_not_ask_for() -> None:
    for asked in ({}, {"accept-encoding": "identity"}):
        for agent, expected in ((AGENT, {None, "gzip"}), ("curl/8", {None}), ("", {None})):
            headers = {"user-agent": agent, **asked}
            assert {draw(1, "spotify", one, headers).coding for one in range(200)} == expected


@tried(deadline=None)
@given(st.binary(max_size=5000), st.integers(0, 10_000))
def test_any_body_comes_back(body: bytes, number: int) -> None:
    found = draw(1, "spotify", number, {"accept-encoding": EVERYTHING})
    assert unpacked(found.packed(body), found.coding) == body
    assert b"".join(found.split(body)) == body
    assert all(found.split(body))


def test_without_the_packers_gzip_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("brotli", "backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    wire.packers.cache_clear()
    try:
        headers = {"accept-encoding": "gzip, br, zstd"}
        assert {draw(1, "spotify", n, headers).coding for n in range(99)} == {None, "gzip"}
    finally:
        wire.packers.cache_clear()


# What is sent


def test_every_way_brings_the_same_content(rough: Sandbox, bearer: dict[str, str]) -> None:
    seen = [see(rough.spotify + SEARCH, **bearer) for _ in range(120)]
    assert {one.status for one in seen} == {200}
    assert len({one.content for one in seen}) == 1
    assert {one.coding for one in seen} >= {None, "gzip", "br", "zstd", "deflate", "gzip, br"}
    assert {one.framing for one in seen} == {"length", "chunked", "closed"}
    ways = rough.stats()["ways"]["spotify"]
    codings = Counter(one.coding or "identity" for one in seen)
    assert ways == codings + Counter(one.framing for one in seen)
    assert {"close", None} == {one.headers["Connection"] for one in seen}
    spelt = {name for one in seen for name in one.names if name.lower() == "content-type"}
    assert spelt == {"Content-Type", "content-type", "CONTENT-TYPE", "cONTENT-tYPE"}
    assert {one.headers["Content-Type"] for one in seen} == set(JSON_TYPES)
    for one in seen:
        assert (one.headers["Vary"] == "Accept-Encoding") == (one.coding is not None)
        # The sandbox's own mark is no part of the act.
        assert "X-RunClub-Sandbox" in one.names


def test_the_same_run_meets_the_same(rough: Sandbox, bearer: dict[str, str]) -> None:
    def run() -> list[tuple[Any, ...]]:
        rough.reset_stats()
        seen = [see(rough.spotify + SEARCH, **bearer) for _ in range(20)]
        return [(one.coding, one.framing, one.names, one.body) for one in seen]

    assert run() == run()


def test_errors_and_empty_bodies_come_so_too(rough: Sandbox, bearer: dict[str, str]) -> None:
    rough.configure(faults={"500": 0.2, "502": 0.2, "429": 0.2}, reset_limits=True)
    seen = [see(f"{rough.reccobeats}/track?ids=" + "0" * 22, **bearer) for _ in range(60)]
    assert {one.status for one in seen} == {200, 429, 500, 502}
    assert {one.content for one in seen if one.status == 429} == {b"Too Many Requests"}
    assert {bool(one.coding) for one in seen if one.status == 429} == {True, False}
    # One name, however it is spelt.
    assert all(one.headers["Retry-After"] for one in seen if one.status == 429)
    rough.configure(faults={})
    page = f"{rough.accounts}/authorize?client_id=sandbox-client&response_type=code"
    for _ in range(20):
        found = see(f"{page}&redirect_uri=http://127.0.0.1:1/", Accept_Encoding=EVERYTHING)
        assert (found.status, found.body, found.coding) == (302, b"", None)


def test_cut_answers_in_all_their_forms(rough: Sandbox, bearer: dict[str, str]) -> None:
    rough.configure(faults={"truncated": 1})
    broken = Counter[str]()
    for _ in range(60):
        try:
            seen = see(rough.spotify + SEARCH, **bearer)
        except http.client.IncompleteRead:
            broken["hung up"] += 1
            continue
        try:
            content = seen.content
        except (EOFError, OSError, AssertionError, zlib.error, brotli.error, DecodeError):
            broken["packed"] += 1
            continue
        with pytest.raises(json.JSONDecodeError):
            json.loads(content)
        broken["plain"] += 1
    assert set(broken) == {"hung up", "packed", "plain"}
    assert min(broken.values()) >= 5
    assert rough.stats()["pages_repeated"] == {}


def test_two_requests_on_one_connection(rough: Sandbox, bearer: dict[str, str]) -> None:
    """What follows an answer on a kept connection is the next answer, whatever the framing."""
    parts = urlsplit(rough.spotify)
    reused = 0
    for _ in range(30):
        with closing(http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)) as link:
            for _ in range(2):
                held = link.sock
                headers = {name.replace("_", "-"): value for name, value in bearer.items()}
                link.request("GET", parts.path + SEARCH, headers=headers)
                answer = link.getresponse()
                body = unpacked(answer.read(), answer.headers["Content-Encoding"])
                assert json.loads(body)["tracks"]["items"]
                reused += held is not None and link.sock is held
    assert reused > 10


def test_plain_is_as_before(rough: Sandbox, bearer: dict[str, str]) -> None:
    rough.configure(plain=True)
    seen = [see(rough.spotify + SEARCH, **bearer) for _ in range(20)]
    assert {(one.coding, one.framing, one.headers["Connection"]) for one in seen} == {
        (None, "length", None)
    }
    assert {one.headers["Content-Type"] for one in seen} == {JSON_TYPES[0]}
    assert len({one.names for one in seen}) == 1


def test_older_and_headless_requests(rough: Sandbox, bearer: dict[str, str]) -> None:
    """HTTP/1.0 has no chunks, and HEAD no body."""
    host, port = "127.0.0.1", urlsplit(rough.root).port
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in bearer.items())
    target = urlsplit(rough.spotify).path + SEARCH
    for first in (f"GET {target} HTTP/1.0", f"HEAD {target} HTTP/1.1"):
        for _ in range(16):
            with socket.create_connection((host, port), timeout=20) as link:
                close = "Connection: close\r\nHost: x\r\n"
                link.sendall(f"{first}\r\n{lines}{close}\r\n".encode())
                whole = b"".join(iter(partial(link.recv, 65_536), b""))
            head, _, body = whole.partition(b"\r\n\r\n")
            if first.startswith("HEAD"):
                assert body == b""
            else:
                assert b"transfer-encoding" not in head.lower()
                coding = [
                    line.partition(":")[2].strip()
                    for line in head.decode().splitlines()
                    if line.lower().startswith("content-encoding")
                ]
                assert json.loads(unpacked(body, coding[0] if coding else None))


def test_wires_are_plain_by_default() -> None:
    assert Wire() == wire.PLAIN
    assert wire.PLAIN.packed(b"x") == b"x"
