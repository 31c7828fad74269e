"""Blocking requests: their limits, and what they do not take from the environment."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import brotli
import orjson
import pytest
import requests
from backports import zstd

from runclub_spider.apis.http import secured, within
from testkit.rawserver import FRAMINGS, Sent, answered, chunked, head, raw_server
from testkit.serving import Reply, Visit, serving

DOC = orjson.dumps({"access_token": "x" * 900, "names": ["é"] * 400})
PACKED = {
    "": DOC,
    "gzip": gzip.compress(DOC),
    "X-GZIP": gzip.compress(DOC),
    "deflate": zlib.compress(DOC),
    "br": brotli.compress(DOC),
    "zstd": zstd.compress(DOC),
    "gzip, br": brotli.compress(gzip.compress(DOC)),
    "BR ": DOC,
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("coding", PACKED)
def test_every_packing_in_every_framing(coding: str, framing: str) -> None:
    lines = [f"content-encoding: {coding}"] if coding else []
    answer = answered(PACKED[coding], *lines, framing=framing)
    with raw_server({"/": answer}) as server, secured(requests.Session()) as session:
        got = session.get(server.url)
        assert "accept-encoding: gzip, deflate, br, zstd\r\n" in server.heads["/"]
    assert got.content == DOC
    assert got.json() == orjson.loads(DOC)
    assert "Content-Encoding" not in got.headers


BROKEN = {
    "cut": Sent(head("Content-Length: 99999") + DOC),
    "cut chunk": Sent(head("Transfer-Encoding: chunked") + chunked(DOC)[:-9]),
    "bad chunk": Sent(head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n"),
    "cut inside": answered(gzip.compress(DOC)[:-9], "Content-Encoding: gzip"),
    "junk": answered(b"\x1f\x8bjunk", "Content-Encoding: gzip"),
    "bomb": answered(gzip.compress(b" " * (9 << 20)), "Content-Encoding: gzip"),
    "long": answered(b" " * (9 << 20), framing="closed"),
    "no answer": Sent(b""),
    "no HTTP": Sent(b"220 mail ready\r\n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_or_too_large_is_an_error_of_the_request(name: str) -> None:
    with (
        raw_server({"/": BROKEN[name]}) as server,
        secured(requests.Session()) as session,
        pytest.raises(requests.RequestException),
    ):
        session.get(server.url, timeout=5)


@pytest.mark.parametrize(
    "wire",
    [
        head(*(f"X-{n}: {n}" for n in range(90))) + DOC,
        head("Content-Length: 9999") + DOC,
        head("Content-Encoding: gzip") + gzip.compress(DOC),
        head("Transfer-Encoding: chunked") + chunked(DOC, 1),
    ],
    ids=["head", "body", "packed", "chunks"],
)
def test_a_request_has_one_time_limit_however_it_trickles(wire: bytes) -> None:
    with raw_server({"/": Sent(wire, drip=0.05)}) as server:
        before = time.monotonic()
        with secured(requests.Session(), total=0.5) as session, pytest.raises(requests.Timeout):
            session.get(server.url, timeout=10)
        # Less than the ten seconds of a read, and than the minutes of the whole.
        assert time.monotonic() - before < 8


def test_nothing_waits_for_what_was_given_up() -> None:
    script = (
        "import time, requests\n"
        "from runclub_spider.apis.http import within\n"
        "try:\n    within(0.1, lambda: time.sleep(60))\n"
        "except requests.Timeout as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "no whole answer" in done.stdout


def test_what_work_raises_is_raised() -> None:
    with pytest.raises(KeyError):
        within(5, lambda: {}["missing"])
    assert within(5, threading.get_ident) != threading.get_ident()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with serving(Reply()) as thief, serving(Reply(status, b"", {"Location": thief.url})) as server:
        with secured(requests.Session()) as session:
            assert session.get(server.url).status_code == status
            assert session.post(server.url, data={"secret": "x"}).status_code == status
        assert thief.seen == []


def test_neither_netrc_nor_a_proxy_has_a_part_in_loopback_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login thief password thief\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    def reply(_visit: Visit) -> Reply:
        return Reply(200, b"{}")

    with serving(reply) as proxy, serving(reply) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with secured(requests.Session()) as session:
            session.get(server.url, headers={"Authorization": "Bearer mine"})
            assert server.seen[0].authorization == "Bearer mine"
            assert proxy.seen == []
            # Elsewhere a proxy may be the only way out.
            session.get("http://api.invalid/", headers={"Authorization": "Bearer mine"})
    assert [visit.target for visit in proxy.seen] == ["http://api.invalid/"]
    assert proxy.seen[0].authorization == "Bearer mine"
