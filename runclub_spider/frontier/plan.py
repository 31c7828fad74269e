"""The plan of a run: which seeds, in what order, before anything is asked."""

from __future__ import annotations

from pathlib import Path

from runclub_spider.catalog.umbrellas import UmbrellaFileError, UmbrellaMap
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.templates import (
    Kind,
    Seed,
    SeedFileError,
    load_seeds,
    read_seed_file,
)

UMBRELLA_FILE = "umbrellas.yaml"


def load_umbrellas(seeds_dir: Path) -> UmbrellaMap:
    """The umbrella map beside the seed templates."""
    try:
        return UmbrellaMap.load(seeds_dir / UMBRELLA_FILE)
    except UmbrellaFileError as error:
        raise ConfigurationError(str(error)) from None


def plan_of(
    seeds_dir: Path,
    kind: Kind,
    *,
    file: Path | None = None,
    family: str | None = None,
    max_seeds: int | None = None,
    dedupe: bool = True,
) -> tuple[Seed, ...]:
    """The seeds of a run in template order.

    From the templates, or from the user's own `file`; narrowed to a family and to the first
    `max_seeds`. Raises `ConfigurationError` naming file, line and key of a mistake.
    """
    umbrellas = load_umbrellas(seeds_dir)
    try:
        if file is not None:
            plan = read_seed_file(file, kind, umbrellas, dedupe=dedupe)
            plan = tuple(seed for seed in plan if family in (None, seed.family))
        else:
            plan = load_seeds(seeds_dir, umbrellas, kind=kind, family=family, dedupe=dedupe)
    except SeedFileError as error:
        raise ConfigurationError(str(error)) from None
    if not plan:
        raise ConfigurationError(
            f"there is no {kind} seed to ask"
            + (f" in family {family}" if family else "")
            + f"; look at {file or seeds_dir}"
        )
    return plan[:max_seeds]
