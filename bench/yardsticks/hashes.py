"""Checks a release's files by their manifest's SHA-256 and unpacks its gzip files.

`python -m bench.yardsticks.hashes DIR`: what `sha256sum -c` and `gunzip -t` would do.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from pathlib import Path


def main(folder: str) -> None:
    root = Path(folder)
    for name, known in json.loads((root / "manifest.json").read_bytes())["fileHashes"].items():
        with (root / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != known:
                sys.exit(f"{name} differs")
        if name.endswith(".gz"):
            with gzip.open(root / name) as file:
                while file.read(1 << 20):
                    pass


if __name__ == "__main__":
    main(*sys.argv[1:])
