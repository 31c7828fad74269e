"""Under which licence each field of open data stands.

MusicBrainz publishes its core data (recordings, ISRCs, artists, release dates) under CC0 and the
tags that people assign under CC BY-NC-SA 3.0; ListenBrainz serves the same tags.
"""

from __future__ import annotations

CC0, BY_NC_SA = "CC0-1.0", "CC-BY-NC-SA-3.0"

#: By the name of the field in `_extra`.
FIELDS = {
    "original_release_year": CC0,
    "recording_mbid": CC0,
    "artist_mbids": CC0,
    "open_genres": BY_NC_SA,
}
