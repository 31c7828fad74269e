"""Tracks whose length no source tells."""

from __future__ import annotations

from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule


def _refuses(facts: Facts, _: Policy) -> Values:
    return facts.duration_ms <= 0


def _sentence(facts: Facts, policy: Policy) -> str:
    return "nobody tells its length" if _refuses(facts, policy) else f"{facts.duration_ms:,} ms"


NO_DURATION = Rule("no_duration", _refuses, _sentence, curable=True)
