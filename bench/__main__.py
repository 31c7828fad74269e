"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from rich.console import Console

from bench.benchmarks import NAMES, USUAL
from bench.context import Context, Options
from bench.process import BenchError, OutOfTimeError
from bench.table import console
from runclub_spider.config import project_dir

#: Seconds for all benchmarks together.
LIMIT, QUICK_LIMIT = 3000.0, 115.0
#: Cores held by others from which on a table says that its wall figures are not to be trusted.
QUIET = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Run the named benchmarks, or all; 0 also when a target is missed, 1 when one failed."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if not named(name)]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    names = [one for name in given.names or USUAL for one in named(name)]
    shown = console()
    if given.list:
        for name in NAMES:
            shown.print(
                f"{name:14} {(_module(name).__doc__ or '').splitlines()[0]}", soft_wrap=True
            )
        return 0
    options = Options(
        data=_data(given.data, shown, builtin=given.builtin),
        quick=given.quick,
        limit=given.limit or (QUICK_LIMIT if given.quick else LIMIT),
    )
    _introduce(options, shown)
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="runclub-bench-"))
        status = stack.enter_context(Console(stderr=True).status("starting"))
        context = Context(options, Path(scratch), stack, status.update)
        failed = [name for name in names if not _one(name, context, shown)]
        shown.print(f"{time.monotonic() - context.started:.0f} s in all")
    return 1 if failed else 0


def named(name: str) -> list[str]:
    """The benchmark of a name, or all that begin with it: `speed` is every `speed_…`."""
    return [one for one in NAMES if one == name or one.startswith(f"{name}_")]


def _one(name: str, context: Context, shown: Console) -> bool:
    try:
        table = _module(name).run(context)
    except OutOfTimeError as error:
        shown.print(f"{name}: not measured, {error}; --limit SECONDS grants more\n")
    except (BenchError, RuntimeError, OSError) as error:
        shown.print(f"{name}: failed: {error}\n")
        return False
    else:
        if (others := context.others()) >= QUIET:
            table.notes.append(
                f"BUSY: other work held {others:.1f} of {os.cpu_count()} cores meanwhile; "
                "compare processor time only."
            )
        table.show(shown)
    return True


def _module(name: str) -> ModuleType:
    return import_module(f"bench.benchmarks.{name}")


def _data(given: Path | None, shown: Console, *, builtin: bool) -> Path | None:
    """The folder of the real tables, when there is one."""
    if builtin:
        return None
    folder = given or project_dir().parent / "shared" / "data"
    if (folder / "spotify").is_dir():
        return folder
    where = given or "../shared/data"
    shown.print(f"There are no tables in {where}: this runs on the built-in, made-up world.")
    return None


def _introduce(options: Options, shown: Console) -> None:
    shown.print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"world: {'real tables' if options.data else 'built-in'}, "
        f"{options.seeds} seeds, at most {options.limit:.0f} s."
    )
    shown.print(
        f"Machines are noisy (load before this run: {os.getloadavg()[0]:.1f}): "
        "read the ratios, and\nprocessor time before wall.\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Benchmarks, each beside a yardstick of the same run."
    )
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; default: all but speed_…"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, below two minutes")
    parser.add_argument("--data", type=Path, metavar="DIR", help="real tables (../shared/data)")
    parser.add_argument("--builtin", action="store_true", help="the made-up world, tables or not")
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="time for all together")
    parser.add_argument("--list", action="store_true", help="say what there is, and stop")
    return parser


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
