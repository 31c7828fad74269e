"""What a terminal shows of a crawl while it goes on: a few lines, for any width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runclub_spider.text import duration

_BETWEEN = " · "
_MOST_BAR = 40


@dataclass(frozen=True, slots=True)
class View:
    """A crawl at one moment.

    Attributes:
        name: of the spider.
        seconds: since it began.
        sent: requests.
        budget: requests granted; None without a limit.
        seeds: of the plan: asked to their end, and all; None where they are not counted.
        plays: stored plays of a station; None of a crawl for tracks.
        rows: track rows served.
        eligible: tracks that became eligible.
        features: tracks whose features were found, and those asked for.
        lacking: cells below their minimum when they were looked at first, now, and of how many.
        minimum: tracks that a cell should have.
        quota: calls of the last 24 hours, and how many there may be; None: unknown.
        waits: who makes the run wait, for what, in words.
    """

    name: str
    seconds: float
    sent: int
    budget: int | None = None
    seeds: tuple[int, int] | None = None
    plays: int | None = None
    rows: int = 0
    eligible: int = 0
    features: tuple[int, int] = (0, 0)
    lacking: tuple[int, int, int] | None = None
    minimum: int = 0
    quota: tuple[int, int] | None = None
    waits: Sequence[str] = ()

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.sent / max(self.seconds, 1e-9)


def line(view: View) -> str:
    """All of it that matters in one line below 80 columns."""
    parts = [f"{view.sent:,} requests"]
    if view.waits:
        return _BETWEEN.join([*parts, *view.waits])
    if view.plays is not None:
        parts.append(f"{view.plays:,} plays")
    else:
        parts += [
            f"{view.rows:,} rows",
            f"{view.eligible:,} new",
            f"{view.features[0]:,} feat",
        ]
    parts.append(f"{view.rate:.1f}/s")
    if view.budget is not None:
        parts.append(f"{view.budget - view.sent:,} left")
    return _BETWEEN.join(parts)


def panel(view: View, width: int) -> RenderableType:
    """Some lines of at most `width` columns."""
    shown: list[RenderableType] = _head(view, width)
    shown += [Text(part, style="dim") for part in _packed(_facts(view), width)]
    shown += [Text(part, style="yellow") for part in _packed(view.waits, width)]
    return Group(*shown)


def _head(view: View, width: int) -> list[RenderableType]:
    """Name, requests, and how far the run is where that is known."""
    done, total, words = view.sent, view.budget, f"{view.sent:,} requests"
    if view.budget is not None:
        words = f"{view.sent:,} of {view.budget:,} requests"
    elif view.seeds is not None:
        done, total = view.seeds
        words = f"{done:,} of {total:,} seeds{_BETWEEN}{words}"
    first, *more = _packed([view.name, words], width)
    name = len(view.name)
    shown: list[RenderableType] = [Text.assemble((first[:name], "bold"), first[name:])]
    shown += map(Text, more)
    if total:
        share = f"{100 * min(done, total) // total} %"
        bar = ProgressBar(total, min(done, total), width=min(_MOST_BAR, width - len(share) - 1))
        row = Table.grid(padding=(0, 1))
        row.add_row(bar, Text(share))
        shown.append(row)
    return shown


def _facts(view: View) -> list[str]:
    if view.plays is not None:
        return [f"{view.plays:,} plays", f"{view.rate:.1f} requests/s"]
    found, asked = view.features
    facts = [f"{view.rows:,} rows", f"{view.eligible:,} eligible"]
    if asked:
        facts.append(f"features {100 * found // asked} %")
    facts.append(f"{view.rate:.1f} requests/s")
    if view.lacking is not None:
        first, now, cells = view.lacking
        filled = f", {first - now:,} filled" if first > now else ""
        facts.append(f"{now:,} of {cells:,} cells below {view.minimum:,}{filled}")
    if view.quota is not None:
        calls, limit = view.quota
        facts.append(f"quota: {calls:,} of {limit:,} calls in 24 h")
    if (rest := _rest(view)) is not None:
        facts.append(rest)
    return facts


def _rest(view: View) -> str | None:
    """What the budget still takes: minutes, or days where the quota of one does not suffice."""
    if view.budget is None or not view.sent:
        return None
    left = max(view.budget - view.sent, 0)
    if view.quota is not None:
        calls, limit = view.quota
        today = max(limit - calls, 0)
        if left > today:
            days = math.ceil((left - today) / max(limit, 1))
            return f"{left:,} left, {today:,} today: {days:,} more {'day' if days == 1 else 'days'}"
    return f"{left:,} left, about {duration(left / view.rate)}"


def _packed(parts: Sequence[str], width: int) -> list[str]:
    """The parts in as few lines as they fit into; one that is too long is cut."""
    packed: list[str] = []
    for part in parts:
        known = part if len(part) <= width else f"{part[: width - 1]}…"
        if packed and len(packed[-1]) + len(_BETWEEN) + len(known) <= width:
            packed[-1] += _BETWEEN + known
        else:
            packed.append(known)
    return packed
