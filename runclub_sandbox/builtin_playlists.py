"""The built-in world's playlists: what a runner types, and what turns up."""

# ruff: noqa: SIM905 - word lists read better as running text

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from urllib.parse import quote_plus

from . import names
from .builtin import DECADES, LAST_YEAR, Draft
from .vocabulary import STYLES
from .world import USER_ID, Entry, Playlist, base62

ACTIVITIES = (
    "Running,Workout,Cardio,HIIT,Gym,Pump Up,Power Run,Interval Training,Bangers,Beast Mode,"
    "Tempo Run,Marathon,Treadmill"
).split(",")
DECADE_PATTERNS = (
    "Best of {},{} Hits,{} Pop Hits,{} Rock Hits,{} Dance Hits,{} Throwbacks,Nostalgia {},"
    "Club Hits {},Party Hits {},{} Running Mix,{} Workout"
).split(",")
CADENCE_PATTERNS = "{} BPM Run Mix,{} BPM Workout,Cadence {} Running,{} SPM Running".split(",")
TRENDS = (
    "Top 50 - USA,Viral 50 - USA,Top 50 - Global,Viral 50 - Global,New Music Friday,mint,"
    "Dance Rising,Fresh Finds,Rock This,RapCaviar,Pop Rising,Viva Latino,Today's Top Hits,"
    "New Joints,New Music Pop,New Music Rock,Throwback Hits,Running Motivation"
).split(",")
_FIRST_DAY, _DAYS = date(2014, 1, 1), 4300
OWN = ("My 5K Mix", "Sunday Long Run", "Interval Tuesday", "70s Country Running", "Cool Down")


def decade_word(decade: int) -> str:
    """A decade as people write it: 70s, 2000s."""
    return f"{decade}s" if decade >= 2000 else f"{decade % 100}s"


def add_playlists(draft: Draft, rng: Random) -> None:
    """Adds every playlist to the draft's world."""
    writer = _Writer(draft, rng)
    for name, pool, tags in _themes(draft, rng):
        writer.add(name, pool, tags)
    for name in OWN:
        pool = (
            draft.cells[("Country & Americana", 1970)] if "Country" in name else writer.everything
        )
        writer.add(name, pool, "running", owner=USER_ID)
    writer.add("The Great Big Running Archive", writer.everything, "running workout", size=1_150)


def _themes(draft: Draft, rng: Random) -> Iterator[tuple[str, Sequence[str], str]]:
    """Name, tracks to draw from and tags of every list that is not the user's own."""
    labels = [style.label for style in STYLES]
    by_label = {
        label: [one for decade in DECADES for one in draft.cells.get((label, decade), ())]
        for label in labels
    }
    for label in labels:
        for activity in ACTIVITIES:
            yield f"{label} {activity}", by_label[label], f"{label} {activity}"
        yield f"Fast {label}", by_label[label], label
        yield f"High Energy {label}", by_label[label], label
    for (label, decade), pool in sorted(draft.cells.items()):
        if len(pool) >= 60 and decade >= 1960:
            for tail in ("Running", "Hits"):
                yield f"{decade_word(decade)} {label} {tail}", pool, label
    for decade in DECADES:
        pool = [one for label in labels for one in draft.cells.get((label, decade), ())]
        rock = draft.cells.get(("Rock", decade), pool)
        pop = draft.cells.get(("Pop", decade), pool)
        for pattern in DECADE_PATTERNS:
            narrowed = rock if "Rock" in pattern else pop if "Pop" in pattern else pool
            yield pattern.format(decade_word(decade)), narrowed, "throwback"
    for year in range(1962, LAST_YEAR + 1):
        if year in draft.by_year:
            yield f"Top Hits of {year}", draft.by_year[year], decade_word(year // 10 * 10)
    tempos = {one: row.tempo or 0.0 for one, row in draft.world.features.items()}
    for cadence in range(150, 185, 5):
        pool = [
            one
            for one, tempo in tempos.items()
            if abs(tempo - cadence) < 4 or abs(tempo * 2 - cadence) < 4
        ]
        for pattern in CADENCE_PATTERNS:
            yield pattern.format(cadence), pool, f"running cadence {cadence}"
    for genre, pool in sorted(draft.by_genre.items()):
        if len(pool) >= 25:
            yield f"{genre} {rng.choice(['running', 'workout', 'cardio'])}", pool, genre
    recent = [one for year in range(2023, LAST_YEAR + 1) for one in draft.by_year.get(year, ())]
    for name in TRENDS:
        yield name, recent, "trend new"


class _Writer:
    """Writes playlists with believable owners, sizes and awkward rows."""

    def __init__(self, draft: Draft, rng: Random) -> None:
        self.world, self.rng = draft.world, rng
        self.everything = list(draft.world.tracks)
        self.users = [names.artist_name(rng, "en", "").lower().replace(" ", "_") for _ in range(90)]
        self.episodes = list(draft.world.episodes)
        self._weighed: tuple[Sequence[str], list[int]] = ((), [])

    def add(
        self,
        name: str,
        pool: Sequence[str],
        tags: str,
        owner: str | None = None,
        size: int | None = None,
    ) -> None:
        rng = self.rng
        if owner is None:
            owner = "spotify" if rng.random() < 0.3 else rng.choice(self.users)
        made_id = base62(rng.getrandbits(128))
        if owner == "spotify":
            made_id = "37i9dQZF1DX" + made_id[11:]
        size = size or min(len(pool), int(25 + 280 * rng.random() ** 2.2))
        chosen = dict.fromkeys(rng.choices(pool, cum_weights=self._weigh(pool), k=size))
        entries = self._awkward([self._entry("track", one, owner) for one in chosen], owner)
        self.world.playlists[made_id] = Playlist(
            id=made_id,
            name=name,
            description=rng.choice(
                ["", f"{name} for every mile.", "Updated weekly.", "Made on a long run."]
            ),
            owner_id=owner,
            entries=entries,
            followers=int((1.2 if owner == "spotify" else 1.18) ** rng.randint(0, 80)),
            tags=tags,
            public=None if owner == "spotify" else True,
        )

    def _weigh(self, pool: Sequence[str]) -> list[int]:
        """Cumulative weights of a pool; themes that follow each other share their pool."""
        if self._weighed[0] is not pool:
            tracks = self.world.tracks
            self._weighed = (pool, list(accumulate(tracks[one].popularity + 4 for one in pool)))
        return self._weighed[1]

    def _entry(self, kind: str, ref: str, owner: str) -> Entry:
        rng = self.rng
        day = _FIRST_DAY + timedelta(days=int(rng.random() * _DAYS))
        added = (
            None if rng.random() < 0.004 else f"{day.isoformat()}T{rng.getrandbits(4):02d}:00:00Z"
        )
        by = "" if kind == "null" or owner == "spotify" else owner
        return Entry(kind, ref, added, by)  # type: ignore[arg-type]

    def _awkward(self, entries: list[Entry], owner: str) -> list[Entry]:
        """Mixes in what real lists hold: holes, local files, episodes, repeated tracks."""
        rng = self.rng
        extra: list[Entry] = []
        if rng.random() < 0.35:
            extra += [self._entry("null", "", owner) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.2 and owner != "spotify":
            extra += [self._entry("local", self._local(), owner) for _ in range(rng.randint(1, 2))]
        if rng.random() < 0.12:
            extra.append(self._entry("episode", rng.choice(self.episodes), owner))
        if rng.random() < 0.25 and entries:
            extra += [
                self._entry("track", rng.choice(entries).ref, owner)
                for _ in range(rng.randint(1, 3))
            ]
        for entry in extra:
            entries.insert(rng.randint(0, len(entries)), entry)
        return entries

    def _local(self) -> str:
        rng = self.rng
        parts = (
            names.artist_name(rng, "en", ""),
            names.song_title(rng, "en"),
            f"{names.song_title(rng, 'en')} (demo)",
        )
        seconds = rng.randint(95, 340)
        return "spotify:local:" + ":".join(quote_plus(part) for part in parts) + f":{seconds}"
