"""One benchmark a module, each with `run(context) -> Table`.

To add one, write `bench/benchmarks/NAME.py` (its first line is what `--list` shows) and put its
name here.
"""

#: In the order in which they run: the first crawl serves the next three; the sweep, which can
#: take a sample, takes what time is left.
NAMES = (
    "crawl",
    "requests",
    "noop",
    "verify",
    "publish",
    "pages",
    "genres",
    "duplicates",
    "content",
    "balance",
    "open_metadata",
    "pacing",
    "frontier",
    "budget",
    "forecast",
    "remaining",
    "environments",
    "kexp",
    "kill_sweep",
    "speed_tracks",
    "speed_crawl",
    "speed_commands",
    "speed_plays",
    "speed_publish",
)
#: What runs when none is named: the others take long, and want an idle machine to themselves.
USUAL = tuple(name for name in NAMES if not name.startswith("speed_"))
