"""Tracks whose genres are known, with the genres hidden: what votes are measured on.

The world is the sandbox's; searches are answered by the sandbox's own index, from this project's
plan of seeds. Nothing here asks a server.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from runclub_sandbox import builtin, tables
from runclub_sandbox.open_truth import OpenTruth
from runclub_sandbox.search import SearchIndex
from runclub_sandbox.world import World
from runclub_spider.catalog.open_genres import shares
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.votes import MINOR_VOTE, Evidence, Source, Voter
from runclub_spider.frontier.templates import Seed, load_seeds, rotation
from testkit.planning import KNOWN_ARTISTS

SEEDS = Path(__file__).parents[1] / "seeds"
#: As the settings of the same names have them.
MAX_RESULTS, TOP_PLAYLISTS, MARKET = 200, 5, "US"


@dataclass(slots=True)
class Found:
    """What a crawl would know: seeds by track, searches by playlist, tracks by playlist."""

    seeds: dict[str, list[Seed]] = field(default_factory=dict)
    searches: dict[str, list[Seed]] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)

    @property
    def tracks(self) -> list[str]:
        """Ids of all tracks found, sorted."""
        return sorted(self.seeds.keys() | self.lists.keys())


def world_of(data: Path | None) -> World:
    """The real tables, or the made-up world."""
    return tables.load(data) if data else builtin.build(1)


def without_genres(world: World) -> World:
    """The same world whose search sees neither genres nor the labels of a collection."""
    return replace(
        world,
        artists={one: replace(artist, genres=()) for one, artist in world.artists.items()},
        tracks={one: replace(track, tags="") for one, track in world.tracks.items()},
        playlists={one: replace(each, tags="") for one, each in world.playlists.items()},
    )


def crawl(world: World, umbrellas: UmbrellaMap, seeds: int) -> Found:
    """Ask so many seeds of each kind, in a fair round over families and umbrellas."""
    index = SearchIndex(world)
    # Known artists tell of themselves, and are measured by `bench frontier`.
    plan = [seed for seed in load_seeds(SEEDS, umbrellas) if seed.family != KNOWN_ARTISTS]
    found = Found()
    for seed in rotation([each for each in plan if each.kind == "track"])[:seeds]:
        for one in index.find("track", seed.term, MARKET).ids[:MAX_RESULTS]:
            if one is not None:
                found.seeds.setdefault(one, []).append(seed)
    for seed in rotation([each for each in plan if each.kind == "playlist"])[:seeds]:
        served = [one for one in index.find("playlist", seed.term, None).ids if one is not None]
        for one in served[:TOP_PLAYLISTS]:
            found.searches.setdefault(one, []).append(seed)
    _fill(world, found, found.searches)
    return found


def all_lists(world: World) -> Found:
    """Every playlist of the world, found by no search."""
    found = Found()
    _fill(world, found, world.playlists)
    return found


def _fill(world: World, found: Found, lists: Iterable[str]) -> None:
    for one in sorted(lists):
        for track in sorted({e.ref for e in world.playlists[one].entries if e.kind == "track"}):
            if track in world.tracks:
                found.lists.setdefault(track, []).append(one)


def evidence(
    world: World,
    found: Found,
    voter: Voter,
    told: Mapping[str, tuple[str, ...]],
    tags: Mapping[str, tuple[tuple[str, int], ...]] | None = None,
) -> Iterator[tuple[str, Evidence]]:
    """(track id, evidence) by id; ``told`` holds the genres of the artists that are not hidden.

    ``tags`` are those of open metadata by track, as its store keeps them.
    """
    by_seed: dict[Seed, Source] = {}
    by_list: dict[str, Source] = {}
    for one in found.tracks:
        track = world.tracks[one]
        sources = []
        for seed in found.seeds.get(one, ()):
            if seed not in by_seed:
                by_seed[seed] = voter.search(seed.term, seed.umbrella)
            sources.append(by_seed[seed])
        for each in found.lists.get(one, ()):
            if each not in by_list:
                searches = [(seed.term, seed.umbrella) for seed in found.searches.get(each, ())]
                by_list[each] = voter.playlist(world.playlists[each].name, searches)
            sources.append(by_list[each])
        yield (
            one,
            Evidence(
                name=track.name,
                album_name=world.albums[track.album_id].name,
                artist_ids=track.artist_ids,
                artist_names=[world.artists[artist].name for artist in track.artist_ids],
                genres=[told.get(artist, ()) for artist in track.artist_ids],
                album_id=track.album_id,
                sources=sources,
                tags=(tags or {}).get(one, ()),
            ),
        )


def open_tags(world: World, ids: Iterable[str]) -> dict[str, tuple[tuple[str, int], ...]]:
    """The genres that the sandbox's open databases tag tracks with, through their artists.

    Three artists of five are tagged, one of seven of them with a genre that is wrong.
    """
    truth = OpenTruth(world)
    found = {}
    for one in ids:
        listed = [truth.artists.get(artist) for artist in world.tracks[one].artist_ids]
        votes = [("artist", n, v) for artist in listed if artist for n, v in artist.tags]
        official = [vote for vote in votes if vote[1] in truth.official_names]
        if tags := shares(official):
            found[one] = tags
    return found


def truths(world: World, umbrellas: UmbrellaMap, ids: Iterable[str]) -> dict[str, list[str]]:
    """The umbrellas that the genres of a track's artists name, for tracks that have any."""
    found = {}
    for one in ids:
        genres = [world.artists[artist].genres for artist in world.tracks[one].artist_ids]
        if voted := umbrellas.of_artists(genres):
            found[one] = [label for label, weight in voted if weight >= MINOR_VOTE]
            found[one] = found[one] or [voted[0][0]]
    return found


def held_out(world: World, track: str) -> bool:
    """Whether the track's primary artist belongs to the half that no weight was fitted on."""
    artist = next(iter(world.tracks[track].artist_ids), "")
    return bool(int(hashlib.md5(artist.encode()).hexdigest(), 16) % 2)


def genres_of(world: World) -> dict[str, tuple[str, ...]]:
    """All genres that are known."""
    return {one: artist.genres for one, artist in world.artists.items() if artist.genres}


def seed_votes(found: Found, labels: tuple[str, ...]) -> dict[str, tuple[str, float]]:
    """The yardstick: umbrellas of the seeds alone, each seed or list one vote.

    Returns the first umbrella by track, with its share of the votes.
    """
    of_list: dict[str, dict[str, float]] = {}
    for one, seeds in found.searches.items():
        counts: defaultdict[str, float] = defaultdict(float)
        named = [seed.umbrella for seed in seeds if seed.umbrella]
        for label in named:
            counts[label] += 1 / len(named)
        of_list[one] = counts
    result = {}
    for track in found.tracks:
        votes: defaultdict[str, float] = defaultdict(float)
        for seed in found.seeds.get(track, ()):
            if seed.umbrella:
                votes[seed.umbrella] += 1
        for each in found.lists.get(track, ()):
            for label, share in of_list.get(each, {}).items():
                votes[label] += share
        if votes:
            best = min(votes, key=lambda label: (-round(votes[label], 9), labels.index(label)))
            result[track] = (best, votes[best] / sum(votes.values()))
    return result
