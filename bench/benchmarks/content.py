"""Content labels: precision and recall on judged tracks beside plain keywords, and their price."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from bench.context import Context
from bench.table import Table, times, verdict
from runclub_spider.catalog.content import DEFAULTS, ContentPolicy, Label, Track, Treatment
from runclub_spider.catalog.content.judge import labels_of, plainly
from runclub_spider.catalog.rules import CONTENT
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.config import project_dir
from runclub_spider.publish.choose.select import select
from testkit.candidates import Candidate, pool_of
from testkit.content_labels import (
    LEAST_PRECISION,
    LEAST_RECALL,
    LEAST_RECALL_BY_NAMES,
    REJECTED,
    Known,
    known,
    labels_of_all,
    score,
    told,
)
from testkit.real_pool import real_candidates, targets

#: Real titles shown of each rejected label and of each kind of look-alike.
SHOWN = 20
#: Microseconds of processor time that a track may cost.
MOST_PRICE = 15
# Cells shown that changed most.
_CELLS = 8

#: What one would write first: a word for a label, wherever it stands.
KEYWORDS = {
    Label.KARAOKE: "karaoke|originally performed|in the style of|made famous",
    Label.TRIBUTE: "tribute",
    Label.RENDITION: r"lullaby|8-bit|music box|string quartet|rendition",
    Label.NOISE: r"noise|\brain|asmr|binaural|nature sounds",
    Label.SPOKEN: r"commentary|\bskit|chapter|audiobook|interview|comedy|stand.?up",
    Label.ALTERED: r"sped up|nightcore|slowed|\b8d\b|screwed",
    Label.DJ_MIX: r"\bmixed\b|dj mix|mix cut|continuous mix",
    Label.WORKOUT_COVER: "workout",
    Label.INSTRUMENTAL: "instrumental",
    Label.LIVE: r"\blive\b|en vivo|ao vivo",
    Label.MEDLEY: "medley|megamix|mashup",
    Label.HOLIDAY: "christmas|xmas|navidad|holiday|santa",
    Label.CHILDREN: r"\bkids?\b|children|nursery",
}
_KEYWORDS = {label: re.compile(words) for label, words in KEYWORDS.items()}


def run(context: Context) -> Table:
    table = Table("content: labels on judged tracks", "keywords")
    if not context.options.data:
        table.notes.append("Without the real tables there is nothing to judge.")
        return table
    context.say("reading the real tracks")
    tracks = known(context.options.data)
    halves = {odd: [track for track in tracks if track.judged.odd is odd] for odd in (True, False)}
    for odd, name in ((True, "the odd half"), (False, "the even half, on which rules were tuned")):
        _rejected(table, name, halves[odd], targets=odd)
    _each(table, halves[True])
    _release(table, context)
    context.say("weighing")
    _price(table, context, tracks)
    if not context.options.quick:
        _show(table, halves[True])
    table.notes += [
        "",
        "How the tracks were found and judged: testkit/content_labels.py. keywords: one plain",
        "pattern a label over title, artists and album. Prices are processor time.",
    ]
    return table


def _release(table: Table, context: Context) -> None:
    """The real tables' release without labels and with them, by the usual policy."""
    context.say("choosing among all real tracks")
    assert context.options.data is not None
    umbrellas = UmbrellaMap.load(project_dir() / "seeds/umbrellas.yaml")
    names = ("tracks.csv.gz", "artists.csv.gz", "audio_features.csv.gz")
    tables = [context.options.data / "spotify" / name for name in names]
    plain = list(real_candidates(*tables, umbrellas))
    labels = labels_of_all(context.options.data)
    labelled = [_labelled(one, labels.get(one.track_id, ())) for one in plain]
    aims = targets(umbrellas, context.config.global_cap)
    before, after = (select(pool_of(each, umbrellas.labels), aims) for each in (plain, labelled))
    table.heading(f"a release of the {len(plain):,} real tracks: before, with labels")
    table.add("tracks", f"{len(after.chosen):,}", f"{len(before.chosen):,}")
    was = set(before.pool.ids[before.chosen].tolist())
    now = set(after.pool.ids[after.chosen].tolist())
    for label in Label:
        those = {track_id.encode() for track_id, found in labels.items() if label in found}
        treatment = DEFAULTS[label]
        table.add(f"{label}, {treatment}", f"{len(those & now):,}", f"{len(those & was):,}")
    old, new = (Counter(cell for _, cell in one.cells()) for one in (before, after))
    change = {cell: new[cell] - old[cell] for cell in old.keys() | new.keys()}
    table.add("cells that lost", f"{sum(n < 0 for n in change.values())}")
    table.add("cells that gained", f"{sum(n > 0 for n in change.values())}")
    table.notes += ["", "Cells that changed most, before and after:"]
    for cell in sorted(change, key=lambda one: (-abs(change[one]), str(one)))[:_CELLS]:
        umbrella, decade = cell
        shown = f"{umbrella or 'Unassigned'}, {decade or 'undated'}"
        table.notes.append(f"  {shown:32}{old[cell]:7,}{new[cell]:7,}")


def _labelled(one: Candidate, labels: tuple[Label, ...]) -> Candidate:
    treatment, label = ContentPolicy().severest(labels)
    rule = CONTENT[tuple(Label).index(label)] if label and treatment is Treatment.REJECT else None
    return replace(one, labels=labels, rule=one.rule or rule)


def _keywords(track: Known) -> frozenset[Label]:
    names = track.track
    text = "\n".join((names.title, *names.artists, names.album)).lower()
    return frozenset(label for label, pattern in _KEYWORDS.items() if pattern.search(text))


def _labels(track: Known) -> set[Label]:
    return told(track.track)


def _labels_by_names(track: Known) -> tuple[Label, ...]:
    return labels_of(track.named)


def _early(track: Known) -> tuple[Label, ...]:
    names = track.track
    return plainly(names.title, names.artists, names.album)


def _rejected(table: Table, name: str, tracks: list[Known], *, targets: bool) -> None:
    plain = score(tracks, _keywords, REJECTED)
    deserved = sum(not REJECTED.isdisjoint(track.judged.labels) for track in tracks)
    table.heading(f"rejected by default, {name}: {deserved} of {len(tracks):,} deserve it")
    for way, called, least in (
        ("genres and features", _labels, LEAST_RECALL),
        ("names alone", _labels_by_names, LEAST_RECALL_BY_NAMES),
        ("names that leave no doubt", _early, None),
    ):
        ours = score(tracks, called, REJECTED)
        for measure, mine, theirs, target in (
            ("precision", ours.precision, plain.precision, LEAST_PRECISION),
            ("recall", ours.recall, plain.recall, least),
        ):
            told = verdict(f"≥ {target}", mine >= target) if targets and target else ""
            table.add(f"{way}: {measure}", f"{mine:.4f}", f"{theirs:.4f}", "", told)
        table.add(
            f"{way}: wrong, missed",
            f"{len(ours.wrong)}, {len(ours.missed)}",
            f"{len(plain.wrong)}, {len(plain.missed)}",
        )


def _each(table: Table, tracks: list[Known]) -> None:
    table.heading("each label, the odd half: precision, recall with genres and features · by names")
    for label in Label:
        scores = [
            score(tracks, called, frozenset({label}))
            for called in (_labels, _labels_by_names, _keywords)
        ]
        told = [f"{each.precision:.3f} {each.recall:.3f}" for each in scores]
        number = scores[0].right + len(scores[0].missed)
        table.add(f"{label} ({number})", f"{told[0]} · {told[1]}", told[2])


def _price(table: Table, context: Context, tracks: list[Known]) -> None:
    """Judged tracks hold more words of the table than others: the price is an upper bound."""
    blind = [
        track for track in tracks if not track.judged.labels and not track.judged.look_alike_of
    ]
    for name, sample in (("all judged tracks", tracks), ("tracks drawn blindly", blind)):
        ours = [_microseconds(_labels, sample) for _ in range(context.options.repeats)]
        theirs = [_microseconds(_keywords, sample) for _ in range(context.options.repeats)]
        mine, plain = statistics.median(ours), statistics.median(theirs)
        target = verdict(f"≤ {MOST_PRICE} µs", mine <= MOST_PRICE) if sample is blind else ""
        table.add(name, f"{mine:.1f} µs", f"{plain:.1f} µs", times(mine, plain), target)


def _microseconds(called: Callable[[Known], object], sample: list[Known]) -> float:
    begin = time.process_time()
    for track in sample:
        called(track)
    return 1e6 * (time.process_time() - begin) / len(sample)


def _show(table: Table, tracks: list[Known]) -> None:
    """Real titles for a person to read, the same in every run."""
    called = {track.judged.track_id: _labels(track) for track in tracks}
    for label in sorted(REJECTED):
        found = [track for track in tracks if label in called[track.judged.track_id]]
        _titles(table, f"called {label}", found, called)
    for label in Label:
        alike = [track for track in tracks if track.judged.look_alike_of == label]
        _titles(table, f"look-alikes of {label}", alike, called)


def _titles(table: Table, name: str, found: Iterable[Known], called: dict[str, set[Label]]) -> None:
    pool = list(found)
    table.notes += ["", f"{name} ({len(pool)}):"]
    for track in random.Random(name).sample(pool, min(SHOWN, len(pool))):
        said = called[track.judged.track_id]
        mark = (
            ""
            if said == track.judged.labels
            else f" [called {', '.join(sorted(said)) or 'nothing'}]"
        )
        table.notes.append(f"  {_line(track.track)}{mark}")


def _line(track: Track) -> str:
    return " | ".join(
        filter(None, (track.title[:60], ", ".join(track.artists)[:30], track.album[:30]))
    )
