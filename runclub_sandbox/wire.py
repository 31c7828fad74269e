"""How answers travel: packed, framed and spelt in all the ways of the world's servers.

Everything is drawn from the seed, the API and the number of the request, so that the same run
meets the same again. What a client cannot read is never sent to it.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

from aiohttp import HttpVersion11, web

from .world import hashed

Framing = Literal["length", "chunked", "closed"]
Cut = Literal["plain", "packed", "hung up"]

#: Spellings of one and the same content type.
JSON_TYPES = (
    "application/json; charset=utf-8",
    "application/json",
    "application/json;charset=UTF8",
    "application/json; charset=UTF-8",
    "APPLICATION/JSON; CHARSET=UTF-8",
    'application/json; charset="utf-8"',
)
_JSON = "application/json"
#: Only the crawl itself may get what it did not ask for: a script that reads the twin with a bare
#: client, whatever it calls itself, asks for no packing and means it.
CRAWLER = re.compile(r"runclub-spider/\S+ \(song catalogue")
#: What came unasked, of sixteenths; identity though more was offered; one coding on another.
_UNASKED, _IDENTITY, _STACKED = 2, 2, 1
_STACK = "gzip, br"
_CUTS: tuple[Cut, ...] = ("plain", "packed", "hung up")
#: Key of the response under which the spelling of its header names stands.
CASE = "case"


@dataclass(frozen=True, slots=True)
class Wire:
    """The way of one answer.

    Attributes:
        coding: what ``Content-Encoding`` says, or None for no such header.
        raw: ``deflate`` without zlib's head and tail, as some servers have it.
        framing: how the end of the body is told.
        keep: whether the connection is kept.
        case: spelling of header names: ``usual``, ``lower``, ``upper`` or ``mixed``.
        json_type: the content type of a JSON body.
        cut: where an answer that is cut short loses its rest: before packing, after it, or by
            a connection that ends too early.
        pieces: a number from which the sizes of the chunks follow.
    """

    coding: str | None = None
    raw: bool = False
    framing: Framing = "length"
    keep: bool = True
    case: str = "usual"
    json_type: str = JSON_TYPES[0]
    cut: Cut = "plain"
    pieces: int = 0

    @property
    def codings(self) -> tuple[str, ...]:
        """The packings in the order in which they are applied."""
        return tuple(self.coding.split(", ")) if self.coding else ()

    def packed(self, body: bytes) -> bytes:
        """The body as it is sent."""
        for name in self.codings:
            body = _raw_deflate(body) if self.raw and name == "deflate" else packers()[name](body)
        return body

    def content_type(self, given: str) -> str:
        """The content type as this answer spells it."""
        return self.json_type if given.startswith(_JSON) else given

    def split(self, body: bytes) -> tuple[bytes, ...]:
        """The chunks of a body: all of it, or a short one and the rest; none of them is empty."""
        first = self.pieces % 1400 if self.pieces % 2 else 0
        return tuple(piece for piece in (body[:first], body[first:]) if piece)


#: As the sandbox answered before it was like the world.
PLAIN = Wire()


def draw(seed: int, api: str, number: int, headers: Mapping[str, str]) -> Wire:
    """The way of the answer to a request.

    Args:
        seed: the sandbox's.
        api: whose answer it is.
        number: the request's, counted by API.
        headers: of the request, names in lower case.
    """
    dice = _Dice(hashed("wire", seed, api, number))
    offered = [one for one in accepted(headers.get("accept-encoding", "")) if one in packers()]
    coding: str | None = None
    roll = dice(16)
    if offered:
        if {"gzip", "br"} <= set(offered) and roll < _STACKED:
            coding = _STACK
        elif roll < 16 - _IDENTITY:
            coding = offered[dice(len(offered))]
    elif roll < _UNASKED and CRAWLER.match(headers.get("user-agent", "")):
        coding = "gzip"
    # a new connection costs both sides more than packing does, so few are closed
    way = dice(16)
    framing: Framing = "closed" if way == 0 else "chunked" if way < 8 else "length"
    return Wire(
        coding=coding,
        raw=dice(2) == 0,
        framing=framing,
        keep=way > 1 and way != 15,
        case=("usual", "usual", "lower", "lower", "lower", "upper", "mixed", "usual")[dice(8)],
        json_type=JSON_TYPES[dice(len(JSON_TYPES))],
        cut=_CUTS[dice(len(_CUTS))],
        pieces=dice(1 << 16),
    )


class _Dice:
    """Takes small numbers from a large one."""

    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self, sides: int) -> int:
        self._left, found = divmod(self._left, sides)
        return found


@cache
def accepted(header: str) -> tuple[str, ...]:
    """The content codings that an ``Accept-Encoding`` admits, in alphabetical order."""
    found: dict[str, bool] = {}
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        weight = parameters.replace(" ", "").removeprefix("q=")
        found[name.strip()] = weight.strip("0.") != "" or not parameters
    every = found.pop("*", False)
    return tuple(one for one in sorted(("br", "deflate", "gzip", "zstd")) if found.get(one, every))


@cache
def packers() -> Mapping[str, Callable[[bytes], bytes]]:
    """The packings this machine knows, all at their quickest."""
    found: dict[str, Callable[[bytes], bytes]] = {
        "gzip": lambda body: gzip.compress(body, 1, mtime=0),
        "deflate": lambda body: zlib.compress(body, 1),
    }
    # these come with Scrapy; the sandbox also runs without it
    if brotli := _found("brotli"):
        found["br"] = lambda body: bytes(brotli.compress(body, quality=0))
    if zstd := _found("compression.zstd") or _found("backports.zstd"):
        found["zstd"] = lambda body: bytes(zstd.compress(body, 1))
    return found


def _found(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


class _Streamed(web.StreamResponse):
    """A response written piece by piece, its head together with the first."""

    # without this aiohttp sends the head alone, which costs a system call and changes nothing
    _send_headers_immediately = False


class _Unending(_Streamed):
    """A response without a length, whose end is that of the connection."""

    # aiohttp would make it a chunked one, and has no other way to say so
    _length_check = False


async def send(
    request: web.Request,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    wire: Wire,
    *,
    short: bool = False,
) -> web.StreamResponse:
    """Sends an answer its own way.

    Args:
        request: what is answered.
        status: HTTP status.
        headers: with a ``Content-Type``; those of packing and framing are added.
        body: plain; an empty one is sent as it is.
        wire: the way.
        short: the answer loses its last third.
    """
    if short and wire.cut == "plain":
        body = _cut(body)
    sent = dict(headers)
    sent["Content-Type"] = wire.content_type(headers["Content-Type"])
    if wire.coding is not None and body:
        body = wire.packed(body)
        sent |= {"Content-Encoding": wire.coding, "Vary": "Accept-Encoding"}
    if short and wire.cut == "packed":
        body = _cut(body)
    ends_early = short and wire.cut == "hung up"
    # chunks are HTTP/1.1's, and there is nothing to frame where no body may follow
    old = request.version < HttpVersion11 or request.method == "HEAD"
    framing = "length" if old else wire.framing
    if framing == "length" and not ends_early:
        whole = web.Response(status=status, body=body, headers=sent)
        whole[CASE] = wire.case
        if not wire.keep:
            whole.force_close()
        return whole
    kind = _Unending if framing == "closed" else _Streamed
    response = kind(status=status, headers=sent)
    response[CASE] = wire.case
    if framing == "chunked":
        response.enable_chunked_encoding()
    elif framing == "length":
        response.content_length = len(body)
    if not wire.keep or ends_early:
        response.force_close()
    await response.prepare(request)
    *pieces, last = wire.split(_cut(body) if ends_early else body) or (b"",)
    for piece in pieces:
        await response.write(piece)
    if ends_early and request.transport is not None:
        await response.write(last)
        request.transport.close()
    else:
        # the last chunk and the end in one go: system calls are what costs here
        await response.write_eof(last)
    return response


def _cut(body: bytes) -> bytes:
    return body[: len(body) * 2 // 3]


def respell(response: web.StreamResponse, kept: str) -> None:
    """Spells the header names of a response the way it wants; `kept` stays as it is."""
    case = response.get(CASE, "usual")
    if case == "usual":
        return
    pairs = [(str(name), value) for name, value in response.headers.items()]
    response.headers.clear()
    for name, value in pairs:
        response.headers.add(name if name == kept else _SPELLING[case](name), value)


_SPELLING: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "mixed": str.swapcase,
}
