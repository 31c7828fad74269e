"""The rules a track must pass to be eligible.

Each is declared once, in a module of its own, and listed in `RULES`; everything else follows: the
verdict on one track (:func:`judge`), that on columns (:func:`first_refusals`), what `scrapy
explain` says (`rule.sentence(facts, policy)`), the counts of a release. To add one, write its
module, list it here and raise `policy.RULES_VERSION`; what it looks at and no other rule did
becomes a field of :class:`.facts.Facts`.

One track::

    facts = facts_of_stored(row.name, artists=2, duration_ms=row.duration_ms, ...)
    refused_by = judge(facts, policy, RULES)   # () for an eligible one

The tracks of a partition, as numpy columns of equal length::

    facts = Facts(untitled, artists, duration_ms, playable, unsuited=..., unsound=...)
    column = first_refusals(facts, policy)     # int8: positions in RULES, ELIGIBLE for none
    column = rule.refuses(facts, policy)       # bool: of one rule alone

`playable` is then a column of the words of `Playable` (`dtype='U7'`). Of a row that is `unsound`
the other columns may hold anything of their type. `rule.refuses` takes columns of SQLAlchemy just
as well and gives a condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.catalog.rules.content import CONTENT
from runclub_spider.catalog.rules.facts import Facts, Values, facts_of, facts_of_stored
from runclub_spider.catalog.rules.incomplete import INCOMPLETE
from runclub_spider.catalog.rules.no_duration import NO_DURATION
from runclub_spider.catalog.rules.playability_unknown import PLAYABILITY_UNKNOWN
from runclub_spider.catalog.rules.policy import RULES_VERSION, Policy
from runclub_spider.catalog.rules.rule import Rule
from runclub_spider.catalog.rules.too_long import TOO_LONG
from runclub_spider.catalog.rules.too_short import TOO_SHORT
from runclub_spider.catalog.rules.unplayable import UNPLAYABLE
from runclub_spider.catalog.rules.unsound import UNSOUND
from runclub_spider.catalog.rules.unsuitable import UNSUITABLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "CONTENT",
    "CRAWLING",
    "CURABLE",
    "ELIGIBLE",
    "INCOMPLETE",
    "NO_DURATION",
    "PLAYABILITY_UNKNOWN",
    "RULES",
    "RULES_VERSION",
    "TOO_LONG",
    "TOO_SHORT",
    "UNPLAYABLE",
    "UNSOUND",
    "UNSUITABLE",
    "Facts",
    "Policy",
    "Rule",
    "Values",
    "facts_of",
    "facts_of_stored",
    "first_refusals",
    "judge",
]

#: All of them, in counting order: a track counts under the first that refuses it.
RULES = (
    INCOMPLETE,
    NO_DURATION,
    TOO_SHORT,
    TOO_LONG,
    UNPLAYABLE,
    PLAYABILITY_UNKNOWN,
    UNSUITABLE,
    UNSOUND,
    *CONTENT,
)
#: Those that are judged with each stored page.
CRAWLING = tuple(rule for rule in RULES if not rule.publishing)
# Those that may refuse a track without content labels, as nearly all are: with the rules of the
# labels a track takes three times as long.
_OF_UNLABELLED = tuple(rule for rule in CRAWLING if rule not in CONTENT)
#: Those whose refusal another source may still mend.
CURABLE = frozenset(rule for rule in RULES if rule.curable)
#: Stands in columns for a track that no rule refuses.
ELIGIBLE = -1


def judge(facts: Facts, policy: Policy, rules: Sequence[Rule] = CRAWLING) -> tuple[Rule, ...]:
    """Every rule of `rules` that refuses one track, in their order; empty means eligible."""
    if rules is CRAWLING and not facts.content:
        rules = _OF_UNLABELLED
    refused = tuple([rule for rule in rules if rule.refuses(facts, policy)])
    return next(((rule,) for rule in refused if rule.alone), refused)


def first_refusals(facts: Facts, policy: Policy) -> NDArray[np.int8]:
    """Of each track the first of `RULES` that refuses it, as its position; `ELIGIBLE` for none.

    Args:
        facts: numpy columns of equal length.
        policy: what is let in.
    """
    import numpy as np

    found = np.full(len(facts.duration_ms), ELIGIBLE, np.int8)
    # The last one written counts: the later rules first, and those that stand alone behind all.
    for at in sorted(range(len(RULES)), key=lambda at: (RULES[at].alone, -at)):
        found[RULES[at].refuses(facts, policy)] = at
    return found
