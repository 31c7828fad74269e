"""What a track is beside a song by its artist: karaoke, noise, a lullaby of a rock song.

Words alone are weak: "Tribute" is a song, *Sleepless* no sleeping aid. So title, artists, album,
genres, audio features, lists and the artist's other tracks all speak, each with its points; where
these add up to the label's threshold, the track deserves it. What speaks for what is declared in
:mod:`.signals` alone, so that an entry there is all that a new word needs.

All that is known of one track::

    track = Track(title, artists, album, genres=genres, features=features, work=work)
    labels_of(track)                    # (Label.KARAOKE, Label.INSTRUMENTAL); () for a song
    for verdict in weigh(track):        # for `explain`
        verdict.label, verdict.confidence, verdict.holds, *map(str, verdict.evidence)

What becomes of it, once all is known, and before anybody is asked for features::

    policy = ContentPolicy.parse("karaoke=reject,live=keep")
    treatment, label = policy.severest(labels_of(track))
    rejected_by_names(title, artists, album, policy)   # (Label.KARAOKE,), or ()

:func:`.judge.plainly` says what names alone leave no doubt of; counted over an artist's tracks it
makes the `Work` of the others (:mod:`.works` adds it up for many tracks at once).
:func:`.digest.digest` changes with the declared table, so that labels which were stored can be told
from those of today.

The others are functions of :mod:`.judge`. They are not named here, for every command reads the
policy, and few judge by the table.
"""

from __future__ import annotations

from runclub_spider.catalog.content.labels import (
    DEFAULTS,
    ContentPolicy,
    Label,
    Treatment,
    mask_of,
    of_mask,
)
from runclub_spider.catalog.content.track import Features, Track, Work

__all__ = [
    "DEFAULTS",
    "ContentPolicy",
    "Features",
    "Label",
    "Track",
    "Treatment",
    "Work",
    "mask_of",
    "of_mask",
]
