"""Tracks that are something else than a song by their artist, as far as the owner wants none."""

from __future__ import annotations

from functools import partial

from runclub_spider.catalog.content.labels import Label, Treatment, mask_of
from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule


def _refuses(bit: int, facts: Facts, _: Policy) -> Values:
    # Whether the bit is set, in words that arrays and columns of SQL understand alike.
    return facts.content % (2 * bit) > bit - 1


def _sentence(label: Label, facts: Facts, policy: Policy) -> str:
    told = policy.content.of(label)
    if told is not Treatment.REJECT:
        return f"CONTENT_POLICY says {label}={told}"
    held = _refuses(mask_of([label]), facts, policy)
    return f"{'labelled' if held else 'not labelled'} {label}"


#: A rule for each label. Which labels refuse a track the facts say: while crawling those that its
#: names leave no doubt of.
CONTENT = tuple(
    Rule(f"content_{label}", partial(_refuses, mask_of([label])), partial(_sentence, label))
    for label in Label
)
