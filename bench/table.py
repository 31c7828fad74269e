"""What a benchmark hands back, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

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

    def show(self, console: Console) -> None:
        """Print it."""
        shown = RichTable(
            title=self.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
        )
        shown.add_column("measure", overflow="fold", ratio=1)
        for name in ("value", self.yardstick, "ratio", "target"):
            shown.add_column(name, justify="right", overflow="fold")
        for index, row in enumerate(self.rows):
            if row.value:
                shown.add_row(row.measure, row.value, row.yardstick, row.ratio, row.target)
            else:
                if index:
                    shown.add_section()
                shown.add_row(f"[bold]{row.measure}[/bold]")
        console.print(shown)
        for note in self.notes:
            console.print(f"  {note}", soft_wrap=False)
        if self.notes:
            console.print()


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
    return f"{limit} {'met' if met else 'MISSED'}"
