"""What a server sent, made into the JSON text it meant: unpacked, in UTF-8, and whole.

Servers differ from what they were asked for and from what their headers say. Nothing here trusts
a header further than the body bears it out, and nothing grows beyond a limit.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import brotli
import msgspec

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# What a request asks for: everything that can be unpacked.
ACCEPTED = "gzip, deflate, br, zstd"
# Of an answer, packed and unpacked. The largest answer known is below 2 MiB.
MOST_BYTES = 64 << 20
# Braces, brackets, commas and colons of an answer: each value in it takes memory as an object.
_MOST_VALUES = 2_000_000
_FEW_BYTES = 4 << 20
_MOST_LAYERS = 5
_MOST_MEMBERS = 10_000
_PIECE = 1 << 16

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings that JSON is met in although it should not be, as Python names them.
_CHARSETS = frozenset({"cp1252", "iso8859-1", "iso8859-15", "utf-16", "utf-16-le", "utf-16-be"})
_SPACE = b" \t\r\n"
_WHOLE = msgspec.json.Decoder(msgspec.Raw)
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)


class Unreadable(Exception):
    """An answer that is of no use as it came; another try may bring a better one."""


class TooLarge(Unreadable):
    """An answer beyond the limit; it hardly shrinks when it is fetched again."""

    def __init__(self) -> None:
        super().__init__(f"an answer of more than {MOST_BYTES >> 20} MiB")


class _Stream(Protocol):
    """One compressed stream, as zlib and zstd have it."""

    def decompress(self, data: Any, max_length: int, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


class _Brotli:
    """Brotli in the same form."""

    # Nothing may follow a brotli stream.
    unused_data = b""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def decompress(self, data: Any, max_length: int, /) -> bytes:
        part: bytes = self._stream.process(data, output_buffer_limit=max_length)
        return part

    @property
    def eof(self) -> bool:
        return bool(self._stream.is_finished())


# Servers mix up gzip and deflate, and send deflate with and without zlib's frame.
_FRAMED: Callable[[], _Stream] = lambda: zlib.decompressobj(47)  # noqa: E731
_BARE: Callable[[], _Stream] = lambda: zlib.decompressobj(-15)  # noqa: E731
_CODINGS: dict[str, tuple[Callable[[], _Stream], ...]] = {
    "gzip": (_FRAMED,),
    "x-gzip": (_FRAMED,),
    "deflate": (_FRAMED, _BARE),
    "br": (_Brotli,),
    "zstd": (zstd.ZstdDecompressor,),
}
_ERRORS = (zlib.error, brotli.error, zstd.ZstdError)


def unpacked(body: bytes, encodings: Iterable[str], *, most: int = MOST_BYTES) -> bytes:
    """The body before its server packed it.

    Args:
        body: as it came.
        encodings: the values of all `Content-Encoding` headers, in their order.
        most: bytes that it, and any step on the way, may have.

    Raises:
        TooLarge: beyond `most`.
        Unreadable: not packed as declared, or cut short inside its packing.
    """
    if len(body) > most:
        raise TooLarge
    names = [name.strip().lower() for value in encodings for name in value.split(",")]
    declared = [name for name in names if name in _CODINGS]
    if len(declared) > _MOST_LAYERS:
        raise Unreadable("an answer packed too many times over")
    for name in reversed(declared):
        # Declared, but not done: by a server behind a proxy that unpacks, for example.
        if not body or is_whole(as_utf8(body, "")):
            return body
        body = _unpack(body, _CODINGS[name], most)
    # Done, but not declared: packed twice, or by a server that keeps files packed.
    for _ in range(_MOST_LAYERS - len(declared)):
        if body.startswith(_GZIP):
            body = _unpack(body, _CODINGS["gzip"], most)
        elif body.startswith(_ZSTD):
            body = _unpack(body, _CODINGS["zstd"], most)
        else:
            break
    return body


def as_utf8(body: bytes, content_type: str) -> bytes:
    """JSON text in plain UTF-8, whatever mark it begins with and whatever its header says.

    What is no text in any encoding known stays as it is.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return _recoded(body, encoding) if encoding != "utf-8" else body[len(mark) :]
    if b"\0" in body[:4]:
        return _recoded(body, json.detect_encoding(body))
    if body.isascii():
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        found = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
        return _recoded(body, found[1]) if found else body
    return body


def is_whole(body: bytes) -> bool:
    """Whether this is one JSON object or list from its beginning to its end.

    An answer that was cut short may well end in a brace. Values that JSON does not know (NaN,
    half a surrogate pair, bytes that are no text) do not make it less whole: they are the
    parser's affair.

    Raises:
        TooLarge: more values than memory should hold.
    """
    start = body.lstrip(_SPACE)[:1] if body[:1].isspace() else body[:1]
    if start not in (b"{", b"["):
        return False
    if len(body) > _FEW_BYTES and sum(map(body.count, b"{[,:")) > _MOST_VALUES:
        raise TooLarge
    try:
        # Looked through and not made into anything: a quarter of what decoding takes.
        _WHOLE.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return _is_closed(body)
    return True


def _is_closed(body: bytes) -> bool:
    """Whether every bracket is closed, the first by the last thing that stands there."""
    open_, end = bytearray(), 0
    for token in _TOKEN.finditer(body):
        found = token[0]
        if found in (b"{", b"["):
            if end:
                return False
            open_ += found
        elif found == b'"':
            return False
        elif found in (b"}", b"]"):
            if not open_ or open_.pop() != (found[0] - 2):
                return False
            end = 0 if open_ else token.end()
    return bool(end) and not body[end:].strip(_SPACE)


def _unpack(body: bytes, streams: tuple[Callable[[], _Stream], ...], most: int) -> bytes:
    for start in streams[:-1]:
        try:
            return _undone(body, start, most)
        except _ERRORS:
            continue
    try:
        return _undone(body, streams[-1], most)
    except _ERRORS:
        raise Unreadable("an answer that cannot be unpacked") from None


def _undone(body: bytes, start: Callable[[], _Stream], most: int) -> bytes:
    """All members of a compressed body; what follows the last is padding.

    In pieces, for a stream copies what follows its end.
    """
    parts: list[bytes] = []
    stream, view, at, room = start(), memoryview(body), 0, most
    members = 1
    while at < len(body):
        piece = view[at : at + _PIECE]
        part = stream.decompress(piece, room + 1)
        room -= len(part)
        if room < 0:
            raise TooLarge
        parts.append(part)
        at += len(piece)
        if not stream.eof:
            continue
        at -= len(stream.unused_data)
        if not body.startswith((_GZIP, _ZSTD), at):
            break
        members += 1
        if members > _MOST_MEMBERS:
            raise Unreadable("an answer packed in too many pieces")
        stream = start()
    if not stream.eof:
        raise Unreadable("an answer cut short")
    return b"".join(parts)


def _recoded(body: bytes, encoding: str) -> bytes:
    try:
        if codecs.lookup(encoding).name.replace("utf-32", "utf-16") not in _CHARSETS:
            return body
        return body.decode(encoding).encode()
    except (LookupError, UnicodeError):
        return body
