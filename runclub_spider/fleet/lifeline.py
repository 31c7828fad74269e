"""A command that a worker runs ends with that worker, however it ends.

The worker holds one end of a pipe and writes nothing; the command reads the other. When the worker
is gone, killed say, the operating system closes its end, and the command kills itself: what it
could still send would be sent twice, for another worker takes up its job.
"""

from __future__ import annotations

import os
import signal
import threading

from runclub_spider.errors import ConfigurationError

#: In a command's environment: the number of the descriptor that it reads.
LIFELINE = "FLEET_LIFELINE"


def hold() -> None:
    """From now on this process ends with its worker, if it has one.

    Raises:
        ConfigurationError: the variable names no open descriptor.
    """
    number = os.environ.pop(LIFELINE, None)
    if number is None:
        return
    try:
        descriptor = int(number)
        # What this process starts ends with it in its own way.
        os.set_inheritable(descriptor, False)
    except (ValueError, OverflowError, OSError):
        raise ConfigurationError(
            f"{LIFELINE} is for the commands of a worker, and there is none; unset it"
        ) from None
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()


def _end_with(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
