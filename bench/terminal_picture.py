"""What a crawl looks like at a terminal of 80 columns, as a picture for the documents.

The lines are the program's own, the numbers made up, so that the picture is always the same.
`python -m bench.terminal_picture` writes `docs/terminal.svg` anew.
"""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.text import Text

from runclub_spider.catalog.rules import TOO_LONG, UNPLAYABLE
from runclub_spider.console.summary import print_outcome
from runclub_spider.crawl.extensions.panel import View, panel
from runclub_spider.crawl.outcome import Outcome
from runclub_spider.terminal import problem

PICTURE = Path(__file__).parents[1] / "docs" / "terminal.svg"
COLUMNS = 80
#: What tells the program's parts of their terminal.
SCREEN = {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
_VIEW = {
    "name": "spotify_search",
    "budget": 300,
    "minimum": 400,
    "quota": (161, 620),
}
_STATS = {
    "pages_stored": 187,
    "rows/track": 8_906,
    "eligible_new": 3_127,
    "features/found": 3_011,
    "features/missed": 116,
    f"rejected/{TOO_LONG}": 214,
    f"rejected/{UNPLAYABLE}": 95,
}
_SPENT = {"search": 187, "artist": 30, "features": 83}


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def picture() -> str:
    """The SVG; it loads nothing."""
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    _typed(console, "scrapy crawl spotify_search -a budget=300")
    going: dict[str, Any] = {
        **_VIEW,
        "sent": 161,
        "rows": 4_850,
        "eligible": 1_744,
        "features": (1_520, 1_600),
    }
    console.print(panel(View(seconds=74, lacking=(131, 122, 132), **going), COLUMNS))
    console.print()
    console.print(Text("… the same while the API asks to wait:", style="dim italic"))
    waits = ("spotify asks to wait 12 s more",)
    console.print(panel(View(seconds=86, lacking=(131, 122, 132), waits=waits, **going), COLUMNS))
    console.print()
    console.print(Text("… and at its end:", style="dim italic"))
    for line in AnsiDecoder().decode(_summary()):
        console.print(line)
    _typed(console, "scrapy report export/lates")
    said = "there is no report in export/lates; name a release folder"
    console.print(problem("scrapy report", said, _Terminal()), highlight=False)
    made = console.export_svg(title="runclub-spider", unique_id="terminal")
    return re.sub(r"@font-face \{.*?\}\s*", "", made, flags=re.DOTALL)


def _typed(console: Console, command: str) -> None:
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))


def _summary() -> str:
    outcome = Outcome(
        release="Released 2026-11-29-5f0c21ab-sandbox: 3,011 tracks, in export/latest"
    )
    stats = SimpleNamespace(get_stats=lambda: {f"runclub/{k}": v for k, v in _STATS.items()})
    crawler = SimpleNamespace(
        spidercls=SimpleNamespace(name="spotify_search"), stats=stats, settings={}
    )
    run: Any = SimpleNamespace(
        outcome=outcome, crawler=crawler, budget=SimpleNamespace(spent=Counter(_SPENT))
    )
    said = _Terminal()
    with redirect_stdout(said):
        print_outcome(run)
    return said.getvalue()


def main() -> None:
    """Write the picture."""
    os.environ.pop("NO_COLOR", None)
    os.environ.update(SCREEN)
    PICTURE.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
