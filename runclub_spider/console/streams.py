"""What a command prints must not decide how it ends: a reader that leaves, letters it lacks."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

#: The reader has left, the terminal was closed, or there never was one.
NOBODY_READS = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})
#: The disk, or what its owner may write on it, is full.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class _Output(io.FileIO):
    """A descriptor that takes everything once it fails in a way that is forgiven."""

    def __init__(self, number: int, forgiven: frozenset[int]) -> None:
        super().__init__(number, "w", closefd=False)
        self._forgiven = forgiven

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in self._forgiven:
                raise
            return memoryview(data).nbytes


def steady(forgiven: frozenset[int] = NOBODY_READS) -> None:
    """Make stdout and stderr outlive their readers, and escape what their encoding lacks.

    A closed one becomes /dev/null: else the next file that is opened would take its number, and
    with it all that is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for number, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, name)
        if old is not getattr(sys, f"__{name}__"):
            # Somebody reads along, a test say.
            continue
        if old is not None:
            old.flush()
        new = io.TextIOWrapper(
            io.BufferedWriter(_Output(number, forgiven)),
            encoding="utf-8" if old is None else old.encoding,
            errors="backslashreplace",
            line_buffering=number == 2 or os.isatty(number),
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
