"""What the configuration lets into the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runclub_spider.catalog.content.digest import digest
from runclub_spider.catalog.content.labels import ContentPolicy, Treatment, of_mask

#: Rises with what the rules let in, so that stored verdicts of older rules are judged anew.
RULES_VERSION = 3

_DEFAULT = ContentPolicy()


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that the rules go by; durations in milliseconds."""

    market: str
    min_duration_ms: int
    max_duration_ms: int
    suitability: Literal["rank", "gate"] = "rank"
    content: ContentPolicy = _DEFAULT

    @property
    def key(self) -> str:
        """A short text equal for policies of equal verdicts while crawling; stored beside those."""
        rejected = "+".join(of_mask(self.content.mask(Treatment.REJECT)))
        durations = f"{self.min_duration_ms}-{self.max_duration_ms}"
        return f"{self.market}/{durations}/{RULES_VERSION}/{rejected}/{digest()}"
