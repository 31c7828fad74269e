"""Seed families: the files of a folder of seeds, and those that no file holds.

A family file carries what the rest of the program needs to know of it; its templates are read by
`frontier.templates`. Everything else that is called a family is declared here, in `BUILT_IN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from runclub_spider.catalog.genre_map import UMBRELLA_FILE, State, state_of
from runclub_spider.catalog.plays import KEXP
from runclub_spider.catalog.suitability import DEFAULT_POLICY, FamilyPolicy
from runclub_spider.catalog.yaml_file import YamlFile, read_text

#: Words that the family files share.
SHARED_FILE = "lists.yaml"


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A family whose seeds come from no family file.

    Attributes:
        name: as the ledger and `discovery.csv` have it.
        policy: what it asks of its finds.
        station: whether its searches look for single songs of the radio station of that name.
    """

    name: str
    policy: FamilyPolicy = DEFAULT_POLICY
    station: bool = False


#: The user's own terms: of the files of terms in the folder, or of `-a seeds=FILE`.
CUSTOM = BuiltIn("custom", FamilyPolicy(least=0.5))
#: Single years of a search that overflows, and the same without its years.
SPLIT = BuiltIn("split")
#: Searches for artists of thin cells.
ARTIST = BuiltIn("artist")
#: Searches for first editions of songs of which a late one is stored.
ORIGINAL = BuiltIn("original")

BUILT_IN: Mapping[str, BuiltIn] = {
    family.name: family for family in (CUSTOM, SPLIT, ARTIST, ORIGINAL, BuiltIn(KEXP, station=True))
}

# What these families ask where their files, made for an earlier version, do not say it; in the
# order in which they are shown. Those whose seeds name running or energy vouch for their finds.
_UNSAID: Mapping[str, FamilyPolicy] = {
    "editorial": FamilyPolicy(least=0.5),
    "umbrella_energy": FamilyPolicy(least=0.5),
    "decade_refreshers": FamilyPolicy(least=0.6),
    "trend_feeders": FamilyPolicy(least=0.6, most_acoustic=0.7),
    "cadence": FamilyPolicy(tempo=0.6, energy=0.25, danceability=0.15, least=0.5),
    "long_tail": DEFAULT_POLICY,
}


class SuitabilityKey(BaseModel):
    """The key `suitability` of a family file; `FamilyPolicy` says what each value means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tempo: float = Field(default=DEFAULT_POLICY.tempo, ge=0, le=1)
    energy: float = Field(default=DEFAULT_POLICY.energy, ge=0, le=1)
    danceability: float = Field(default=DEFAULT_POLICY.danceability, ge=0, le=1)
    least: float = Field(default=DEFAULT_POLICY.least, ge=0, le=1)
    most_acoustic: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = self.tempo + self.energy + self.danceability
        if abs(total - 1) > 1e-6 or not self.tempo + self.energy:
            raise ValueError(
                f"tempo, energy and danceability sum to {total:g} and must to 1, not all of it "
                "danceability"
            )
        return self

    @property
    def policy(self) -> FamilyPolicy:
        """The same as the rating takes it."""
        return FamilyPolicy(**self.model_dump())


class _Head(BaseModel):
    """A family file as far as it is no template."""

    suitability: SuitabilityKey | None = None


def station_of(family: str | None) -> str | None:
    """Return the radio station of whose songs a family's searches each look for one, or None."""
    found = BUILT_IN.get(family or "")
    return found.name if found is not None and found.station else None


def knows_artists(family: str | None) -> bool:
    """Whether a family's searches for artists say what these play.

    Those of a family file do; the program's own follow from what was found.
    """
    return family is not None and family not in BUILT_IN


def family_files(seeds_dir: Path) -> list[Path]:
    """Return the family files of a folder, by name."""
    others = {SHARED_FILE, UMBRELLA_FILE}
    return [path for path in sorted(seeds_dir.glob("*.yaml")) if path.name not in others]


def family_names(seeds_dir: Path) -> tuple[str, ...]:
    """Return the families that a plan of the folder may hold, the user's own terms last."""
    found = {path.stem for path in family_files(seeds_dir)}
    known = [name for name in _UNSAID if name in found]
    return (*known, *sorted(found.difference(known)), CUSTOM.name)


def load_policies(seeds_dir: Path) -> Mapping[str, FamilyPolicy]:
    """Return what each family asks of its finds, by name.

    A family that a store has and nobody declares any more is not among them.

    Raises:
        ConfigurationError: a mistake in a family file, with file, line and key.
    """
    return _load(seeds_dir, state_of(seeds_dir))


@lru_cache(maxsize=2)
def _load(seeds_dir: Path, _files: State) -> Mapping[str, FamilyPolicy]:
    found = dict(_UNSAID) | {family.name: family.policy for family in BUILT_IN.values()}
    for path in family_files(seeds_dir):
        # A long file that cannot say it is read by the plan alone.
        says = "suitability" in read_text(path)
        said = YamlFile(path).validated(_Head).suitability if says else None
        if path.stem in BUILT_IN:
            continue
        if said is not None:
            found[path.stem] = said.policy
        else:
            found.setdefault(path.stem, DEFAULT_POLICY)
    return found
