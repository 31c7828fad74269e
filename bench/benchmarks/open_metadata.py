"""Open metadata: requests, pace, original years, tagged genres, and what they do to thin cells."""

from __future__ import annotations

import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import hidden
from bench.context import Context, Place, requests_of
from bench.table import Table, times, verdict
from runclub_sandbox.kexp import build
from runclub_sandbox.open_truth import OpenTruth, add_first_editions
from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox, running_sandbox
from runclub_sandbox.world import World
from runclub_spider.catalog.dates import decade_of
from runclub_spider.catalog.original import Dated, original_year
from runclub_spider.catalog.plays import Tier
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.votes import Evidence, Source, Verdict, Voter
from runclub_spider.config import Config
from runclub_spider.publish.account.manifest import grid
from runclub_spider.publish.choose.voting import votes_of_sources
from runclub_spider.publish.write.release import prospect
from runclub_spider.store.db.engine import Store
from runclub_spider.store.facts import open_facts
from runclub_spider.store.read import candidates, catalogue
from runclub_spider.store.read.candidates import Span

#: Most requests for so many tracks, and seconds between two calls as the services allow.
MOST_REQUESTS, TRACKS = 500, 10_000
MUSICBRAINZ_SECONDS, LISTENBRAINZ_SECONDS = 1.1, 0.4
#: The pace of this benchmark: its sandbox counts a call that comes sooner.
PACE = 0.05
OLD, OLD_YEARS = ("70s", "80s"), (1970, 1989)
#: Rows of an ordinary seed, and of a hunt.
RESULTS, HUNTED = 100, 10
THIS_YEAR = 2026
ONLY = ("crawl", "enrich", "-a", "only=open_metadata")


def run(context: Context) -> Table:
    table = Table("open metadata: MusicBrainz and ListenBrainz", "without")
    seeds, hunts = (40, 60) if context.options.quick else (230, 400)
    # Its truth is that of the made-up world, so the real tables cannot serve here.
    with running_sandbox(SandboxOptions(musicbrainz_interval=PACE, first_editions=True)) as sandbox:
        world = hidden.world_of(None)
        add_first_editions(world)
        bench = _Bench(context, sandbox, world)
        found = bench.crawled(seeds)
        asked = bench.asked(found)
        bench.requests(table, asked)
        bench.years(table, asked)
        bench.umbrellas(table, asked)
        bench.plays(table, found, asked)
        bench.cells(table, found, asked, hunts, seeds)
    table.notes += [
        f"The made-up world; tracks found by {seeds} seeds of {RESULTS} rows. Truth: the",
        "sandbox's; one song of five is older than its album here. The pace of the run is",
        f"{PACE} s, watched by the sandbox; the time is that of its calls at the legal pace.",
        "year right: of tracks whose song's first year is known to the sandbox. sure, right:",
        "as in `bench genres`, all genres of artists hidden.",
        f"cells: tracks of {' and '.join(OLD)} by album year. hunt: searches for the first",
        "editions of the most popular late ones; ordinary: as many requests of further seeds;",
        "both ten rows a call.",
    ]
    return table


@dataclass
class _Bench:
    """One run: a sandbox and the truth behind it."""

    context: Context
    sandbox: Sandbox
    world: World

    def __post_init__(self) -> None:
        self.truth = OpenTruth(self.world)

    def crawled(self, seeds: int) -> Place:
        """A store of tracks with features, without open metadata and without a last release."""
        place = self.context.place("open")
        self._scrapy(place, "crawl", "spotify_search", "-a", f"max_seeds={seeds}", results=RESULTS)
        _forget_releases(place)
        return place

    def asked(self, found: Place) -> Place:
        """The same with open metadata."""
        place = self.context.copy(found, "asked")
        self.sandbox.reset_stats()
        self._scrapy(
            place,
            *ONLY,
            env={
                "OPEN_METADATA_CONTACT": "bench@example.org",
                "MUSICBRAINZ_INTERVAL": str(PACE),
            },
        )
        _forget_releases(place)
        return place

    # Tables

    def requests(self, table: Table, place: Place) -> None:
        stats = self.sandbox.stats()
        tracks = place.count("SELECT count(*) FROM track")
        eligible = place.count(
            "SELECT count(*) FROM track WHERE track_id NOT IN (SELECT track_id FROM rejection)"
        )
        table.heading(f"{tracks:,} tracks, {eligible:,} of them eligible")
        total = requests_of(stats)
        allowed = MOST_REQUESTS * eligible / TRACKS
        table.add(
            "requests",
            f"{total:,}",
            f"one a track: {2 * eligible:,}",
            times(total, 2 * eligible),
            verdict(f"≤ {allowed:,.0f}", total <= allowed),
        )
        for api in ("musicbrainz", "listenbrainz"):
            for family, tally in stats["apis"].get(api, {"families": {}})["families"].items():
                table.add(f"  {family}", f"{tally['calls']:,}")
        calls = {api: stats["apis"][api]["calls"] for api in ("musicbrainz", "listenbrainz")}
        legal = (
            calls["musicbrainz"] * MUSICBRAINZ_SECONDS
            + calls["listenbrainz"] * LISTENBRAINZ_SECONDS
        )
        table.add("time at the legal pace", f"{legal / 60:.1f} min")
        fast = stats["refused_by_regime"].get("mb_too_fast", 0)
        table.add("requests faster than allowed", f"{fast}", "0", "", verdict("0", fast == 0))
        busy = stats["apis"]["musicbrainz"]["by_status"].get("503", 0)
        table.add("503s met at the legal pace", f"{busy}")
        twice = sum(len(kind["more_than_once"]) for kind in stats["repeats"].values())
        # A call that met a 503 is sent again, its keys were not answered.
        table.add("keys answered twice", f"{twice}", "0", "", verdict("0", twice == 0))

    def years(self, table: Table, place: Place) -> None:
        """Exact years and decades by the album, by the ISRC alone, and by the older of both."""
        answers: dict[str, dict[str, list[Dated]]] = {}
        for track, route, mbid, year, length in place.query(
            "SELECT track_id, route, mbid, year, length_ms FROM track_recording "
            "JOIN recording USING (mbid)"
        ):
            answers.setdefault(track, {}).setdefault(route, []).append(Dated(mbid, year, length))
        both = dict(place.query("SELECT track_id, original_year FROM open_metadata"))
        tested = []
        for track, date in place.query("SELECT track_id, release_date FROM track"):
            right = self.truth.original_year(track)
            if right is not None and date:
                tested.append((track, int(date[:4]), right))

        def by_isrc(track: str, album: int) -> int:
            found = original_year(
                album,
                answers.get(track, {}).get("isrc", []),
                [],
                began=None,
                this_year=THIS_YEAR,
            )
            return album if found is None else found.year

        rules: dict[str, Callable[[str, int], int]] = {
            "album year": lambda _track, album: album,
            "ISRC only": by_isrc,
            "older of ISRC and title": lambda track, album: both.get(track) or album,
        }
        for name, some in (
            ("all", tested),
            ("songs older than their album", [one for one in tested if one[2] < one[1]]),
        ):
            table.heading(f"year right: {name}, {len(some):,} tracks")
            for rule, year in rules.items():
                found = [(year(track, album), right) for track, album, right in some]
                exact = sum(a == b for a, b in found) / len(found)
                decade = sum(decade_of(a) == decade_of(b) for a, b in found) / len(found)
                off = sum(abs(a - b) > 2 for a, b in found) / len(found)
                table.add(
                    f"  {rule}", f"{exact:.1%}", f"decade {decade:.1%}", f"off > 2: {off:.1%}"
                )

    def umbrellas(self, table: Table, place: Place) -> None:
        """Umbrellas by what found the tracks, by open data, and by both; genres hidden."""
        umbrellas = UmbrellaMap.load(hidden.SEEDS / "umbrellas.yaml")
        store = Store.open(_config(place))
        try:
            with store.begin() as connection:
                seen = _seen(connection, votes_of_sources(connection, Voter(umbrellas)))
        finally:
            store.close()
        truths = hidden.truths(self.world, umbrellas, list(seen))
        table.heading(f"umbrellas, artists' genres hidden: {len(truths):,} tracks")
        kinds: dict[str, Callable[[Evidence], Evidence]] = {
            "provenance only": lambda one: replace(one, tags=()),
            "open data only": lambda one: replace(one, sources=[], name="", album_name=""),
            "both": lambda one: one,
        }
        for name, kept in kinds.items():
            verdicts = _judged(umbrellas, {track: kept(one) for track, one in seen.items()})
            voted = [track for track in truths if verdicts[track].umbrellas]
            sure = [track for track in truths if verdicts[track].fills]
            table.add(
                f"  {name}",
                f"vote {len(voted) / len(truths):.1%}, right {_right(verdicts, truths, voted)}",
                f"sure {len(sure) / len(truths):.1%}",
                f"right {_right(verdicts, truths, sure)}",
            )

    def plays(self, table: Table, found: Place, asked: Place) -> None:
        """KEXP's plays by tier, and the tracks their songs are linked to, both against the truth.

        A play is right when its song was made for a play of the same song of the world.
        """
        options = SandboxOptions()
        aired = build(self.world, self.truth, None, options.seed, options.kexp_weeks)
        on_air = {str(row.id): row.track for row in aired.rows if row.track}

        def song_of(track: str) -> str:
            return self.truth.song(self.world.tracks[track])

        for name, source in (("by words alone", found), ("with MBIDs", asked)):
            place = self.context.copy(source, f"plays-{name[:4]}")
            self._scrapy(place, "crawl", "kexp", "-a", "start_date=2001-01-01")
            rows = place.query(
                "SELECT source_play_id, match_tier, song_id, song.track_id FROM external_play "
                "JOIN song ON song.id = song_id ORDER BY external_play.created_at, source_play_id"
            )
            meant: dict[str, str] = {}
            for play, tier, song, _ in rows:
                if tier == Tier.NEW and play in on_air:
                    meant[song] = song_of(on_air[play])
            table.heading(f"KEXP, {name}: {len(rows):,} plays, {len(meant):,} songs")
            for tier in (Tier.MBID, Tier.EXACT, Tier.CLEANED, Tier.FUZZY):
                judged = [
                    meant[song] == song_of(on_air[play])
                    for play, of, song, _ in rows
                    if of == tier and song in meant and play in on_air
                ]
                if judged:
                    table.add(f"  plays by {tier}", f"{len(judged):,}", *_share(judged))
            there = {song_of(one) for (one,) in place.query("SELECT track_id FROM track")}
            linked = {song: track for _, _, song, track in rows if song in meant and track}
            right = [song_of(track) == meant[song] for song, track in linked.items()]
            reachable = sum(song in there for song in meant.values())
            table.add(
                "  songs linked to a track", f"{len(right):,} of {reachable:,}", *_share(right)
            )

    def cells(self, table: Table, found: Place, asked: Place, hunts: int, seeds: int) -> None:
        """Old cells by album year: as found, with preferred editions, and after a hunt."""
        before, preferred = _old(found), _old(asked)
        table.heading(f"tracks of {' and '.join(OLD)}, by album year")
        table.add("as found", f"{before:,}")
        table.add("editions of the first year preferred", f"{preferred:,}", f"{before:,}")
        store = Store.open(_config(asked))
        try:
            with store.begin() as connection:
                wanted = open_facts.original_edition_searches(
                    connection, most=hunts, years=OLD_YEARS
                )
        finally:
            store.close()
        hunted = self.context.copy(asked, "hunted")
        file = hunted.cache / "hunts.txt"
        file.write_text("".join(f"{hunt.term}\n" for hunt in wanted), encoding="utf-8")
        spent = self._more(hunted, HUNTED, "-a", f"seeds={file}")
        self._asked_again(hunted)
        gained = _old(hunted) - preferred
        table.add(
            f"after {len(wanted):,} hunts, {spent:,} requests",
            f"{preferred + gained:,}",
            f"+{gained:,}",
            _price(spent, gained),
        )
        ordinary = self.context.copy(asked, "ordinary")
        same = self._more(
            ordinary, RESULTS, "-a", f"max_seeds={seeds * 2}", "-a", f"budget={spent}"
        )
        self._asked_again(ordinary)
        other = _old(ordinary) - preferred
        table.add(
            f"after {same:,} requests of ordinary seeds",
            f"{preferred + other:,}",
            f"+{other:,}",
            _price(same, other),
        )

    # Commands

    def _more(self, place: Place, results: int, *arguments: str) -> int:
        """Crawl on as keys of today see it, ten rows a call; returns the requests it took."""
        self.sandbox.reset_stats()
        self._scrapy(
            place,
            "crawl",
            "spotify_search",
            *arguments,
            results=results,
            env={"PAGE_SIZE": "10"},
        )
        return requests_of(self.sandbox.stats())

    def _asked_again(self, place: Place) -> None:
        env = {"OPEN_METADATA_CONTACT": "bench@example.org", "MUSICBRAINZ_INTERVAL": str(PACE)}
        self._scrapy(place, *ONLY, env=env)
        _forget_releases(place)

    def _scrapy(
        self,
        place: Place,
        *command: str,
        results: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        more = () if results is None else ("-a", f"max_results={results}")
        found = {**self.sandbox.env, **(env or {})}
        self.context.scrapy(*command, *more, place=place, env=found)


def _judged(umbrellas: UmbrellaMap, tracks: Mapping[str, Evidence]) -> dict[str, Verdict]:
    voter = Voter(umbrellas)
    for one in tracks.values():
        voter.add(one)
    return {track: voter.verdict(one) for track, one in tracks.items()}


def _right(
    verdicts: Mapping[str, Verdict], truths: Mapping[str, list[str]], some: Iterable[str]
) -> str:
    asked = list(some)
    right = sum(verdicts[track].umbrellas[0][0] in truths[track] for track in asked)
    return f"{right / len(asked):.1%}" if asked else "–"


def _share(right: list[bool]) -> tuple[str, str]:
    return f"{right.count(False)} wrong", f"right {sum(right) / max(len(right), 1):.1%}"


def _price(requests: int, gained: int) -> str:
    return f"{requests / gained:.1f} a track" if gained > 0 else "none gained"


def _old(place: Place) -> int:
    """Tracks of the old decades in a release made now."""
    store = Store.open(_config(place))
    try:
        with store.begin() as connection:
            cells = grid(prospect(_config(place), connection))
    finally:
        store.close()
    return sum(row.get(decade, 0) for row in cells.values() for decade in OLD)


def _config(place: Place) -> Config:
    return Config(cache_dir=place.cache, export_dir=place.export, seeds_dir=hidden.SEEDS)


def _seen(
    connection: sa.Connection, sources: Mapping[tuple[str, str], Source]
) -> dict[str, Evidence]:
    """What a store says of each track, but for the genres of its artists."""
    people: dict[str, list[Any]] = defaultdict(list)
    places: dict[str, list[Source]] = defaultdict(list)
    for credit in candidates.credits(connection, Span()):
        people[credit[0]].append(credit)
    for track_id, kind, key, station in candidates.sources(connection, Span()):
        if station is None and (kind, key) in sources:
            places[track_id].append(sources[kind, key])
    return {
        row.track_id: Evidence(
            name=row.name,
            album_name=row.album_name,
            artist_ids=tuple(one[1] for one in people[row.track_id]),
            artist_names=tuple(one[2] for one in people[row.track_id]),
            genres=[()] * len(people[row.track_id]),
            album_id=row.album_id if row.album_type == "compilation" else None,
            sources=places[row.track_id],
            tags=catalogue.shares_of(row.tags),
        )
        for row in candidates.candidates(connection, "US", Span())
    }


def _forget_releases(place: Place) -> None:
    """As if nothing had been released: what is kept for its own sake would hide the choice."""
    shutil.rmtree(place.export)
    Path(place.export).mkdir()
    with closing(sqlite3.connect(place.store)) as connection, connection:
        for table in ("release_row", "canonical"):
            connection.execute(f"DELETE FROM {table}")
