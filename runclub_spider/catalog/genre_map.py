"""The genre map of a folder of seeds, read once a process."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from runclub_spider.catalog.umbrellas import UmbrellaMap

UMBRELLA_FILE = "umbrellas.yaml"
#: Names, sizes and times of change of files: whether they are still those that were read.
State = tuple[tuple[str, int, int], ...]


def state_of(folder: Path) -> State:
    """The files of a folder; empty if it cannot be looked at."""
    with suppress(OSError):
        found = [(path, path.stat()) for path in folder.iterdir() if path.is_file()]
        return tuple(sorted((path.name, stat.st_size, stat.st_mtime_ns) for path, stat in found))
    return ()


def load_umbrellas(seeds_dir: Path) -> UmbrellaMap:
    """The umbrella map beside the seed templates.

    Raises:
        ConfigurationError: a mistake in it, with file, line and key.
    """
    return _load(seeds_dir / UMBRELLA_FILE, state_of(seeds_dir))


@lru_cache(maxsize=2)
def _load(path: Path, _files: State) -> UmbrellaMap:
    return UmbrellaMap.load(path)
