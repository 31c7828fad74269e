"""Documents as a release has them: JSON for people, indented by two, UTF-8, LF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec


def write_document(path: Path, document: Any) -> None:
    """Write it as a new file, keys in their own order.

    Bytes are those of `json.dumps(document, ensure_ascii=False, indent=2)`, which indents without
    its C code and takes ten times as long.

    Raises:
        ValueError: it holds what JSON cannot.
    """
    plain = json.dumps(document, ensure_ascii=False, allow_nan=False)
    path.write_bytes(msgspec.json.format(plain.encode(), indent=2) + b"\n")
