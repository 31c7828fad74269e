"""A server that sends exactly the bytes a test gives it, for framing that no library would make."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CRLF = b"\r\n"


@dataclass(frozen=True)
class Sent:
    """An answer as its bytes; `drip` sends them one at a time, so many seconds apart."""

    wire: bytes
    keep_open: bool = False
    drip: float = 0.0


@dataclass
class RawServer:
    """Answers by path; what it does not know it answers with 404."""

    answers: Mapping[str, Sent]
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    # The header block of the last request of a path, in lower case.
    heads: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(CRLF + CRLF)).decode("latin-1")
        path = head.split()[1].partition("?")[0]
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        await reader.readexactly(int(fields.get("content-length", 0)))
        self.asked[path] += 1
        self.heads[path] = head.lower()
        answer = self.answers.get(path) or answered(b"", status="404 Not Found")
        if answer.drip:
            for byte in answer.wire:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(answer.drip)
        else:
            writer.write(answer.wire)
            await writer.drain()
        return answer.keep_open


def head(*lines: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    """A status line and header lines."""
    found = [f"HTTP/{version} {status}", "Content-Type: application/json", *lines]
    return "".join(f"{line}\r\n" for line in found).encode("latin-1") + CRLF


def chunked(body: bytes, size: int = 4096) -> bytes:
    """A body in chunks."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


def answered(body: bytes, *lines: str, framing: str = "length", status: str = "200 OK") -> Sent:
    """An answer under a way of telling where it ends."""
    if framing == "length":
        lines = (*lines, f"Content-Length: {len(body)}")
        return Sent(head(*lines, status=status) + body, keep_open=True)
    if framing == "length, closed":
        lines = (*lines, f"Content-Length: {len(body)}", "Connection: close")
        return Sent(head(*lines, status=status) + body)
    if framing == "chunked":
        lines = (*lines, "Transfer-Encoding: chunked")
        return Sent(head(*lines, status=status) + chunked(body), keep_open=True)
    if framing == "small chunks":
        lines = (*lines, "TRANSFER-ENCODING: Chunked", "Connection: close")
        return Sent(head(*lines, status=status) + chunked(body, 7))
    version = {"closed": "1.1", "1.0": "1.0"}[framing]
    return Sent(head(*lines, status=status, version=version) + body)


FRAMINGS = ("length", "length, closed", "chunked", "small chunks", "closed", "1.0")


@contextmanager
def raw_server(answers: Mapping[str, Sent]) -> Iterator[RawServer]:
    """Runs in a thread of its own."""
    server = RawServer(answers)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> None:
        listening = await asyncio.start_server(server.visit, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        started.set()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
