"""What a benchmark hands back, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import wrap

from rich.console import Console

WIDTH = 80


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; an empty `value` makes the row a heading."""

    measure: str
    value: str = ""
    yardstick: str = ""
    ratio: str = ""
    target: str = ""


@dataclass(slots=True)
class Table:
    """A title, the figures, and what one must know to read them."""

    title: str
    yardstick: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Start a group of rows."""
        self.rows.append(Row(text))

    def add(
        self, measure: str, value: str, yardstick: str = "", ratio: str = "", target: str = ""
    ) -> None:
        """Append one figure."""
        self.rows.append(Row(measure, value, yardstick, ratio, target))

    def show(self, shown: Console) -> None:
        """Print it within the width."""
        names = ("measure", "value", self.yardstick, "ratio", "target")
        cells = [names, *(_cells(row) for row in self.rows if row.value)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
        room = min(WIDTH, shown.width) - sum(widths[1:]) - len(_GAP) * (len(widths) - 1)
        widths[0] = max(_LEAST, min(widths[0], room))
        shown.print(f"[bold]{self.title}[/bold]", soft_wrap=True)
        _line(shown, names, widths, style="dim")
        for row in self.rows:
            if row.value:
                _line(shown, _cells(row), widths)
            else:
                shown.print()
                shown.print(f"[bold]{row.measure}[/bold]")
        if self.notes:
            shown.print()
        for note in self.notes:
            shown.print(note, style="dim", markup=False)
        shown.print("\n")


_GAP, _LEAST = "  ", 16


def _cells(row: Row) -> tuple[str, ...]:
    return (row.measure, row.value, row.yardstick, row.ratio, row.target)


def _line(shown: Console, cells: tuple[str, ...], widths: list[int], style: str = "") -> None:
    """One row: the measure flush left and folded where it must, figures flush right."""
    folded = wrap(cells[0], widths[0]) or [""]
    figures = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    text = _GAP.join([folded[0].ljust(widths[0]), *figures]).rstrip()
    for line in (text, *folded[1:]):
        shown.print(line, style=style, markup=False, soft_wrap=True)


def console() -> Console:
    """A terminal of at most 80 columns, without colours in a pipe."""
    found = Console(highlight=False)
    return Console(highlight=False, width=min(WIDTH, found.width))


def seconds(value: float) -> str:
    """A duration with as many digits as it deserves."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def per(seconds_taken: float, number: int) -> str:
    """Microseconds per piece."""
    return f"{1e6 * seconds_taken / max(number, 1):,.0f} µs"


def times(ours: float, theirs: float) -> str:
    """How many times the yardstick."""
    if not theirs:
        return "–"
    found = ours / theirs
    return f"{found:.2f}×" if found < 10 else f"{found:.0f}×"


def verdict(limit: str, met: bool) -> str:
    """A target with whether it was met."""
    return f"{limit} {'met' if met else 'missed'}"
