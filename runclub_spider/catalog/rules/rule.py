"""What a rule is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Rule:
    """A reason to keep tracks out of the catalogue.

    Attributes:
        name: its word in the store, in the files of a release and in `scrapy explain`.
        refuses: whether it refuses the track of the facts. It is asked for arrays and for columns
            of SQL as well, so it joins facts by `&`, `|`, `==`, `<` and `>` alone; never by `and`,
            `or`, `not` or `~`.
        sentence: what it looked at in one track, in words that hold for both outcomes.
        closing: what the sentence is followed by where the rule decides.
        curable: whether another source may still mend what it refuses, such as a missing name.
        publishing: whether it needs facts that are known when publishing alone. All others are
            judged with each stored page, too.
        alone: whether nothing else can be trusted of what it refuses: that counts under this
            rule, whatever its place.
    """

    name: str
    refuses: Callable[[Facts, Policy], Values]
    sentence: Callable[[Facts, Policy], str]
    closing: str = ""
    curable: bool = False
    publishing: bool = False
    alone: bool = False

    def __str__(self) -> str:
        return self.name
