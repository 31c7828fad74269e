"""One spelling for what pages spell in many ways."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from runclub_spider.catalog.dates import normalise_release_date
from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.catalog.models import ArtistRef, Track


def clean_text(text: str) -> str:
    """NFC, control characters out, white space collapsed: safe for one line of any file."""
    if text.isprintable():
        words = text if text.isascii() else unicodedata.normalize("NFC", text)
        return " ".join(words.split())
    kept = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) != "Cc"
    )
    return " ".join(unicodedata.normalize("NFC", kept).split())


def normalise_track(track: Track) -> Track:
    """The track with names cleaned, ISRC and release date in their one form. Idempotent."""
    return replace(
        track,
        name=clean_text(track.name),
        artists=tuple(ArtistRef(a.artist_id, clean_text(a.name)) for a in track.artists),
        album=replace(
            track.album,
            name=clean_text(track.album.name),
            release_date=normalise_release_date(track.album.release_date),
        ),
        isrc=normalise_isrc(track.isrc),
        linked_from=track.linked_from if track.linked_from != track.track_id else None,
    )
