"""Umbrellas by vote, on tracks whose genres are known but hidden."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from bench import hidden
from bench.context import Context
from bench.hidden import Found
from bench.table import Table, per, verdict
from runclub_sandbox.world import World
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.votes import THRESHOLD, Verdict, Voter

#: The share of tracks sure enough for a cell that must be right, and how much too sure a band of
#: these may be.
LEAST_RIGHT, MOST_OVER = 0.85, 0.05
BANDS = (0.0, 0.55, 0.65, 0.75, 0.85, 0.95, 1.01)
SMALLEST_BAND = 100


def run(context: Context) -> Table:
    umbrellas = UmbrellaMap.load(hidden.SEEDS / "umbrellas.yaml")
    context.say("loading the tables")
    world = hidden.world_of(context.options.data)
    seeds = context.options.seeds * 4
    known = hidden.genres_of(world)
    table = Table(f"genres: umbrellas by vote, {len(known):,} artists' genres hidden", "seed vote")
    _pairs(table, umbrellas, known)
    context.say(f"{seeds} seeds of each kind")
    crawled = hidden.crawl(world, umbrellas, seeds)
    _scenario(table, f"{seeds:,} seeds of each kind", world, umbrellas, crawled, {})
    if not context.options.quick:
        half = {one: genres for one, genres in known.items() if not _odd(one)}
        _scenario(
            table, "the same, genres of half of the artists told", world, umbrellas, crawled, half
        )
        context.say("a search that sees no genres")
        blind = hidden.crawl(hidden.without_genres(world), umbrellas, seeds)
        _scenario(
            table, "the same seeds, a search that sees no genres", world, umbrellas, blind, {}
        )
    lists = hidden.all_lists(world)
    _scenario(table, "every playlist by its name, no seed", world, umbrellas, lists, {})
    table.notes += [
        "Tracks of the artists that no weight was fitted on. right: the first umbrella is",
        "one that the artists' genres name with a fifth of their weight. sure: confidence",
        f"from {THRESHOLD}, the track may fill a cell. seed vote: the umbrellas of the seeds,",
        "one vote each, all of them believed. most frequent: one umbrella for all.",
        "too sure, too modest: mean confidence beside share right, in bands of",
        f"{SMALLEST_BAND} tracks or more.",
    ]
    return table


def _odd(artist: str) -> bool:
    return bool(sum(artist.encode()) % 2)


def _pairs(table: Table, umbrellas: UmbrellaMap, known: Mapping[str, tuple[str, ...]]) -> None:
    pairs = Counter(genre for genres in known.values() for genre in genres)
    mapped = sum(n for genre, n in pairs.items() if umbrellas.of_genre(genre))
    share = mapped / pairs.total()
    table.add(
        f"mapped of {pairs.total():,} artist-genre pairs",
        f"{share:.2%}",
        "",
        "",
        verdict("≥ 97 %", share >= 0.97),
    )


def _scenario(
    table: Table,
    name: str,
    world: World,
    umbrellas: UmbrellaMap,
    found: Found,
    told: Mapping[str, tuple[str, ...]],
) -> None:
    truths = hidden.truths(world, umbrellas, found.tracks)
    tested = {
        one
        for one in truths
        if hidden.held_out(world, one)
        and not any(artist in told for artist in world.tracks[one].artist_ids)
    }
    voter = Voter(umbrellas)
    started = time.process_time()
    for _, evidence in hidden.evidence(world, found, voter, told):
        voter.add(evidence)
    verdicts = {
        one: voter.verdict(evidence) for one, evidence in hidden.evidence(world, found, voter, told)
    }
    taken = time.process_time() - started
    by_seed = hidden.seed_votes(found, umbrellas.labels)
    table.heading(f"{name}: {len(found.tracks):,} tracks, {len(tested):,} tested")
    ours = {one: verdicts[one] for one in tested}
    voted = [one for one in tested if ours[one].umbrellas]
    seeded = [one for one in tested if one in by_seed]
    table.add("a vote at all", _share(len(voted), tested), _share(len(seeded), tested))
    table.add(
        "  right",
        _share(sum(ours[one].umbrellas[0][0] in truths[one] for one in voted), voted),
        _share(sum(by_seed[one][0] in truths[one] for one in seeded), seeded),
    )
    frequent, _ = Counter(truths[one][0] for one in tested).most_common(1)[0]
    likely = sum(frequent in truths[one] for one in tested)
    table.add("  right: most frequent", _share(likely, tested))
    sure = [one for one in tested if ours[one].fills]
    right = sum(ours[one].umbrellas[0][0] in truths[one] for one in sure)
    table.add("sure", _share(len(sure), tested))
    table.add(
        "  right",
        _share(right, sure),
        "",
        "",
        verdict(f"≥ {LEAST_RIGHT:.0%}", right >= LEAST_RIGHT * len(sure)),
    )
    fills = [(one, label) for one in sure for label in ours[one].fills]
    table.add(
        "  right, second ones too",
        _share(sum(label in truths[one] for one, label in fills), fills),
    )
    _bands(table, ours, truths)
    table.add("processor time a track, both passes", per(taken, len(found.tracks)))


def _bands(table: Table, verdicts: Mapping[str, Verdict], truths: Mapping[str, list[str]]) -> None:
    over, under = 0.0, 0.0
    for low, high in pairwise(BANDS):
        inside = [
            one
            for one, each in verdicts.items()
            if each.umbrellas and low <= each.confidence < high
        ]
        if not inside:
            continue
        right = sum(verdicts[one].umbrellas[0][0] in truths[one] for one in inside) / len(inside)
        mean = sum(verdicts[one].confidence for one in inside) / len(inside)
        if len(inside) >= SMALLEST_BAND and low >= THRESHOLD:
            over, under = max(over, mean - right), max(under, right - mean)
        table.add(
            f"  {low:.2f} to {min(high, 1):.2f}, mean {mean:.2f}: right",
            f"{right:.2f}",
            _share(len(inside), verdicts) + " of all",
        )
    met = verdict(f"≤ {MOST_OVER}", over <= MOST_OVER)
    table.add("  a sure band: too sure by at most", f"{over:.2f}", "", "", met)
    table.add("  a sure band: too modest by at most", f"{under:.2f}")


def _share(number: int, of: object) -> str:
    total = len(of)  # type: ignore[arg-type]
    return f"{number / total:.1%}" if total else "–"
