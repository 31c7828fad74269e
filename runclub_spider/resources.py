"""Data files of the package as files, also where the package itself is an archive (an egg)."""

from __future__ import annotations

import atexit
import pkgutil
import shutil
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_PACKAGE = Path(__file__).parent


def modules(name: str) -> list[str]:
    """The modules of a package in this one, by its path such as `apis/spotify`; none imported."""
    return [module.name for module in pkgutil.iter_modules([str(_PACKAGE / name)])]


@cache
def folder(name: str) -> Path:
    """A folder of the package, by its path in it such as `publish/schemas`.

    In an archive it is unpacked, once a process, to a place that is gone when the process ends.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    found = _PACKAGE / name
    if found.is_dir():
        return found
    archived = files(__package__).joinpath(*name.split("/"))
    if not archived.is_dir():
        raise FileNotFoundError(f"{__package__} has no {name}")
    unpacked = Path(tempfile.mkdtemp(prefix="runclub-spider-"))
    atexit.register(shutil.rmtree, unpacked, ignore_errors=True)
    _unpack(archived, unpacked)
    return unpacked


def _unpack(archived: Traversable, to: Path) -> None:
    for one in archived.iterdir():
        target = to / one.name
        if one.is_dir():
            target.mkdir()
            _unpack(one, target)
        else:
            target.write_bytes(one.read_bytes())
