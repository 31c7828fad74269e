"""Identifiers of the release."""

from __future__ import annotations

import uuid


def row_id(spotify_track_id: str) -> str:
    """The catalogue's row id: UUIDv5 of the track's public URL, the same on every machine."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://open.spotify.com/track/{spotify_track_id}"))
