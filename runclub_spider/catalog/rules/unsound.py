"""Tracks whose row cannot be read or written, or that `verify` refuses."""

from __future__ import annotations

from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule


def _refuses(facts: Facts, _: Policy) -> Values:
    return facts.unsound


def _sentence(facts: Facts, _: Policy) -> str:
    return facts.fault or "its row can be read, and nothing is known against it"


UNSOUND = Rule(
    "unsound",
    _refuses,
    _sentence,
    closing="; each publish looks at it anew",
    publishing=True,
    alone=True,
)
