"""Local servers that answer what a test says and remember every request, headers and all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Visit:
    """A request as it came; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")

    @property
    def whole(self) -> str:
        """Everything it said, to search for a secret."""
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        return "\n".join([self.method, self.target, *lines, self.body])


@dataclass(frozen=True)
class Reply:
    """What the server says to a request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Server(ThreadingHTTPServer):
    """Answers with `reply` and keeps what it saw."""

    reply: Callable[[Visit], Reply]

    def __init__(self, reply: Callable[[Visit], Reply]) -> None:
        self.reply, self.seen = reply, list[Visit]()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 10

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        visit = Visit(self.command, self.path, headers, body)
        self.server.seen.append(visit)
        reply = self.server.reply(visit)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def serving(reply: Callable[[Visit], Reply] | Reply) -> Iterator[Server]:
    """A server on a free port, with one answer or one that depends on the request."""
    server = Server(reply if callable(reply) else lambda _: reply)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def json_reply(content: object, status: int = 200, **headers: str) -> Reply:
    """A JSON answer; `_` in header names stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        status, json.dumps(content).encode(), {"Content-Type": "application/json", **named}
    )
