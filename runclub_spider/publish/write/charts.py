"""What the report draws, from a manifest: for each chart its numbers and what they say in words.

A chart is a table first: the same rows are drawn, listed under the picture and put into its text
alternative. What a manifest of an earlier version does not tell has no chart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.suitability import FASTEST, SLOWEST
from runclub_spider.publish.account.figures import LENGTH_BIN, POPULARITY_BIN, TEMPO_BIN
from runclub_spider.publish.account.grid import UNASSIGNED, UNDATED

Manifest = Mapping[str, Any]
Row = Sequence[Any]
_UNKNOWN = "unknown"
_FOLDS = {"kept": "as measured", "doubled": "half time, doubled", "halved": "double time, halved"}


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of the report and the numbers behind it.

    Attributes:
        name: its id in the page.
        title: what it shows.
        kind: how it is drawn; a function of the page's script has the same name.
        says: its text alternative, a sentence or two.
        columns: headings of the numbers.
        rows: the numbers, in the order in which they are drawn.
        series: what each colour means, in the order of colours; none for one colour.
        tints: names of these colours in the page's style sheet, if not the usual ones.
        note: what one has to know to read it.
        options: further arguments of the drawing.
    """

    name: str
    title: str
    kind: str
    says: str
    columns: Sequence[str]
    rows: Sequence[Row]
    series: Sequence[str] = ()
    tints: Sequence[str] = ()
    note: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def charts(manifest: Manifest) -> dict[str, Chart]:
    """All charts that a manifest has the numbers for, by name."""
    return {chart.name: chart for chart in _all(manifest) if chart.rows}


def _all(manifest: Manifest) -> Iterator[Chart]:
    yield cells(manifest)
    yield _funnel(manifest)
    yield _rejected(manifest)
    figures = manifest.get("figures")
    if figures is not None:
        yield _years(manifest, figures)
        yield _tempo(figures)
        yield _measured(figures)
        yield _lengths(manifest, figures)
        yield _popularity(figures)
        yield _suitability(figures)
    yield _labels(manifest)
    yield _families(manifest)
    yield _changes(manifest)
    if figures is not None:
        yield _calls(figures)


def cells(manifest: Manifest) -> Chart:
    """Each possible cell with what was found, chosen and is lacking; then what has no cell."""
    grid = manifest["totals"]["byUmbrellaAndDecade"]
    balance, searched = manifest["balance"], manifest["exhaustion"]["cells"]
    rows: list[Row] = []
    for umbrella in dict.fromkeys([*balance["cells"], *grid]):
        for decade in [*DECADES, UNDATED]:
            cell = balance["cells"].get(umbrella, {}).get(decade)
            chosen = grid.get(umbrella, {}).get(decade, 0)
            if cell is None:
                if chosen:
                    rows.append((umbrella, decade, chosen, None, None, None, "", ""))
                continue
            found = searched.get(umbrella, {}).get(decade, {})
            left = f"{found['left']:,} of {found['searches']:,}" if found else ""
            rows.append(
                (
                    umbrella,
                    decade,
                    chosen,
                    found.get("found"),
                    balance["target"],
                    cell["shortfall"],
                    found.get("state", ""),
                    left,
                )
            )
    wanted = [row for row in rows if row[4] is not None]
    full = sum(not row[5] for row in wanted)
    return Chart(
        "cells",
        "Tracks by umbrella and decade, against the target",
        "cells",
        f"{full:,} of {len(wanted):,} cells hold their target of {balance['target']:,} tracks; "
        f"together they lack {balance['totalShortfall']:,} of {balance['wanted']:,}.",
        ("umbrella", "decade", "chosen", "found", "target", "lacking", "searched", "pages left"),
        rows,
        series=("chosen", "found, not chosen", "lacking"),
        tints=("full", "found", "lack"),
        note=(
            "A box is full at the target. In it: tracks chosen, and below what it lacks. A cell is "
            f"filled with {manifest['exhaustion']['minimum']:,} eligible tracks, and exhausted "
            "when every search for tracks that names it was read to its end; pages left are "
            "searches that have some."
        ),
        options={
            "umbrellas": list(dict.fromkeys(row[0] for row in rows)),
            "decades": [*DECADES, *([UNDATED] if any(r[1] == UNDATED for r in rows) else [])],
        },
    )


def _funnel(manifest: Manifest) -> Chart:
    account = manifest["accounting"]
    others = account["nullRows"] + account["localRows"] + account["episodeRows"]
    steps = (
        ("rows seen", 0, ""),
        ("rows of tracks", others, "null, local or episodes"),
        ("distinct tracks", account["repeatedRows"], "seen before"),
        ("within the rules", account["rejected"], "rejected"),
        ("distinct recordings", account["mergedIsrc"], "same recording"),
        ("distinct songs", account["mergedSoft"], "another rendering"),
        ("complete", account["pending"], "features pending"),
        ("exported", account["balanceRejects"], "not needed, or no features"),
    )
    left = account["rowsSeen"]
    rows: list[Row] = []
    for stage, lost, why in steps:
        left -= lost
        rows.append((stage, left, lost, why))
    return Chart(
        "funnel",
        "Where every row went",
        "funnel",
        f"Of {account['rowsSeen']:,} rows seen, {account['distinctTracks']:,} are distinct "
        f"tracks, and {account['exported']:,} of these are exported.",
        ("stage", "left", "lost here", "because"),
        rows,
        series=("left", "lost here"),
        tints=("full", "lack"),
    )


def _rejected(manifest: Manifest) -> Chart:
    account = manifest["accounting"]
    rules = sorted(account["rejectedByRule"].items(), key=lambda item: (-item[1], item[0]))
    return Chart(
        "rejected",
        "Tracks rejected, by the first rule they fail",
        "bars",
        f"{account['rejected']:,} tracks are rejected"
        + (f", most of them by {rules[0][0]} ({rules[0][1]:,})." if rules else "."),
        ("rule", "tracks"),
        rules,
    )


def _years(manifest: Manifest, figures: Manifest) -> Chart:
    rows = [
        (int(year), _percent(one["withFeatures"], one["tracks"]), one["tracks"])
        for year, one in figures["byReleaseYear"].items()
        if year != _UNKNOWN
    ]
    least = next((g["threshold"] for g in manifest["gates"] if g["name"] == "feature_coverage"), 0)
    below = [str(row[0]) for row in rows if row[1] < 100 * least]
    more = f" and {len(below) - 8:,} more" if len(below) > 8 else ""
    told = f"{', '.join(below[:8])}{more}" if below else "none"
    return Chart(
        "years",
        "Feature coverage by release year",
        "points",
        f"Years below the gate of {100 * least:g} %: {told}.",
        ("year", "% with features", "tracks"),
        rows,
        note="A larger dot is a year of more tracks; the line is the gate.",
        options={"least": 100 * least},
    )


def _folds(found: Mapping[str, Mapping[str, int]]) -> list[Row]:
    """By bin the tracks of each way to fold."""
    return [
        (int(at), int(at) + TEMPO_BIN, *(one.get(how, 0) for how in _FOLDS))
        for at, one in sorted(found.items(), key=lambda item: int(item[0]))
    ]


def _tempo(figures: Manifest) -> Chart:
    rows = _folds(figures["tempo"]["folded"])
    every = sum(sum(row[2:]) for row in rows)
    inside = sum(sum(row[2:]) for row in rows if SLOWEST <= row[0] < FASTEST)
    turned = sum(sum(row[3:]) for row in rows)
    return Chart(
        "tempo",
        "Tempo as a runner steps to it",
        "histogram",
        f"Half and double time folded, {_percent(inside, every):g} % of {every:,} tracks with a "
        f"tempo lie in the cadence bands of {SLOWEST:g} to {FASTEST:g} steps a minute; "
        f"{turned:,} only because they are folded.",
        ("from BPM", "to", *_FOLDS.values()),
        rows,
        series=tuple(_FOLDS.values()),
        note=f"Shaded: the cadence bands, {TEMPO_BIN} BPM each.",
        options={"bands": [SLOWEST, FASTEST], "unit": "BPM, folded"},
    )


def _measured(figures: Manifest) -> Chart:
    rows = _folds(figures["tempo"]["measured"])
    counts = {how: sum(row[2 + at] for row in rows) for at, how in enumerate(_FOLDS.values())}
    told = ", ".join(f"{number:,} {how}" for how, number in counts.items())
    return Chart(
        "measured",
        "Tempo as the analysis gives it",
        "histogram",
        f"Of the tracks with a tempo: {told}.",
        ("from BPM", "to", *_FOLDS.values()),
        rows,
        series=tuple(_FOLDS.values()),
        options={"bands": [SLOWEST, FASTEST], "unit": "BPM"},
    )


def _lengths(manifest: Manifest, figures: Manifest) -> Chart:
    rows = [
        (int(at), int(at) + LENGTH_BIN, number) for at, number in figures["durationSeconds"].items()
    ]
    mean = next((g["value"] for g in manifest["gates"] if g["name"] == "mean_duration"), 0)
    return Chart(
        "lengths",
        "Length",
        "histogram",
        f"The mean is {_clock(mean / 1000)}, {_spread(rows, _clock)}.",
        ("from second", "to", "tracks"),
        rows,
        options={"unit": "minutes", "clock": True},
    )


def _popularity(figures: Manifest) -> Chart:
    known = {at: n for at, n in figures["popularity"].items() if at != _UNKNOWN}
    rows = [(int(at), int(at) + POPULARITY_BIN, number) for at, number in known.items()]
    unknown = figures["popularity"].get(_UNKNOWN, 0)
    return Chart(
        "popularity",
        "Popularity",
        "histogram",
        f"Of 100 points, {_spread(rows, str)}; {unknown:,} tracks have none.",
        ("from", "to", "tracks"),
        rows,
        options={"unit": "points"},
    )


def _suitability(figures: Manifest) -> Chart:
    known = {at: n for at, n in figures["suitability"].items() if at != _UNKNOWN}
    rows = list(known.items())
    good = sum(number for at, number in rows if float(at) >= 0.8)
    every, unknown = sum(known.values()), figures["suitability"].get(_UNKNOWN, 0)
    return Chart(
        "suitability",
        "How well the tracks suit a run",
        "columns",
        f"{_percent(good, every):g} % of {every:,} rated tracks have 0.8 or more; {unknown:,} "
        "have no rating, for they lack tempo or energy.",
        ("suitability", "tracks"),
        rows,
        options={"unit": "0 does not suit, 1 suits best"},
    )


def _labels(manifest: Manifest) -> Chart:
    found = manifest["totals"].get("byContentLabel", {})
    rows = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{label} ({number:,})" for label, number in rows]
    return Chart(
        "labels",
        "Content labels",
        "bars",
        f"{len(rows)} labels stand on exported tracks, most often {named[0]}."
        if len(rows) > 1
        else f"One label stands on exported tracks: {''.join(named)}.",
        ("label", "tracks"),
        rows,
    )


def _families(manifest: Manifest) -> Chart:
    rows = []
    for name, one in manifest["spotify"]["seedsSummary"].items():
        eligible = one.get("tracks", one["newTracks"]) - one["rejected"]
        cost = round(one["requests"] / eligible, 3) if eligible > 0 else None
        numbers = (one["seeds"], one["asked"], one["requests"], one["rows"], one["newTracks"])
        rows.append((name, cost, *numbers, eligible, one["exported"]))
    rows.sort(key=lambda row: (row[1] is None, row[1] or 0, row[0]))
    known = [row for row in rows if row[1] is not None]
    return Chart(
        "families",
        "Requests per eligible track, by seed family",
        "bars",
        f"Cheapest is {known[0][0]} ({known[0][1]:g}), dearest {known[-1][0]} ({known[-1][1]:g})."
        if len(known) > 1
        else f"Of one family, {known[0][0]}: {known[0][1]:g}."
        if known
        else "No family has brought an eligible track yet.",
        (
            *("family", "requests per eligible", "seeds", "asked", "requests", "rows"),
            *("new tracks", "eligible", "exported"),
        ),
        rows,
        note=(
            "Requests are those of searches: reading the playlists that a search names is not "
            "counted. A track counts once for each family that found it."
        ),
    )


def _changes(manifest: Manifest) -> Chart:
    found = manifest["changes"]
    if not found["against"]:
        return Chart("changes", "Against the last release", "bars", "", (), ())
    rows: list[Row] = [
        ("kept as they were", found["kept"] - found["moved"] - found["changed"]),
        ("kept, another value", found["changed"]),
        ("kept, another cell", found["moved"]),
        *((f"added: {reason}", number) for reason, number in found["addedByReason"].items()),
        *((f"removed: {reason}", number) for reason, number in found["removedByReason"].items()),
    ]
    return Chart(
        "changes",
        "What changed since the last release",
        "bars",
        f"{found['against']} had {found['previousTracks']:,} tracks: {found['kept']:,} kept (of "
        f"them {found['moved']:,} in another cell, {found['changed']:,} with another value), "
        f"{found['added']:,} added, {found['removed']:,} removed.",
        ("what", "tracks"),
        rows,
    )


def _calls(figures: Manifest) -> Chart:
    # A manifest of an earlier version tells none.
    limits = {(one["api"], one["family"]): one["calls"] for one in figures.get("limits", ())}
    rows = [
        (
            *(one["day"][:10], one["api"], one["family"], one["calls"]),
            limits.get((one["api"], one["family"])),
        )
        for one in figures["calls"]
    ]
    days = sorted({row[0] for row in rows})
    by_api: Counter[str] = Counter()
    for _, api, _, number, _ in rows:
        by_api[api] += number
    told = ", ".join(f"{number:,} to {api}" for api, number in sorted(by_api.items()))
    return Chart(
        "calls",
        "Calls by day and API",
        "stacks",
        f"On {len(days):,} {'day' if len(days) == 1 else 'days'}: {told}."
        + "".join(
            f" {api} refused {family} after {number:,} calls a day."
            for (api, family), number in limits.items()
        ),
        ("day (UTC)", "API", "family of endpoints", "calls", "learnt limit a day"),
        rows,
        series=tuple(sorted(by_api)),
        note="As the quota ledger counts them: tries that failed included, tokens not."
        + (" A dashed line is a limit that a refusal taught, of one family." if limits else ""),
        options={"limits": [[*which, number] for which, number in limits.items()]},
    )


def _spread(rows: Sequence[Row], name: Any) -> str:
    """Between which edges the middle half of the tracks lies."""
    every, seen = sum(row[2] for row in rows), 0
    low = high = 0
    for start, end, number in rows:
        if seen <= every / 4:
            low = start
        if seen < 3 * every / 4:
            high = end
        seen += number
    return f"the middle half of the tracks lies between {name(low)} and {name(high)}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def outside(manifest: Manifest) -> int:
    """Tracks that stand in no cell: of no umbrella, or of no decade."""
    grid = manifest["totals"]["byUmbrellaAndDecade"]
    return sum(
        number
        for umbrella, row in grid.items()
        for decade, number in row.items()
        if umbrella == UNASSIGNED or decade == UNDATED
    )
