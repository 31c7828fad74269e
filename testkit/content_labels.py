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
odd half. Many artists have tracks in both, so what names a kind of artist is tried on its like.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from runclub_spider.catalog.content import (
    DEFAULTS,
    ContentPolicy,
    Features,
    Label,
    Track,
    Treatment,
    Work,
)
from runclub_spider.catalog.content.judge import (
    Leaning,
    labels_of,
    leaning,
    plainly,
    rejected_by_names,
)
from testkit.halves import held_out
from testkit.scores import Score

LABELS_FILE = Path(__file__).with_suffix(".csv")
#: Where the tables lie in the folder of real data.
TRACKS = "spotify/tracks.csv.gz"
LISTS = "spotify/harisekhon_playlists.csv.gz"
ARTISTS = "spotify/artists.csv.gz"
FEATURES = "spotify/audio_features.csv.gz"
_TRACK_URI = "spotify:track:"
#: What is rejected by default, and what that must reach: with genres and features, and by names.
REJECTED = frozenset(label for label in Label if DEFAULTS[label] is Treatment.REJECT)
LEAST_PRECISION, LEAST_RECALL, LEAST_RECALL_BY_NAMES = 0.98, 0.90, 0.80


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
        return held_out(self.track_id)


def judged() -> list[Judged]:
    """All judged tracks, by id."""
    with LABELS_FILE.open(encoding="utf-8", newline="") as lines:
        return [
            Judged(row["id"], row["table"], frozenset(row["labels"].split()), row["look_alike_of"])
            for row in csv.DictReader(lines)
        ]


@dataclass(frozen=True, slots=True)
class Known:
    """A judged track with all that the tables know of it."""

    judged: Judged
    track: Track

    @property
    def named(self) -> Track:
        """The track as a key that sees no genres knows it before features are asked for."""
        return replace(self.track, genres=None, features=None)


def known(data: Path) -> list[Known]:
    """The judged tracks that are in the tables, by id.

    Args:
        data: the folder of real data.
    """
    wanted = {track.track_id: track for track in judged()}
    genres = {row["artist_id"]: row["genres"] for row in _rows(data / ARTISTS)}
    features = {
        row["track_id"]: _features(row)
        for row in _rows(data / FEATURES)
        if row["track_id"] in wanted
    }
    named = dict(_named(data))
    work = _works(wanted, named)
    return [
        Known(
            each,
            Track(
                row.title,
                row.artists,
                row.album,
                tuple(filter(None, ";".join(genres.get(one, "") for one in row.ids).split(";"))),
                features.get(track_id),
                work=work[track_id],
            ),
        )
        for track_id, each in wanted.items()
        if (row := named.get(track_id)) is not None
    ]


@dataclass(frozen=True, slots=True)
class _Named:
    title: str
    artists: tuple[str, ...]
    album: str
    ids: tuple[str, ...]


def _named(data: Path) -> Iterator[tuple[str, _Named]]:
    """Every track of the tables that has a title; that of the better table last."""
    for row in _rows(data / LISTS):
        artists, dash, title = row["label"].partition(" - ")
        if dash and row["uri"].startswith(_TRACK_URI):
            people = tuple(artists.split(", "))
            yield row["uri"].removeprefix(_TRACK_URI), _Named(title, people, "", ())
    for row in _rows(data / TRACKS):
        if row["name"]:
            names = json.loads(row["artist_names"] or "[]")
            people = tuple(one for one in names if type(one) is str)
            ids = tuple(row["artist_ids"].split())
            yield row["track_id"], _Named(row["name"], people, row["album_name"], ids)


def labels_of_all(data: Path) -> dict[str, tuple[Label, ...]]:
    """The labels of all tracks of the better table that deserve any, by id.

    Args:
        data: the folder of real data.
    """
    genres = {row["artist_id"]: row["genres"] for row in _rows(data / ARTISTS)}
    features = {row["track_id"]: _features(row) for row in _rows(data / FEATURES)}
    named = {track_id: row for track_id, row in _named(data) if row.ids}
    works = _works(named, named)
    found = {}
    for track_id, row in named.items():
        said = tuple(filter(None, ";".join(genres.get(one, "") for one in row.ids).split(";")))
        track = Track(row.title, row.artists, row.album, said, features.get(track_id))
        if leaning(track) != Leaning():
            found[track_id] = labels_of(replace(track, work=works[track_id]))
    return {track_id: labels for track_id, labels in found.items() if labels}


def _works(wanted: Iterable[str], named: Mapping[str, _Named]) -> dict[str, Work | None]:
    """What the tables know of the other tracks of each wanted track's first artist."""
    leads = {row.artists[0] for one in wanted if (row := named.get(one)) and row.artists}
    tracks = Counter[str]()
    plain: dict[str, Counter[Label]] = {lead: Counter() for lead in leads}
    own: dict[str, tuple[Label, ...]] = {}
    for track_id, row in named.items():
        if row.artists and row.artists[0] in leads:
            own[track_id] = plainly(row.title, row.artists, row.album)
            tracks[row.artists[0]] += 1
            plain[row.artists[0]].update(own[track_id])
    works: dict[str, Work | None] = dict.fromkeys(wanted)
    for track_id in own.keys() & works.keys():
        lead = named[track_id].artists[0]
        works[track_id] = Work(tracks[lead] - 1, plain[lead] - Counter(own[track_id]))
    return works


def _features(row: dict[str, str]) -> Features:
    names = ("speechiness", "instrumentalness", "energy", "liveness")
    return Features(*(float(row[name]) if row[name] else None for name in names))


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with gzip.open(table, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def told(track: Track) -> set[Label]:
    """What a release by default says of a track: what it deserves, and what its names reject."""
    named = rejected_by_names(track.title, track.artists, track.album, ContentPolicy())
    return {*labels_of(track), *named}


# --- scores --------------------------------------------------------------------------------------


def score(
    tracks: Iterable[Known], called: Callable[[Known], Container[str]], those: frozenset[str]
) -> Score[Known]:
    """Hold what `called` says of each track against the judgement, as to whether any of `those`."""

    def judged_of(track: Known) -> tuple[Known, bool, bool]:
        said = called(track)
        is_said = any(label in said for label in those)
        return track, is_said, not those.isdisjoint(track.judged.labels)

    return Score.of(map(judged_of, tracks))
