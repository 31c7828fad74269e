"""``python -m runclub_sandbox``: the same as ``scrapy sandbox`` without Scrapy."""

from __future__ import annotations

import sys

from .options import parse
from .server import run

if __name__ == "__main__":
    sys.exit(run(parse(sys.argv[1:])))
