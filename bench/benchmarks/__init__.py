"""One benchmark a module, each with `run(context) -> Table`.

To add one, write `bench/benchmarks/NAME.py` (its first line is what `--list` shows) and put its
name here.
"""

#: In the order in which they run; later ones use the crawl that an earlier one paid for.
NAMES = ("crawl", "requests", "publish", "noop", "verify")
