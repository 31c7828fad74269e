"""Faults of this program: whose an exception is, how it is told, and who notices it.

Scrapy catches whatever its components raise, logs it and goes on. A run that goes on like that
ends well although a part of it was never done, so every such record is read here.
"""

from __future__ import annotations

import logging
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: Packages that bring an answer here; what they raise tells of the network or the answer.
_CARRIERS = frozenset({"scrapy", "twisted"})
#: Loggers that tell of an exception that a component let out.
_CATCHERS = ("scrapy.core.", "scrapy.utils.", "twisted", "asyncio")
_LIBRARIES = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
_MOST = 200


def is_ours(error: BaseException) -> bool:
    """Whether the program is at fault, and not the network or what a server answered.

    The innermost frame decides that belongs to no library: is there one of Scrapy's or Twisted's
    further in, then these could not get or unpack an answer.
    """
    if type(error).__module__.partition(".")[0] in _CARRIERS:
        return False
    frame = _where(error)
    return frame is None or _package(frame[0]) not in _CARRIERS


def told(error: BaseException) -> str:
    """An exception in one line."""
    said = "".join(c if c.isprintable() else " " for c in str(error))
    said = " ".join(said.split())[:_MOST]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def report(error: BaseException) -> str:
    """What the person at the terminal reads of a fault."""
    return (
        f"a fault of this program in {place(error)}: {told(error)}; please report it, "
        "-L DEBUG shows where"
    )


def place(error: BaseException) -> str:
    """Module and line where an exception came from, as far as the program's own code goes."""
    frame = _where(error)
    if frame is None:
        return "an unknown place"
    return f"{frame[0].f_globals.get('__name__', '?')}, line {frame[1]}"


@contextmanager
def noticed(notice: Callable[[BaseException], None]) -> Iterator[None]:
    """Hand what Scrapy, Twisted or asyncio caught and only logged to `notice`.

    Its record, traceback and all, becomes one for debugging.
    """
    reader = _Reader(notice)
    # In front of all others: a record is read before it is shown.
    logging.root.handlers.insert(0, reader)
    try:
        yield
    finally:
        logging.root.removeHandler(reader)


class _Reader(logging.Handler):
    def __init__(self, notice: Callable[[BaseException], None]) -> None:
        super().__init__(logging.ERROR)
        self._notice = notice

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an exception; messages without one are somebody else's."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not record.name.startswith(_CATCHERS):
            return
        if not record.name.startswith("scrapy") and not is_ours(error):
            # A connection that broke when nobody waited for it any more.
            return
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        self._notice(error)


def _where(error: BaseException) -> tuple[FrameType, int] | None:
    """The innermost frame that is neither the standard library's nor another library's."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if not _is_library(trace.tb_frame):
            found = trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
    return found


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _is_library(frame: FrameType) -> bool:
    package = _package(frame)
    if package in _CARRIERS:
        return False
    return package in sys.stdlib_module_names or frame.f_code.co_filename.startswith(_LIBRARIES)
