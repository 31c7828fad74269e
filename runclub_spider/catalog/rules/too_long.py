"""Tracks longer than the configured maximum."""

from __future__ import annotations

from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule


def _refuses(facts: Facts, policy: Policy) -> Values:
    return facts.duration_ms > policy.max_duration_ms


def _sentence(facts: Facts, policy: Policy) -> str:
    above = "above" if _refuses(facts, policy) else "not above"
    return f"{facts.duration_ms:,} ms is {above} MAX_DURATION_MS {policy.max_duration_ms:,}"


TOO_LONG = Rule("too_long", _refuses, _sentence)
