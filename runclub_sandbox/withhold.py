"""Fields that an API stops sending, for all objects or for a share of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .world import hashed

#: Objects whose fields can be withheld; the last two are ReccoBeats' rows.
KINDS = ("track", "album", "artist", "playlist", "recco_track", "audio_features")
_WHOLE = 10_000


def withheld(kind: str, shown: dict[str, Any], shares: Mapping[str, float]) -> dict[str, Any]:
    """The object without the fields withheld from it, half of them as null; changed in place.

    Args:
        kind: one of :data:`KINDS`.
        shown: the object as it would be sent, with its ``id``.
        shares: share of the objects, 0-1, by ``kind.field``. The same ids always lack the same.
    """
    for name, share in shares.items():
        of, _, field = name.partition(".")
        if of != kind or field not in shown:
            continue
        draw = hashed("withheld", name, shown.get("id"))
        if draw % _WHOLE >= share * _WHOLE:
            continue
        if draw // _WHOLE % 2:
            shown[field] = None
        else:
            del shown[field]
    return shown
