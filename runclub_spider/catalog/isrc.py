"""The International Standard Recording Code (ISO 3901)."""

from __future__ import annotations

import re

_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")


def normalise_isrc(text: str | None) -> str | None:
    """Twelve characters in upper case without hyphens or spaces; None when it is no ISRC."""
    code = re.sub(r"[\s\-]", "", text or "").upper()
    return code if _ISRC.fullmatch(code) else None
