"""Tracks that cannot be played in the market."""

from __future__ import annotations

from runclub_spider.catalog.models import Playable
from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule


def _refuses(facts: Facts, _: Policy) -> Values:
    return facts.playable == Playable.NO


def playable(facts: Facts, policy: Policy) -> str:
    """Whether the track can be played, and who says so."""
    who = "nobody said" if facts.playable == Playable.UNKNOWN else f"by {facts.basis}"
    return f"playable in {policy.market}: {facts.playable} ({who})"


UNPLAYABLE = Rule("unplayable", _refuses, playable)
