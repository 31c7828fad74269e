"""One spelling for what pages spell in many ways."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from runclub_spider.catalog.dates import LATEST_YEAR, normalise_release_date
from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.catalog.models import Track

#: Characters of the longest name that is kept; what comes after is cut off.
MOST_NAME = 1_000

#: Joiners stay between two signs beyond ASCII, where scripts and emoji need them.
_STRAY_JOINER = re.compile(
    "(?<![^\x00-\x7f\\s\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f\\s\u200c\u200d])"
)
_JOINERS = frozenset("\u200c\u200d")
#: Control and format characters, lone surrogates and private use.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})


def clean_text(text: str, most: int = MOST_NAME) -> str:
    """A text that is safe for one line of any file, of a terminal and of either database.

    Cut to `most` characters, in NFC, white space (line and paragraph separators included)
    collapsed. Without control and format characters (bidirectional and zero-width ones), lone
    surrogates, private use and noncharacters. Of the format characters only the two joiners stay,
    and only between two signs beyond ASCII. Idempotent; cut first, for NFC takes the square of
    the length of some texts.
    """
    text = text[:most]
    if text.isprintable():
        if text.isascii():
            # Nearly all: printable ASCII has no white space but the space.
            if "  " not in text and text[:1] != " " and text[-1:] != " ":
                return text
            return " ".join(text.split())
        text = unicodedata.normalize("NFC", text)
    else:
        kept = (" " if c.isspace() else c for c in text if c.isspace() or _seen(c))
        text = unicodedata.normalize("NFC", "".join(kept))
        while (joined := _STRAY_JOINER.sub("", text)) != text:
            text = unicodedata.normalize("NFC", joined)
    # Some signs become two or three in NFC.
    return " ".join(text.split())[:most].rstrip(" \u200c\u200d")


def _seen(sign: str) -> bool:
    if unicodedata.category(sign) in _UNSEEN:
        return sign in _JOINERS
    return not (ord(sign) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(sign) <= 0xFDEF)


def normalise_track(track: Track, latest_year: int = LATEST_YEAR) -> Track:
    """The track with ISRC, release date and link in their one form. Idempotent.

    Names have theirs from the gate (`apis/wire.py`).
    """
    isrc = normalise_isrc(track.isrc)
    date = normalise_release_date(track.album.release_date, latest_year)
    link = track.linked_from if track.linked_from != track.track_id else None
    if (isrc, date, link) == (track.isrc, track.album.release_date, track.linked_from):
        return track
    return replace(
        track,
        album=replace(track.album, release_date=date),
        isrc=isrc,
        linked_from=link,
    )
