"""Pools by hand: tracks as objects, made into the columns that a store would give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.ballots import MOST_UMBRELLAS, NONE, ORIGINS, Ballot, Box, Votes
from runclub_spider.catalog.content import ContentPolicy, Label, mask_of
from runclub_spider.catalog.content.works import Works
from runclub_spider.catalog.dates import DECADES, decade_of
from runclub_spider.catalog.editions import Edition
from runclub_spider.catalog.rules import ELIGIBLE, RULES, Rule
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.votes import Voter
from runclub_spider.publish.choose.apart import LookUp
from runclub_spider.publish.choose.part import NO_YEAR, DecadeFrom, Part, text_column
from runclub_spider.publish.choose.pool import Pool, Previous


@dataclass(frozen=True, slots=True)
class Vote:
    """A track's umbrellas, the heaviest first, where they come from, and how sure that is."""

    names: tuple[str, ...] = ()
    origin: str = "none"
    confidence: float = 0.0


# All that say nothing else are called the same.
_EDITION = Edition("Song", ("Artist",), 0)


@dataclass(slots=True)
class Candidate:
    """A track as far as choosing needs it; `rule` is the first that refuses it."""

    track_id: str
    isrc: str | None
    linked_from: str | None
    duration_ms: int
    year: int | None
    popularity: int | None
    has_features: bool
    asked_features: bool
    vote: Vote
    rule: Rule | None
    compilation: bool = False
    soft_key: str = ""
    suitability: float = 0.0
    original_year: int | None = None
    fault: str = ""
    labels: tuple[Label, ...] = ()
    edition: Edition = _EDITION


def pool_of(
    candidates: Iterable[Candidate],
    labels: Sequence[str],
    previous: Previous | None = None,
    *,
    decade_from: DecadeFrom = "album",
    parts: int = 1,
    content: ContentPolicy | None = None,
    look_up: LookUp | None = None,
) -> Pool:
    """The pool of candidates, as if they had been read in so many parts."""
    world = list(candidates)
    size = -(-len(world) // parts) or 1
    found = [
        part_of(world[start : start + size], labels, decade_from)
        for start in range(0, len(world), size)
    ]
    return Pool.of(
        found or [part_of([], labels, decade_from)],
        _voter(tuple(labels)),
        look_up or (lambda _: {one.track_id: one.edition for one in world}),
        previous,
        content or ContentPolicy(),
    )


def part_of(
    part: Sequence[Candidate], labels: Sequence[str], decade_from: DecadeFrom = "album"
) -> Part:
    """A part with the verdicts that the candidates name; nothing in it waits for votes."""
    names = np.full((len(part), MOST_UMBRELLAS), NONE, np.uint8)
    for at, candidate in enumerate(part):
        for column, name in enumerate(candidate.vote.names[:MOST_UMBRELLAS]):
            names[at, column] = labels.index(name)
    years = [(decade_from == "original" and one.original_year) or one.year for one in part]
    decades = [decade_of(year) for year in years]
    linked = [at for at, one in enumerate(part) if one.linked_from]
    return Part(
        columns={
            "ids": text_column([one.track_id for one in part], 22),
            "isrc": text_column([one.isrc or "" for one in part], 12),
            "duration": np.array([one.duration_ms for one in part], np.int32),
            "year": np.array([one.year or NO_YEAR for one in part], np.int16),
            "original": np.array([one.original_year or NO_YEAR for one in part], np.int16),
            "decade": np.array([DECADES.index(d) if d else NONE for d in decades], np.uint8),
            "popularity": np.array(
                [-1 if one.popularity is None else one.popularity for one in part], np.int8
            ),
            "features": np.array([one.has_features for one in part], bool),
            "asked": np.array([one.asked_features for one in part], bool),
            "compilation": np.array([one.compilation for one in part], bool),
            "content": np.array([mask_of(one.labels) for one in part], np.uint16),
            "suitability": np.array([int(one.suitability * 10) for one in part], np.uint8),
            "rule": np.array(
                [ELIGIBLE if one.rule is None else RULES.index(one.rule) for one in part], np.int8
            ),
            "soft": _hashes([one.soft_key for one in part]),
        },
        votes=Votes(
            names,
            np.array([ORIGINS.index(one.vote.origin) for one in part], np.uint8),
            np.array([round(one.vote.confidence * 10_000) for one in part], np.uint16),
        ),
        ballot=_nothing(labels),
        works=Works.of([], []),
        linked=np.array(linked, np.int64),
        linked_from=np.array([(part[at].linked_from or "").encode() for at in linked], np.bytes_),
        unsound={one.track_id: one.fault for one in part if one.fault},
    )


def _hashes(keys: Sequence[str]) -> NDArray[np.uint64]:
    """(length, 2): 128 bits of each text, 0 for an empty one."""
    digests = [blake2b(key.encode(), digest_size=16).digest() if key else bytes(16) for key in keys]
    return np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 2).astype(np.uint64)


@lru_cache
def _voter(labels: tuple[str, ...]) -> Voter:
    """A voter of these umbrellas, which no genre and no word means."""
    known: dict[str, Any] = {label: SimpleNamespace(prior=0.0) for label in labels}
    return Voter(UmbrellaMap(labels, "", known, ({}, {}, {}), {}, frozenset()))


def _nothing(labels: Sequence[str]) -> Ballot:
    return Box(_voter(tuple(labels))).close()
