"""Soft duplicates: precision and recall of the key on judged pairs, and its price."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from bench.context import Context
from bench.table import Table, times, verdict
from runclub_spider.catalog.versions import artist_words, soft_key
from testkit.labelled import (
    LEAST_PRECISION,
    LEAST_RECALL,
    TRACKS,
    Key,
    Named,
    Pair,
    hard_pairs,
    real_pairs,
    real_tracks,
    score,
)


def run(context: Context) -> Table:
    table = Table("duplicates: the soft key on judged pairs", "casefold")
    hard = hard_pairs()
    _judged(table, "made-up hard pairs", hard)
    sample = [side for pair in hard for side in (pair.a, pair.b)]
    if context.options.data:
        context.say("reading the real tracks")
        table_file = context.options.data / TRACKS
        real = real_pairs(table_file)
        _judged(table, "real pairs", real)
        held_out = [pair for pair in real if pair.held_out]
        _judged(table, "of these, no rule was tuned on", held_out)
        hard = [pair for pair in held_out if pair.kind not in ("", "drawn")]
        _judged(table, "of these, found hard", hard, targets=False)
        unlike = [pair for pair in real if pair.a.name != pair.b.name]
        _judged(table, "of these, titles not written alike", unlike, targets=False)
        sample = [track for _, track in real_tracks(table_file)]
    context.say("computing keys")
    _price(table, context, sample)
    table.notes += [
        "casefold: first artist and title, case-folded; equal, and at most 2 s apart.",
        "How the pairs were drawn and judged: testkit/labelled.py. Prices are processor",
        "time; the first pass meets every artist and remark for the first time.",
    ]
    if not context.options.data:
        table.notes.append("Without the real tables there are no real pairs.")
    return table


def _casefold(name: str, artists: Sequence[str]) -> str:
    return f"{artists[0]}|{name}".casefold()


def _judged(table: Table, name: str, pairs: list[Pair], *, targets: bool = True) -> None:
    ours, plain = score(pairs, soft_key), score(pairs, _casefold)
    same = sum(pair.same for pair in pairs)
    table.heading(f"{name}: {len(pairs):,}, of which {same:,} are the same")
    for measure, mine, theirs, least in (
        ("precision", ours.precision, plain.precision, LEAST_PRECISION),
        ("recall", ours.recall, plain.recall, LEAST_RECALL),
    ):
        target = verdict(f"≥ {least}", mine >= least) if targets else ""
        table.add(measure, f"{mine:.4f}", f"{theirs:.4f}", "", target)
    table.add("called same and wrong", f"{len(ours.wrong)}", f"{len(plain.wrong)}")
    table.add("same and missed", f"{len(ours.missed)}", f"{len(plain.missed)}")


def _price(table: Table, context: Context, sample: list[Named]) -> None:
    artist_words.cache_clear()
    first = _microseconds(soft_key, sample)
    again = [_microseconds(soft_key, sample) for _ in range(context.options.repeats)]
    plain = [_microseconds(_casefold, sample) for _ in range(context.options.repeats)]
    theirs = statistics.median(plain)
    table.heading(f"price: {len(sample):,} tracks")
    for measure, ours in (("first pass", first), ("later passes", statistics.median(again))):
        table.add(f"a key, {measure}", f"{ours:.1f} µs", f"{theirs:.2f} µs", times(ours, theirs))


def _microseconds(key: Key, sample: list[Named]) -> float:
    begin = time.process_time()
    for track in sample:
        key(track.name, track.artists)
    return 1e6 * (time.process_time() - begin) / len(sample)
