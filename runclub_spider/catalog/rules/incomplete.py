"""Tracks without a title or an artist, as a takedown leaves them: the app has no use for them."""

from __future__ import annotations

from runclub_spider.catalog.rules.facts import Facts, Values
from runclub_spider.catalog.rules.policy import Policy
from runclub_spider.catalog.rules.rule import Rule


def _refuses(facts: Facts, _: Policy) -> Values:
    return facts.untitled | (facts.artists == 0)


def _sentence(facts: Facts, _: Policy) -> str:
    title = "no title" if facts.untitled else "a title"
    return f"{title}, {facts.artists} artist{'' if facts.artists == 1 else 's'}"


INCOMPLETE = Rule("incomplete", _refuses, _sentence, curable=True)
