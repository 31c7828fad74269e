"""One benchmark a module, each with `run(context) -> Table`.

To add one, write `bench/benchmarks/NAME.py` (its first line is what `--list` shows) and put its
name here.
"""

#: In the order in which they run: the first crawl serves the next three, and `publish`, whose
#: largest size costs most, takes what time is left.
NAMES = ("crawl", "requests", "noop", "verify", "frontier", "publish")
