"""The plan of a run: which seeds, in what order, before anything is asked."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from runclub_spider.catalog.families import family_names
from runclub_spider.catalog.genre_map import State, load_umbrellas, state_of
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.templates import Kind, Seed, load_seeds, read_seed_file


# Preflight and spider want the same plan; to read and expand the files takes half a second.
@lru_cache(maxsize=4)
def _whole_plan(seeds_dir: Path, _files: State, kind: Kind, dedupe: bool) -> tuple[Seed, ...]:
    return load_seeds(seeds_dir, load_umbrellas(seeds_dir), kind=kind, dedupe=dedupe)


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
    if family is not None and family not in (names := family_names(seeds_dir)):
        raise ConfigurationError(
            f"family={family}: no such seed family; there are {', '.join(names)}"
        )
    if file is not None:
        plan = read_seed_file(file, kind, umbrellas, seeds_dir=seeds_dir, dedupe=dedupe)
    else:
        plan = _whole_plan(seeds_dir, state_of(seeds_dir), kind, dedupe)
    plan = tuple(seed for seed in plan if family in (None, seed.family))
    if not plan:
        raise ConfigurationError(
            f"there is no {kind} seed to ask"
            + (f" in family {family}" if family else "")
            + f"; look at {file or seeds_dir}"
        )
    return plan[:max_seeds]
