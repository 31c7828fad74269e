"""Blocking requests beside a crawl: for tokens, for the consent, and of `doctor`.

`requests` limits neither the time nor the size of an answer, reads `~/.netrc`, and would send a
loopback call through a proxy of the environment. A session from here does none of that.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from runclub_spider.apis.decoding import ACCEPTED, Unreadable, as_utf8, unpacked
from runclub_spider.config import is_loopback

# From the first byte sent to the last received, names looked up and connections made.
TOTAL_SECONDS = 15.0
# Of these answers, packed and unpacked; the largest, one page of a search, has some 100 KiB.
MOST_BYTES = 8 << 20
_PIECE = 1 << 16

S = TypeVar("S", bound=requests.Session)
T = TypeVar("T")


def secured(session: S, *, total: float = TOTAL_SECONDS, most: int = MOST_BYTES) -> S:
    """The session, with limits and without surprises.

    A redirect is an answer like any other; all come unpacked, in UTF-8. What goes wrong is a
    `requests.RequestException`.

    Args:
        session: to be changed.
        total: seconds for each request, whatever its own timeouts.
        most: bytes of an answer.
    """
    session.trust_env = False
    session.headers["Accept-Encoding"] = ACCEPTED
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(total, most))
    return session


class _Adapter(HTTPAdapter):
    """Sends and reads whole answers under a limit of time and size."""

    def __init__(self, total: float, most: int) -> None:
        super().__init__()
        self._total, self._most = total, most

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - answers are always read here
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - found for each host
    ) -> requests.Response:
        url = request.url or ""
        if verify is True:
            verify = os.environ.get("REQUESTS_CA_BUNDLE") or verify
        found = {} if is_loopback(urlsplit(url).hostname or "") else get_environ_proxies(url)

        def whole() -> requests.Response:
            response = super(_Adapter, self).send(request, True, timeout, verify, cert, found)
            return _read(response, self._most)

        return within(self._total, whole)


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises, or `requests.Timeout` when it takes longer.

    It runs in a thread that is left to itself then, and that no end of the process waits for.
    """
    result: queue.SimpleQueue[tuple[list[T], BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            result.put(([work()], None))
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            result.put(([], error))

    threading.Thread(target=run, daemon=True).start()
    try:
        found, error = result.get(timeout=seconds)
    except queue.Empty:
        raise requests.Timeout(f"no whole answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return found[0]


def _read(response: requests.Response, most: int) -> requests.Response:
    """Read the body, unpack it, and drop the headers that described its packing."""
    packed = bytearray()
    try:
        while piece := response.raw.read(_PIECE, decode_content=False):
            packed += piece
            if len(packed) > most:
                break
    except (HTTPError, OSError) as error:
        raise requests.ConnectionError(type(error).__name__) from None
    finally:
        response.close()
    encoding = response.headers.pop("Content-Encoding", "")
    response.headers.pop("Content-Length", None)
    # A redirect would carry what was sent to another host: there is nowhere to follow it to.
    response.headers.pop("Location", None)
    try:
        body = unpacked(bytes(packed), [encoding], most=most)
    except Unreadable as error:
        raise ContentDecodingError(str(error)) from None
    response._content = as_utf8(body, response.headers.get("Content-Type", ""))
    response._content_consumed = True  # type: ignore[attr-defined]
    response.encoding = "utf-8"
    return response
