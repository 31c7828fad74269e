"""Real tracks of which a person has said what they are: karaoke, noise, a lullaby of a rock song.

`testkit/content_labels.csv` names them by id; their wording is read from the tables. `table` says
which one holds them: `tracks` (`spotify/tracks.csv.gz`), or `harisekhon_playlists`, which knows but
a line "Artists - Title". `labels` are separated by spaces, empty for a track that deserves none.
`look_alike_of` marks the tracks that carry the words of a label, its genre or its features, and do
not deserve it.

Candidates were found by broad searches over both tables: words in several languages in title,
artist and album, genres, features. Three hundred more were drawn blindly. Each was then read and
judged by title, artists, album, genres, features and what is generally known of it, before there
was any rule; tracks on which the evidence was silent were left out (originals on lists for a
workout, exclusive tracks of a DJ's compilation, known artists covering a song on the piano), and
so were most tracks of artists that have many of one kind. What the labels mean:

- karaoke: sold to sing to, with or without a guiding voice; what says it is "originally performed
  by", "in the style of" or "made famous by" somebody else.
- tribute: imitations by nobody in particular. A known artist on a tribute album is none.
- rendition: a song as a lullaby, in 8 bits, for a music box or a string quartet.
- noise: white noise, rain, forests, tones for the brain. Music to relax to is none.
- spoken: skits, commentaries, interviews, comedians, books, announcements. Rap is none.
- altered: sped up, slowed, chopped and screwed, nightcore, 8D.
- dj_mix: a segment cut from a mix, or the mix.
- workout_cover: covers made for a workout.
- instrumental: a song with words without them, by its title or album. What never had words is none.
- live, medley (mash-ups too), holiday (Christmas), children: as title, album or artist tell.

Rules are tuned on the half of the tracks whose id has an even SHA-256; figures are given for the
odd half.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LABELS_FILE = Path(__file__).with_suffix(".csv")
#: Where the tables lie in the folder of real data.
TRACKS = "spotify/tracks.csv.gz"
LISTS = "spotify/harisekhon_playlists.csv.gz"
ARTISTS = "spotify/artists.csv.gz"
FEATURES = "spotify/audio_features.csv.gz"
_TRACK_URI = "spotify:track:"


@dataclass(frozen=True, slots=True)
class Judged:
    """A track and the judgement on it.

    Attributes:
        labels: what it is, by the names of the contract.
        look_alike_of: the label it might be taken to deserve; empty for none.
    """

    track_id: str
    table: str
    labels: frozenset[str]
    look_alike_of: str

    @property
    def odd(self) -> bool:
        """Whether it is of the half that no rule was tuned on."""
        return hashlib.sha256(self.track_id.encode()).digest()[-1] % 2 == 1


@dataclass(frozen=True, slots=True)
class Worded:
    """What the tables know of a track; features by name, empty where there are none."""

    title: str
    artists: tuple[str, ...]
    album: str
    genres: tuple[str, ...]
    features: dict[str, float]


def judged() -> list[Judged]:
    """All judged tracks, by id."""
    with LABELS_FILE.open(encoding="utf-8", newline="") as lines:
        return [
            Judged(row["id"], row["table"], frozenset(row["labels"].split()), row["look_alike_of"])
            for row in csv.DictReader(lines)
        ]


def worded(data: Path) -> dict[str, Worded]:
    """Every track of the tables that has a title, by id.

    Args:
        data: the folder of real data.
    """
    genres = {row["artist_id"]: row["genres"].split(";") for row in _rows(data / ARTISTS)}
    features = {row["track_id"]: _numbers(row) for row in _rows(data / FEATURES)}
    found = {}
    for row in _rows(data / LISTS):
        artists, dash, title = row["label"].partition(" - ")
        if dash and row["uri"].startswith(_TRACK_URI):
            track_id = row["uri"].removeprefix(_TRACK_URI)
            found[track_id] = Worded(title, tuple(artists.split(", ")), "", (), {})
    for row in _rows(data / TRACKS):
        if row["name"]:
            named = [one for one in json.loads(row["artist_names"] or "[]") if type(one) is str]
            of_artists = [
                genre for one in row["artist_ids"].split() for genre in genres.get(one, ()) if genre
            ]
            found[row["track_id"]] = Worded(
                row["name"],
                tuple(named),
                row["album_name"],
                tuple(of_artists),
                features.get(row["track_id"], {}),
            )
    return found


def _numbers(row: dict[str, str]) -> dict[str, float]:
    names = ("speechiness", "instrumentalness", "energy", "acousticness", "liveness", "tempo")
    return {name: float(row[name]) for name in names if row[name]}


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with gzip.open(table, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
