"""What the rules look at, of one track or of many."""

from __future__ import annotations

from typing import Any, NamedTuple

from runclub_spider.catalog.playability import Finding, listed, stored_playability

#: A truth, a number or a word of one track; an array of them, one element a track; or a column of
#: SQL. What they have in common are the operators `&`, `|`, `==`, `<` and `>`.
Values = Any


class Facts(NamedTuple):
    """What is known of a track, or, with arrays of equal length for values, of many.

    A truth speaks against the track, so that no rule has to negate one: `~` of Python's own
    truths is a number. What is not looked at where the facts are gathered stays as it is here.

    Attributes:
        untitled: whether it has no title.
        artists: how many of its artists have a name; the others are left out of a release.
        duration_ms: its length by the best source that tells it; 0 where none does.
        playable: a `Playable`, or its word, in the policy's market.
        basis: who says so; for the sentence alone.
        unsuited: whether its audio features suit no run, by what its seed families ask; known
            when publishing. False without features.
        suitability: how well it suits a run, 0 to 10, None for not known; for the sentence alone.
        unsound: whether its row cannot be read or written; known when publishing.
        fault: what is wrong with that row; for the sentence alone.
        content: the labels for which the policy rejects it, as `content.mask_of` writes them;
            while crawling those that its names leave no doubt of.
    """

    untitled: Values
    artists: Values
    duration_ms: Values
    playable: Values
    basis: str | None = None
    unsuited: Values = False
    suitability: float | None = None
    unsound: Values = False
    fault: str | None = None
    content: Values = 0


def facts_of(
    name: str, *, artists: int, duration_ms: int, found: Finding, content: int = 0
) -> Facts:
    """The facts of one track as a page shows it; arguments as the attributes of :class:`Facts`."""
    return Facts(
        not name.strip(), artists, duration_ms, found.playable, found.basis, content=content
    )


def facts_of_stored(
    name: str,
    *,
    artists: int,
    duration_ms: int,
    playable: str | None,
    basis: str | None,
    available_markets: str | None,
    market: str,
    content: int = 0,
) -> Facts:
    """The facts of one track as the store holds it.

    Args:
        name: of the track.
        artists: how many of its artists have a name.
        duration_ms: by the best source that tells it.
        playable: as the row of the market says; None where there is no such row.
        basis: who says so.
        available_markets: codes with commas between, None where no answer listed them.
        market: the policy's.
        content: as the attribute of :class:`Facts`.
    """
    found = stored_playability(playable, basis, listed(available_markets), market)
    return facts_of(name, artists=artists, duration_ms=duration_ms, found=found, content=content)
