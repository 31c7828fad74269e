"""Pairs of wordings that are one song or two, and how a matching scores on them.

`testkit/kexp_pairs.csv` is made up. `testkit/play_pairs.csv` names real plays and tracks: a track
by its Spotify id, a play by a digest of its words, which are read from the recorded plays. Each of
these was judged by title, artist and album, and its kind noted in a word; a pair is held out by its
first id (:mod:`testkit.halves`). *Same* means: whoever played one of them played the other's song
in its version; a master, a mono or stereo mix and an edition count as the same, and so does a guest
whom one side does not name. Two kinds that no words can tell are held near their natural share, 1 %
each: a song under its subtitle alone or in another script, and the same title on another occasion
with other people. Equal words are one song by specification: where only the album tells a concert,
a pair was left out. The kind `drawn` are plays whose track equal words find, for their natural
share; what rules add and take away is seen in the others.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rapidfuzz import fuzz, process

from runclub_spider.catalog.matching import keys_of, match
from runclub_spider.catalog.plays import Tier
from runclub_spider.catalog.versions import artist_words
from testkit.halves import held_out
from testkit.realdata import real_file

Wording = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two wordings (title, artist), whether they are one song, and why it is here.

    `review` are those that no rule may settle, `held_out` those on which none was tuned.
    """

    one: Wording
    other: Wording
    same: bool
    reason: str = ""
    held_out: bool = False
    review: bool = False


def tier_of(pair: Pair) -> Tier | None:
    found = match(keys_of(*pair.one), keys_of(*pair.other))
    return found[0] if found else None


def traps() -> list[Pair]:
    with (Path(__file__).with_name("kexp_pairs.csv")).open(encoding="utf-8", newline="") as file:
        return [
            Pair(
                (row["title_a"], row["artist_a"]),
                (row["title_b"], row["artist_b"]),
                row["label"] == "same",
                row["reason"],
                review=row["label"] == "review",
            )
            for row in csv.DictReader(file)
        ]


@dataclass
class Score:
    """Accepted pairs by tier, and the same pairs that none accepts."""

    right: Counter[Tier]
    wrong: dict[Tier, list[Pair]]
    missed: list[Pair]

    def precision(self, tier: Tier | None = None) -> float:
        right = self.right.total() if tier is None else self.right[tier]
        wrong = sum(map(len, self.wrong.values())) if tier is None else len(self.wrong[tier])
        return right / (right + wrong) if right + wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right.total() / (self.right.total() + len(self.missed))

    def told(self, name: str) -> str:
        lines = [f"{name}: precision {self.precision():.4f}, recall {self.recall:.4f}"]
        reached = 0
        for tier in (Tier.EXACT, Tier.CLEANED, Tier.FUZZY):
            reached += self.right[tier]
            lines.append(
                f"  {tier:8} right {self.right[tier]:5} wrong {len(self.wrong[tier]):3} "
                f"precision {self.precision(tier):.4f} "
                f"recall up to here {reached / (self.right.total() + len(self.missed)):.4f}"
            )
        return "\n".join(lines)


def score(pairs: Iterable[Pair]) -> Score:
    found = Score(Counter(), {tier: [] for tier in Tier}, [])
    for pair in pairs:
        tier = tier_of(pair)
        if tier is None:
            found.missed += [pair] if pair.same else []
        elif pair.same:
            found.right[tier] += 1
        else:
            found.wrong[tier].append(pair)
    return found


# Real plays

_PLAYS = "kexp/unlicensed/l13w_shows_2026-03-20_to_27.json"
_PAGES = ("kexp/kexppower_PlaySample.json", "kexp/plays_page_2021-09-29_limit10.json")
_LINES = "kexp/plays_2023-04-10_28rows.jsonl"
_TABLE = "kexp/plays_joined_shows_2022-01-29.csv"


def play_pairs() -> list[Pair]:
    """The judged pairs of real plays and tracks.

    Raises:
        KeyError: A judged play or track is not in the files.
    """
    path = Path(__file__).with_name("play_pairs.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    words = _plays() | _tracks({row[side] for row in rows for side in ("id_a", "id_b")})
    return [
        Pair(
            words[row["id_a"]],
            words[row["id_b"]],
            row["label"] == "same",
            row["kind"],
            held_out(row["id_a"]),
        )
        for row in rows
    ]


def _plays() -> dict[str, Wording]:
    """The wordings of recorded plays by their digest."""
    shows = json.loads(real_file(_PLAYS).read_bytes())
    plays = [play for show in shows for play in show["tracks"]]
    for page in _PAGES:
        plays += json.loads(real_file(page).read_bytes())["results"]
    plays += map(json.loads, real_file(_LINES).read_text(encoding="utf-8").splitlines())
    with real_file(_TABLE).open(encoding="utf-8", newline="") as file:
        plays += [{"song": row["SONG"], "artist": row["ARTIST"]} for row in csv.DictReader(file)]
    wordings = {
        (play["song"], play["artist"]) for play in plays if play.get("song") and play.get("artist")
    }
    return {digest(wording): wording for wording in wordings}


def digest(wording: Wording) -> str:
    """What a play is called by in the table of pairs."""
    return hashlib.sha256("\n".join(wording).encode()).hexdigest()[:16]


def _tracks(ids: set[str]) -> dict[str, Wording]:
    found = {}
    with gzip.open(real_file(TRACKS), "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["track_id"] in ids:
                found[row["track_id"]] = (row["name"], ", ".join(json.loads(row["artist_names"])))
    return found


# Real wordings

CHART, TRACKS = "spotify/hot100_weeks_2016_2021.csv.gz", "spotify/tracks.csv.gz"
_REMARK = re.compile(r"\s*(?:[(\[]| - | [(\[]?(?:feat|ft|featuring|with|w/)\b).*")
#: Words of a remark that tell another recording.
_OTHER_TAKE = re.compile(
    r"\b(?:live|remix|mix|acoustic|acustic\w*|instrumental|karaoke|demo|edit|session|sessions|reprise"
    r"|dub|cappella|orchestra\w*|orquesta|wedding|take|unplugged|performance|slowed|sped|stripped"
    r"|piano|spanish|english|version|freestyle|medley|pt|part|vol)\b"
)


def plain(text: str) -> str:
    """A text as a person compares it, without our normal form."""
    text = unicodedata.normalize("NFKD", text.casefold().replace("&", "and").replace("$", "s"))
    text = re.sub(r"in['’]?(?!\w)", "ing", text)
    return "".join(sign for sign in text if sign.isalnum())


def judged_different(one: str, other: str) -> bool:
    """The judge of the labels: other titles, or one title with remarks of other takes.

    One title twice may be one recording under two ids; a text cannot tell.
    """
    if plain(one) == plain(other):
        return False
    a, b = (_REMARK.sub("", text.casefold()) for text in (one, other))
    if plain(a) != plain(b):
        return True
    takes = [
        set(_OTHER_TAKE.findall(text.casefold().removeprefix(bare)))
        for text, bare in ((one, a), (other, b))
    ]
    return takes[0] != takes[1]


@cache
def chart() -> dict[tuple[str, str, str], Wording]:
    """(id, title, artist) as the charts word it, to Spotify's wording of the same id.

    Some weeks of the table have Spotify's side shifted by some rows: the wording that an id bears
    most often is the one that counts.
    """
    found: dict[tuple[str, str, str], Counter[Wording]] = {}
    with gzip.open(real_file(CHART), "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["track_id"] and row["given_title"] and row["spotify_title"]:
                key = (row["track_id"], row["given_title"], row["given_artist"])
                wording = (row["spotify_title"], row["spotify_artist"])
                found.setdefault(key, Counter())[wording] += 1
    return {key: wordings.most_common(1)[0][0] for key, wordings in found.items()}


@cache
def by_lead() -> dict[frozenset[str], list[tuple[str, str, str]]]:
    """(id, title, artists) of the real tracks by the words of their first artist."""
    found: dict[frozenset[str], list[tuple[str, str, str]]] = {}
    with gzip.open(real_file(TRACKS), "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            names = [n for n in json.loads(row["artist_names"] or "[]") if isinstance(n, str) and n]
            if row["name"] and names:
                entry = (row["track_id"], row["name"], ", ".join(names))
                found.setdefault(artist_words(names[0]), []).append(entry)
    return found


def same_id() -> Iterator[Pair]:
    """Two wordings of one id."""
    for (_, title, artist), wording in chart().items():
        yield Pair((title, artist), wording, same=True)


def nearest_other() -> Iterator[Pair]:
    """The nearest wordings under other ids, by the same people and by anybody.

    A pair of one title is judged first, unless nobody is named on both sides.
    """
    wordings = sorted(set(chart().values()))
    texts = [" ".join(wording).casefold() for wording in wordings]
    for (track_id, title, artist), own in chart().items():
        others = by_lead().get(frozenset(keys_of(title, artist).artist.split()), [])
        names = [name for one, name, _ in others if one != track_id]
        entries = [(name, people) for one, name, people in others if one != track_id]
        for _, _, place in process.extract(title, names, scorer=fuzz.ratio, limit=2):
            if judged_different(entries[place][0], title):
                yield Pair((title, artist), entries[place], same=False)
        text = f"{title} {artist}".casefold()
        for _, _, place in process.extract(text, texts, scorer=fuzz.ratio, limit=2):
            name, people = wordings[place]
            if wordings[place] == own:
                continue
            if judged_different(name, title) or not artist_words(people) & artist_words(artist):
                yield Pair((title, artist), wordings[place], same=False)
