"""Tracks of which nobody said whether they can be played: refused, to be on the safe side."""

from __future__ import annotations

from runclub_spider.catalog.models import Playable
from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule
from runclub_spider.catalog.rules.unplayable import playable


def _refuses(facts: Facts, _: Policy) -> Values:
    return facts.playable == Playable.UNKNOWN


#: Lifted, when publishing, for cells that have too few tracks.
PLAYABILITY_UNKNOWN = Rule(
    "playability_unknown", _refuses, playable, closing=", and no thin cell needs it"
)
