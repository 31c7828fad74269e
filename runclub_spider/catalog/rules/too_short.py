"""Tracks shorter than the configured minimum; one of no known length has a rule of its own."""

from __future__ import annotations

from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule


def _refuses(facts: Facts, policy: Policy) -> Values:
    return (facts.duration_ms > 0) & (facts.duration_ms < policy.min_duration_ms)


def _sentence(facts: Facts, policy: Policy) -> str:
    below = "below" if _refuses(facts, policy) else "not below"
    return f"{facts.duration_ms:,} ms is {below} MIN_DURATION_MS {policy.min_duration_ms:,}"


TOO_SHORT = Rule("too_short", _refuses, _sentence)
