"""The International Standard Recording Code (ISO 3901)."""

from __future__ import annotations

import re

_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
#: Characters of the longest spelling that is looked at.
_MOST = 40


def normalise_isrc(text: str | None) -> str | None:
    """Twelve characters in upper case without hyphens or spaces; None when it is no ISRC."""
    if not text:
        return None
    if _ISRC.fullmatch(text):
        return text
    if len(text) > _MOST or not text.isascii():
        return None
    code = re.sub(r"[\s\-]", "", text).upper()
    return code if _ISRC.fullmatch(code) else None
