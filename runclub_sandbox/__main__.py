"""``python -m runclub_sandbox``: the same as ``scrapy sandbox`` without Scrapy."""

from __future__ import annotations

import sys

from .options import OptionError, parse
from .server import run

if __name__ == "__main__":
    try:
        run(parse(sys.argv[1:]))
    except OptionError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        sys.exit(2)
