"""Answers as servers send them, back to the JSON they meant."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import brotli
import orjson
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.apis.decoding import (
    MOST_BYTES,
    TooLarge,
    Unreadable,
    as_utf8,
    is_whole,
    unpacked,
)

DOC = orjson.dumps({"tracks": {"items": [{"id": f"{n:022}", "name": "é" * 9} for n in range(40)]}})


def bare_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


def streamed_zstd(body: bytes) -> bytes:
    """As a server sends it that does not know the length beforehand."""
    stream = zstd.ZstdCompressor()
    return stream.compress(body) + stream.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "zlib deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "gzip called deflate": ("deflate", gzip.compress),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "streamed zstd": ("zstd", streamed_zstd),
}
packers = pytest.mark.parametrize(("name", "pack"), PACKERS.values(), ids=PACKERS)


@packers
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title, lambda name: f" {name} ,"])
def test_every_coding_in_any_case(
    name: str, pack: Callable[[bytes], bytes], spell: Callable[[str], str]
) -> None:
    assert unpacked(pack(DOC), [spell(name)]) == DOC


@settings(deadline=None, max_examples=40)
@given(
    st.binary(max_size=99), st.lists(st.sampled_from(sorted(PACKERS)), max_size=4), st.booleans()
)
def test_stacked_in_one_header_or_in_several(body: bytes, layers: list[str], apart: bool) -> None:
    body = b"{" + orjson.dumps(body.hex()) + b":0}"
    packed = body
    for layer in layers:
        packed = PACKERS[layer][1](packed)
    names = [PACKERS[layer][0] for layer in layers]
    assert unpacked(packed, names if apart else [", ".join(names)]) == body


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd,gzip"])
@pytest.mark.parametrize("body", [DOC, b"[]", b" {}\n", b"\xef\xbb\xbf{}", b""])
def test_declared_and_not_done(name: str, body: bytes) -> None:
    assert unpacked(body, [name]) == body


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_done_and_not_declared(pack: Callable[[bytes], bytes]) -> None:
    assert unpacked(pack(DOC), []) == DOC
    assert unpacked(pack(pack(DOC)), ["identity"]) == DOC


@pytest.mark.parametrize("name", ["identity", "none", "utf-8", "", "compress"])
def test_what_is_no_packing_says_nothing(name: str) -> None:
    assert unpacked(DOC, [name]) == DOC


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_several_members_are_one_body(pack: Callable[[bytes], bytes]) -> None:
    name = {gzip.compress: "gzip", zstd.compress: "zstd"}[pack]
    packed = pack(DOC[:99]) + pack(b"") + pack(DOC[99:])
    assert unpacked(packed, [name]) == DOC
    assert unpacked(packed + b"\0" * 512, [name]) == DOC


@packers
def test_an_answer_that_ends_early_inside_its_packing(
    name: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(DOC)
    for end in range(1, len(packed), 7):
        try:
            found = unpacked(packed[:end], [name])
        except Unreadable:
            continue
        # A checksum may be lost; nothing of the text may.
        assert found == DOC or not is_whole(found)


@packers
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_damage_is_never_more_than_unreadable(
    name: str, pack: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    packed = bytearray(pack(DOC))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Unreadable):
        assert is_whole(as_utf8(unpacked(bytes(packed), [name]), "")) in {True, False}


def test_more_layers_and_members_than_anybody_needs() -> None:
    with pytest.raises(Unreadable, match="too many times"):
        unpacked(DOC, ["gzip"] * 6)
    with pytest.raises(Unreadable, match="too many pieces"):
        unpacked(gzip.compress(b"") * 20_000, ["gzip"])


BOMB = """
import gzip, resource, sys, zlib
import brotli
from backports import zstd
from runclub_spider.apis.decoding import TooLarge, is_whole, unpacked

pack = zlib.compressobj(1, wbits=31)
bomb = b"".join(pack.compress(b"[" * (1 << 20)) for _ in range(256)) + pack.flush()
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name, wrap in (
    ("gzip", bytes), ("gzip, gzip", gzip.compress), ("gzip,br", brotli.compress),
    ("gzip, zstd", zstd.compress),
):
    try:
        unpacked(wrap(bomb), [name])
        sys.exit(name)
    except TooLarge:
        pass
many = b'{"a":[' + b"[]," * 15_000_000 + b"[]]}"
try:
    is_whole(many)
    sys.exit("many values")
except TooLarge:
    pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) >> 10)
"""


def test_a_bomb_never_reaches_memory() -> None:
    done = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # The limit itself, once in pieces and once whole.
    assert int(done.stdout) < 3 * (MOST_BYTES >> 20)


def test_the_limit_is_exact() -> None:
    assert len(unpacked(gzip.compress(b"x" * 1000), ["gzip"], most=1000)) == 1000
    for name, pack in PACKERS.values():
        with pytest.raises(TooLarge):
            unpacked(pack(b"x" * 1001), [name], most=1000)
    with pytest.raises(TooLarge):
        unpacked(b"x" * 1001, [], most=1000)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "APPLICATION/JSON; CHARSET=UTF8", "text/plain;charset=no-such", "", "x"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
def test_text_in_any_unicode(encoding: str, content_type: str) -> None:
    text = '{"name": "Björk – Jóga 🎵"}'
    assert as_utf8(text.encode(encoding), content_type) == text.encode()


def test_text_in_a_declared_older_encoding() -> None:
    body = '{"name": "Björk"}'.encode("latin-1")
    for charset in ("ISO-8859-1", "latin1", '"windows-1252"'):
        found = as_utf8(body, f"application/json; Charset={charset}")
        assert orjson.loads(found) == {"name": "Björk"}
    # Nothing known: left to the parser. Nor is a text made out of what is no encoding of text.
    for charset in ("utf-8", "nonsense", "hex", "punycode"):
        assert as_utf8(body, f"application/json; charset={charset}") == body


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text(), values, max_size=3) | st.lists(values, max_size=3), st.booleans())
def test_only_the_whole_document_is_whole(document: Any, ascii_only: bool) -> None:
    """Also with what JSON does not know: NaN, infinity, half a surrogate pair."""
    body = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert is_whole(body)
    assert is_whole(b"\n " + body + b" \r\n")
    for end in range(len(body)):
        assert not is_whole(body[:end])
    assert not is_whole(body + body)
    assert not is_whole(body + b"]")


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        (b"", False),
        (b"null", False),
        (b'"text}"', False),
        (b"<html>{}</html>", False),
        (b"Too many requests", False),
        (b'{"a": "}', False),
        (b'{"a": {"b": 1}', False),
        (b'{"a": 1]', False),
        (b'{"a": "\\"}"', False),
        (b'{"a": NaN, "b": "\\ud800"}', True),
        (b'{"a": "\xff\xfe"}', True),
        (b"[" * 5_000 + b"]" * 5_000, True),
        (b"[" * 5_000 + b"]" * 4_999, False),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, True),
    ],
)
def test_whole_or_not(body: bytes, whole: bool) -> None:
    assert is_whole(body) is whole
