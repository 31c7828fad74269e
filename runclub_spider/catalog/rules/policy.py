"""What the configuration lets into the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Rises with what the rules let in, so that stored verdicts of older rules are judged anew.
RULES_VERSION = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that the rules go by; durations in milliseconds."""

    market: str
    min_duration_ms: int
    max_duration_ms: int
    suitability: Literal["rank", "gate"] = "rank"

    @property
    def key(self) -> str:
        """A short text equal for policies of equal verdicts while crawling; stored beside those."""
        return f"{self.market}/{self.min_duration_ms}-{self.max_duration_ms}/{RULES_VERSION}"
