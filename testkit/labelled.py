"""Pairs of tracks that a person has judged to be one song twice or not, and a key's score on them.

`testkit/hard_pairs.csv` is made up, each pair with the reason for its label in a word.
`testkit/soft_pairs.csv` and `testkit/version_pairs.csv` name real tracks by id; their wording is
read from the tables. Each of these was judged from title, artists, album, year, duration and,
where known, ISRC and audio features; pairs on which the evidence was silent were left out. Those
of the first file were judged before any key was computed, those of the second beside what the key
of that time made of them. A pair is held out by its first id (:mod:`testkit.halves`).

*Same* means: the same song by the same people in the same version, at most 2 s apart. A version
word that one title has and the other lacks makes another version, whatever one may suspect.

A quarter of `soft_pairs.csv` was drawn at random from all pairs of one first artist and similar
titles; the rest so that every hard kind occurs: equal titles, guests, remasters, live, mixes and
edits, films, parts, spelling, other scripts, lengths near and far. Two kinds that no key can join
are held near their natural share, 1 to 2 % of the pairs that are near in length: one recording that
lists a guest on one edition only, and one whose title was changed or misspelt.

`version_pairs.csv` holds what was found hard later, its kind in a word: brackets, languages,
works, guests, skits, Various Artists. Its pairs are at most 2 s apart, so that words decide.
Those of the kind `drawn` were drawn at random from all such pairs of one first artist and one bare
title, for their natural share, half of them when the rules were under way; where a table lists the
first artist alone, the wording is not Spotify's, and was left out.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runclub_spider.catalog.versions import SOFT_DURATION_MS
from testkit.halves import held_out
from testkit.scores import Score

FOLDER = Path(__file__).parent
#: Where the tables lie in the folder of real data.
TRACKS = "spotify/tracks.csv.gz"
#: What a key must reach on either set.
LEAST_PRECISION, LEAST_RECALL = 0.995, 0.97

Key = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Named:
    """What a key may look at, and the duration in milliseconds."""

    name: str
    artists: tuple[str, ...]
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tracks and the judgement; whether no rule was tuned on them, and their kind if told."""

    a: Named
    b: Named
    same: bool
    held_out: bool = False
    kind: str = ""


def score(pairs: Iterable[Pair], key: Key) -> Score[Pair]:
    """Judge pairs by a key and the duration."""
    return Score.of((pair, _same(pair, key), pair.same) for pair in pairs)


def _same(pair: Pair, key: Key) -> bool:
    found = key(pair.a.name, pair.a.artists)
    near = abs(pair.a.duration_ms - pair.b.duration_ms) <= SOFT_DURATION_MS
    return near and found != "" and found == key(pair.b.name, pair.b.artists)


def hard_pairs() -> list[Pair]:
    """The made-up pairs."""
    return [
        Pair(_made_up(row, "a"), _made_up(row, "b"), row["label"] == "same")
        for row in _rows(FOLDER / "hard_pairs.csv")
    ]


def real_pairs(table: Path) -> list[Pair]:
    """The judged pairs of real tracks, their wording read from the table.

    Raises:
        KeyError: A judged track is not in the table.
    """
    rows = [*_rows(FOLDER / "soft_pairs.csv"), *_rows(FOLDER / "version_pairs.csv")]
    tracks = dict(real_tracks(table, {row[side] for row in rows for side in ("id_a", "id_b")}))
    return [
        Pair(
            tracks[row["id_a"]],
            tracks[row["id_b"]],
            row["label"] == "same",
            held_out(row["id_a"]),
            row.get("kind", ""),
        )
        for row in rows
    ]


def real_tracks(table: Path, only: Container[str] | None = None) -> Iterator[tuple[str, Named]]:
    """Id and track of each row that has a name, an artist and a duration."""
    with gzip.open(table, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if only is not None and row["track_id"] not in only:
                continue
            artists = tuple(a for a in json.loads(row["artist_names"] or "[]") if type(a) is str)
            if row["name"] and artists and row["duration_ms"]:
                duration = round(float(row["duration_ms"]))
                yield row["track_id"], Named(row["name"], artists, duration)


def _made_up(row: dict[str, str], side: str) -> Named:
    artists = tuple(row[f"artists_{side}"].split(";"))
    return Named(row[f"name_{side}"], artists, int(row[f"ms_{side}"]))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
