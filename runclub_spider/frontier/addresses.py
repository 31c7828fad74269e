"""Playlists that are named by their address, as people copy it, and not by words to search for."""

from __future__ import annotations

import re

_ID = "(?P<id>[0-9A-Za-z]{22})"
_LINK = re.compile(
    r"(?:https?://)?(?:open|play)\.spotify\.com/(?:intl-[\w-]+/)?(?:embed/)?(?:user/[^/]+/)?"
    rf"playlist/{_ID}/?(?:[?#].*)?",
    re.ASCII | re.IGNORECASE,
)
_URI = re.compile(rf"spotify:(?:user:[^:]+:)?playlist:{_ID}", re.ASCII | re.IGNORECASE)
_ANY = re.compile(r"spotify:\w+:|(?:https?://)?(?:\w+\.)?spotify\.(?:com|link)/", re.IGNORECASE)
_TERM = "spotify:playlist:"


def is_address(text: str) -> bool:
    """Whether a text is an address at Spotify, of whatever."""
    return _ANY.match(text) is not None


def playlist_of(text: str) -> str | None:
    """The id of the playlist that an address leads to; None for anything else.

    `https://open.spotify.com/playlist/ID?si=…`, with a language or an owner on the way, and
    `spotify:playlist:ID`.
    """
    found = _LINK.fullmatch(text) or _URI.fullmatch(text)
    return found["id"] if found else None


def term_of(playlist_id: str) -> str:
    """The one spelling under which such a playlist stands in the ledger of seeds."""
    return f"{_TERM}{playlist_id}"
