"""Tracks whose audio features suit no run: refused only if the owner asks for it."""

from __future__ import annotations

from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule


def _refuses(facts: Facts, policy: Policy) -> Values:
    return facts.unsuited & (policy.suitability == "gate")


def _sentence(facts: Facts, policy: Policy) -> str:
    suits = "not known" if facts.suitability is None else facts.suitability
    return f"suits a run by {suits}, SUITABILITY={policy.suitability}"


UNSUITABLE = Rule("unsuitable", _refuses, _sentence, publishing=True)
