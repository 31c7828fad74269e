"""Genres of a track from the tags that people gave its recordings, albums and artists. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from runclub_spider.catalog.genres import normalise_genre

#: Genres kept of a track, and the least share that is worth naming.
MOST, LEAST = 8, Fraction(1, 50)
# A recording's own tags tell most of it, those of its artist are the most numerous.
_WEIGHTS = {"recording": 2, "release_group": 1, "artist": 2}


def shares(tags: Iterable[tuple[str, str, int]]) -> tuple[tuple[str, int], ...]:
    """((genre, share in thousandths), ...), the largest first, from (entity, name, votes).

    Each kind of entity is worth its weight, whatever the number of its votes; the share of a
    genre within it is that of its votes. Names are normalised as Spotify's genres are.
    """
    votes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for entity, name, count in tags:
        if entity in _WEIGHTS and count > 0 and (genre := normalise_genre(name)):
            votes[entity][genre] += count
    total = sum(_WEIGHTS[entity] for entity in votes)
    found: dict[str, Fraction] = defaultdict(Fraction)
    for entity, counts in votes.items():
        every = sum(counts.values())
        for genre, count in counts.items():
            found[genre] += Fraction(_WEIGHTS[entity] * count, total * every)
    ranked = sorted(found, key=lambda genre: (-found[genre], genre))
    kept = [genre for genre in ranked if found[genre] >= LEAST][:MOST]
    return tuple((genre, round(found[genre] * 1000)) for genre in kept)
