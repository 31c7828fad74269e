"""Processes beside this one, for the parts of a store and the spans of a release."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@contextmanager
def processes(number: int, *coming: Callable[..., Any]) -> Iterator[ProcessPoolExecutor]:
    """So many processes, which live and end with this one.

    They start at once, and import what they will need while this thread begins. When all went well
    they end beside what follows; else what they have in hand ends first.

    Args:
        number: of processes.
        coming: functions of the modules that will be run there.
    """
    # Not forked: who publishes or verifies may have threads, and a copy of them may stand still.
    executor = ProcessPoolExecutor(number, get_context("spawn"), _begin)
    try:
        # One that dies at once is for those to tell who ask for its work.
        with _no_main(), suppress(BrokenProcessPool):
            for _ in range(number):
                executor.submit(_begun, *coming)
        yield executor
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise
    executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _no_main() -> Iterator[None]:
    """Processes that start here have no `__main__`: they would import Scrapy's command line."""
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin() -> None:
    # Control-C reaches both; what becomes of the work is the other's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _begun(*_: Callable[..., Any]) -> None:
    """What is pickled by its name is imported where it arrives."""


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
