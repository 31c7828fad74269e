"""The rules a track must pass to be eligible, in the order they are counted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runclub_spider.catalog.models import Playable

#: Rises with what the rules let in, so that stored verdicts of older rules are judged anew.
RULES_VERSION = 2


class Rule(StrEnum):
    """Reasons for a rejection, first failing rule first."""

    INCOMPLETE = "incomplete"
    NO_DURATION = "no_duration"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    UNPLAYABLE = "unplayable"
    PLAYABILITY_UNKNOWN = "playability_unknown"
    # Judged when publishing, by audio features, and only if the owner asks for it.
    UNSUITABLE = "unsuitable"
    # Found when publishing: the row cannot be read or written, or `verify` refuses it.
    UNSOUND = "unsound"


#: What another source may still mend: an artist's name, a length.
CURABLE = frozenset({Rule.INCOMPLETE, Rule.NO_DURATION})


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration lets into the catalogue; durations in milliseconds."""

    market: str
    min_duration_ms: int
    max_duration_ms: int

    @property
    def key(self) -> str:
        """A short text equal for equal policies; stored beside the verdicts it led to."""
        return f"{self.market}/{self.min_duration_ms}-{self.max_duration_ms}/{RULES_VERSION}"


def failing_rules(
    *, name: str, artists: int, duration_ms: int, playable: Playable, policy: Policy
) -> tuple[Rule, ...]:
    """Every rule the track fails, in counting order; empty means eligible.

    A track after a takedown can come without a name or an artist: the app has no use for it.
    Unknown playability is refused, the specification's conservative exclusion.

    Args:
        name: of the track.
        artists: how many of its artists have a name; the others are left out of a release.
        duration_ms: its length by the best source that tells it; 0 where none does.
        playable: in the policy's market.
        policy: what is let in.
    """
    failed = []
    if not name.strip() or not artists:
        failed.append(Rule.INCOMPLETE)
    if duration_ms <= 0:
        failed.append(Rule.NO_DURATION)
    elif duration_ms < policy.min_duration_ms:
        failed.append(Rule.TOO_SHORT)
    if duration_ms > policy.max_duration_ms:
        failed.append(Rule.TOO_LONG)
    if playable is Playable.NO:
        failed.append(Rule.UNPLAYABLE)
    if playable is Playable.UNKNOWN:
        failed.append(Rule.PLAYABILITY_UNKNOWN)
    return tuple(failed)
