"""Random interleavings of rounds, pages, faults, kills and changes, on the store and planners."""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.catalog.models import Row, RowKind
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.pipelines.dedupe import DedupePipeline
from runclub_spider.crawl.pipelines.filter import FilterPipeline
from runclub_spider.crawl.pipelines.store import StorePipeline
from runclub_spider.crawl.run import Record
from runclub_spider.errors import GateFailed
from runclub_spider.frontier.planners import (
    PlaylistPlanner,
    TrackSearchPlanner,
    following_pages,
)
from runclub_spider.frontier.templates import Seed
from runclub_spider.items import DiscoveredPage
from runclub_spider.publish.account.manifest import accounting, imbalance
from runclub_spider.publish.verify import verify_release
from runclub_spider.publish.write import release
from runclub_spider.store import tombstones
from runclub_spider.store.db import meta, tables
from runclub_spider.store.db.engine import Store
from runclub_spider.store.facts import artists, features, tracks
from runclub_spider.store.queue import pages, playlists, runs, seeds
from runclub_spider.store.queue.pages import PageKind, PageTask
from runclub_spider.store.read import brought, catalogue
from testkit.killer import ROOT
from testkit.making import a_playlist, a_track, an_artist, an_id
from testkit.making import features as some_features

MARKET, SEARCH_PAGE, LIST_PAGE, MAX_RESULTS, MAX_ITEMS = "US", 5, 20, 15, 140
TERMS = {"track": ("rock", "pop", "soul"), "playlist": ("running", "workout")}
SPIDERS = {"track": "spotify_search", "playlist": "spotify_playlist"}
LISTS = range(4)
UMBRELLAS = load_umbrellas(ROOT / "seeds")


def a_row(position: int, number: int) -> Row:
    """A row of the world: most hold a track, some are too long, doubled, local or nothing."""
    if number % 11 == 3:
        return Row(position, RowKind.NULL)
    if number % 13 == 5:
        return Row(position, RowKind.LOCAL)
    if number % 17 == 7:
        return Row(position, RowKind.EPISODE)
    changes: dict[str, Any] = {}
    if number % 10 in (4, 5):
        # One track serves in the place of two.
        changes["linked_from"] = an_id(number + 1000)
        number -= number % 10 - 4
    if number % 7 == 1:
        changes["duration_ms"] = 100_000 + number * 1_000
    if number % 9 == 2:
        changes["isrc"] = f"USDUP{number % 4:07d}"
    return Row(position, RowKind.TRACK, a_track(number, **changes))


class World:
    """What the API would serve: rows as numbers."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rows = {term: self.some(rng.choice((0, 3, 5, 12, 20))) for term in TERMS["track"]}
        self.lists = {i: self.some(rng.choice((0, 4, 101, 130))) for i in LISTS}
        self.snapshots = Counter(dict.fromkeys(LISTS, 1))
        self.gone: set[int] = set()
        self.served = {"running": [0, 1, 2], "workout": [3, 1]}

    def some(self, number: int) -> list[int]:
        return [self.rng.randrange(400) for _ in range(number)]

    def playlist(self, number: int) -> Any:
        return a_playlist(
            number, snapshot_id=f"s{self.snapshots[number]}", total=len(self.lists[number])
        )

    def answer(self, task: PageTask, *, by_page: bool) -> DiscoveredPage:
        """The page as the spider would have read it at this moment.

        With `by_page` the planner chooses a list's later pages.
        """
        item = DiscoveredPage(task)
        if task.kind is PageKind.TRACK_SEARCH:
            self._take(item, self.rows[task.source_key], task.row_count)
        elif task.kind is PageKind.PLAYLIST_SEARCH:
            item.playlists = [self.playlist(i) for i in self.served[task.source_key]]
        else:
            number = next(i for i in LISTS if an_id(i, "playlist") == task.source_key)
            if number in self.gone:
                item.refused = "404"
                return item
            first = task.kind is PageKind.PLAYLIST
            item.snapshot = f"s{self.snapshots[number]}" if first else task.version
            if first:
                item.playlists = [self.playlist(number)]
            rows = self.lists[number]
            self._take(item, rows, 100 if first else task.row_count)
            if by_page:
                return item
            item.following = following_pages(
                task,
                version=item.snapshot,
                rows_served=len(item.rows),
                total=len(rows),
                more=item.more,
                page_rows=LIST_PAGE,
                cap=MAX_ITEMS,
            )
        return item

    @staticmethod
    def _take(item: DiscoveredPage, rows: list[int], count: int) -> None:
        start = item.task.first_row
        served = rows[start : start + count]
        item.rows = [a_row(start + i, number) for i, number in enumerate(served)]
        item.more = start + count < len(rows)


class Crawls(RuleBasedStateMachine):
    """The two spiders take turns on one store; what they hold in memory dies with a kill."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="machine-")
        root = Path(self.folder.name)
        self.config = Config(
            cache_dir=root / "cache", export_dir=root / "export", seeds_dir=ROOT / "seeds"
        )
        self.world = World(random.Random(1))
        # What must be true whatever happens: kept beside the store, untouched by kills.
        self.open: set[str] = set()
        self.edges: set[tuple[str, str, str]] = set()
        self.stones: set[tuple[str, str]] = set()
        self.published = 0
        self.store = Store.open(self.config)
        with self.store.begin() as connection:
            for name in ("spotify", "reccobeats"):
                meta.put(connection, f"source|{name}", "sandbox")
            meta.put(connection, "profile", "extended")
        self.start("track")

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    # A run

    def start(self, kind: str, mode: str = "template") -> None:
        """A process begins: the spider opens its run, as `SpotifySpider._open` does."""
        self.kind, self.spider, self.mode = kind, SPIDERS[kind], mode
        self.deferred: set[str] = set()
        self.given: dict[str, PageTask] = {}
        self.answers: list[DiscoveredPage] = []
        self.run = SimpleNamespace(
            config=self.config,
            record=Record(),
            quota=SimpleNamespace(flush=lambda _: None),
            queue=SimpleNamespace(leases={}),
            stages=None,
        )
        with self.store.begin() as connection:
            now = utc_now()
            self.run.record.opened(runs.start(connection, self.spider, {}, now))
            tracks.ensure_verdicts(connection, self.config.policy, self.run.record.number)
            rows = [
                {"term": term, "search_type": kind, "market": MARKET, "family": "editorial"}
                for term in TERMS[kind]
            ]
            seeds.register(connection, rows)
            if kind == "track":
                seeds.refresh(connection, kind, MARKET, seen_before=now - 86_400, cap=MAX_RESULTS)
            else:
                number = playlists.check_generation(connection, MARKET, now=now, max_age=0)
                seeds.refresh(connection, kind, MARKET, generation=number)
        self.filter, self.dedupe, self.keep = (
            self.pipeline(one) for one in (FilterPipeline, DedupePipeline, StorePipeline)
        )
        self.planned = self.planner()

    def pipeline(self, kind: type[Any]) -> Any:
        made = kind.__new__(kind)
        made._run = self.run
        made._stats = SimpleNamespace(inc_value=lambda *_: None)
        return made

    def planner(self) -> Any:
        plan = tuple(Seed(term, self.kind, "editorial") for term in TERMS[self.kind])
        common: dict[str, Any] = {
            "spider": self.spider,
            "seeds": plan,
            "market": MARKET,
            "mode": self.mode,
            "cell_minimum": 400,
            "umbrellas": UMBRELLAS,
            "vote_confidence": 0.75,
            "track_cost": 1 / 40,
        }
        if self.kind == "track":
            return TrackSearchPlanner(**common, max_results=MAX_RESULTS, page_rows=SEARCH_PAGE)
        return PlaylistPlanner(
            **common,
            top=2,
            max_items=MAX_ITEMS,
            page_rows=LIST_PAGE,
            regime=EXTENDED,
            run_version=f"run{self.run.record.number}",
            gone_before=utc_now() - 86_400,
        )

    @precondition(lambda self: not self.given)
    @rule()
    def next_round(self) -> None:
        """As `Frontier._next_round`: what is open, else a newly planned round."""
        with self.store.begin() as connection:
            found = self.ready(connection)
            if not found and self.planned.plan_round(connection, 4, self.deferred):
                found = self.ready(connection)
                self.open |= {task.key for task in found}
            elif not found and not self.deferred and self.kind == "playlist":
                playlists.finish_check(connection, MARKET, utc_now())
        self.given = {task.key: task for task in found}

    def ready(self, connection: sa.Connection) -> list[PageTask]:
        found = pages.open_pages(connection, self.spider, MARKET)
        return [task for task in found if task.key not in self.deferred]

    @precondition(lambda self: self.given)
    @rule(which=st.integers(0, 50))
    def is_answered(self, which: int) -> None:
        """An answer is on its way; the world may change before it is stored."""
        task = sorted(self.given.values(), key=lambda one: one.key)[which % len(self.given)]
        self.answers.append(self.world.answer(task, by_page=self.mode == "deficit"))

    @precondition(lambda self: self.answers)
    @rule(which=st.integers(0, 50), once_more=st.booleans())
    def is_stored(self, which: int, once_more: bool) -> None:
        """In any order; an answer that comes twice must change nothing."""
        item = self.answers.pop(which % len(self.answers))
        again = DiscoveredPage(item.task, list(item.rows), list(item.playlists), item.snapshot)
        for judge in (self.filter, self.dedupe):
            judge.process_item(item)
            judge.process_item(again)
        was_open = item.task.key in self.open
        with self.store.begin() as connection:
            self.keep._commit(connection, item, None)
        if was_open:
            self.open.discard(item.task.key)
            self.open |= {task.key for task in item.following}
            search = item.task.kind is PageKind.TRACK_SEARCH
            source = ("search" if search else "playlist", item.task.source_key)
            self.edges |= {(j.track.track_id, *source) for j in item.judged}
        if once_more:
            with self.store.begin() as connection:
                assert self.keep._commit(connection, again, None) == 0
        self.given.pop(item.task.key, None)

    @precondition(lambda self: self.given)
    @rule(which=st.integers(0, 50))
    def fails(self, which: int) -> None:
        """The API gave nothing: the page waits for the next run."""
        key = sorted(self.given)[which % len(self.given)]
        del self.given[key]
        self.deferred.add(key)
        self.answers = [item for item in self.answers if item.task.key != key]
        with self.store.begin() as connection:
            pages.mark_tried(connection, [key])

    @rule(
        kind=st.sampled_from(("track", "playlist")), mode=st.sampled_from(("template", "deficit"))
    )
    def dies_and_starts_again(self, kind: str, mode: str) -> None:
        """Everything in memory is lost; the next process opens the store."""
        self.store.close()
        self.store = Store.open(self.config)
        self.start(kind, mode)

    @rule(share=st.floats(0.2, 1))
    def is_enriched(self, share: float) -> None:
        """Some of the pending ids are asked; every fourth track is a miss."""
        with self.store.begin() as connection:
            now = utc_now()
            ids = features.pending(connection, version="1", now=now)
            ids = ids[: int(len(ids) * share) + 1]
            found = [i for i in ids if sum(map(ord, i)) % 4]
            features.save(
                connection,
                [some_features(i) for i in found],
                [i for i in ids if i not in found],
                version="1",
                gap_seconds=3600,
                now=now,
            )
            asked = artists.pending(connection, stale_before=0)
            known = {an_artist(i).artist_id: an_artist(i) for i in range(5)}
            artists.save(connection, asked, [known[i] for i in asked if i in known], now)
            assert not set(asked) & set(artists.pending(connection, stale_before=0))
            left = features.pending(connection, version="1", now=now)
            assert not set(ids) & set(left)

    # The world

    @rule(number=st.sampled_from(list(LISTS)), size=st.sampled_from((0, 2, 6, 104, 125)))
    def a_list_changes(self, number: int, size: int) -> None:
        kept = self.world.lists[number][::2]
        self.world.lists[number] = (kept + self.world.some(size))[:size]
        self.world.snapshots[number] += 1

    @rule(number=st.sampled_from(list(LISTS)))
    def a_list_goes_or_comes_back(self, number: int) -> None:
        self.world.gone ^= {number}

    @rule(term=st.sampled_from(TERMS["track"]), size=st.integers(1, 6))
    def a_search_grows(self, term: str, size: int) -> None:
        self.world.rows[term] += self.world.some(size)

    @rule(term=st.sampled_from(TERMS["playlist"]), order=st.permutations(list(LISTS)))
    def a_search_serves_other_lists(self, term: str, order: list[int]) -> None:
        self.world.served[term] = order[:3]

    @rule(longest=st.sampled_from((200_000, 360_000, 500_000)))
    def the_policy_changes(self, longest: int) -> None:
        """It counts from the next start."""
        self.config = self.config.model_copy(update={"max_duration_ms": longest})

    @rule(kind=st.sampled_from(list(tombstones.Kind)), which=st.integers(0, 200))
    def is_forgotten(self, kind: tombstones.Kind, which: int) -> None:
        column = {
            "track": tables.track.c.track_id,
            "artist": tables.track_artist.c.artist_id,
            "isrc": tables.track.c.isrc,
        }[kind]
        with self.store.begin() as connection:
            query = sa.select(column).where(column.is_not(None)).distinct().order_by(column)
            values = connection.scalars(query).all()
            if not values or (kind is tombstones.Kind.ARTIST and len(self.stones) > 2):
                return
            value = values[which % len(values)]
            gone = set(tombstones.bury(connection, kind, value, utc_now()))
        self.stones.add((str(kind), value))
        self.edges = {edge for edge in self.edges if edge[0] not in gone}

    @precondition(lambda self: self.published < 2)
    @rule()
    def is_published(self) -> None:
        self.published += 1
        try:
            release.publish(self.config)
        except GateFailed:
            return
        latest = self.config.export_dir / "latest"
        if latest.exists():
            assert verify_release(latest) == []

    # What must hold after every step

    @invariant()
    def the_store_is_sound(self) -> None:
        with self.store.begin() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            self.check_accounts(connection)
            self.check_marks(connection)
            self.check_ledger(connection)
            self.check_tombstones(connection)

    def check_accounts(self, connection: sa.Connection) -> None:
        stored = catalogue.track_count(connection)
        selection = release.choose(self.config, connection, UMBRELLAS)
        totals = pages.row_totals(connection, release._ROW_PAGES)
        assert imbalance(accounting(selection, totals, stored)) is None
        # Every track was new on exactly one page.
        assert sum(brought.read(connection).kinds.values()) == stored

    def check_marks(self, connection: sa.Connection) -> None:
        """A page is open until its rows are there, and a page that is open stays so."""
        keys = connection.scalars(sa.select(tables.page.c.key).where(tables.page.c.state == "open"))
        assert set(keys) == self.open
        edge = tables.track_source.c
        rows = connection.execute(sa.select(edge.track_id, edge.source_type, edge.source_key))
        assert {tuple(row) for row in rows} == self.edges

    def check_ledger(self, connection: sa.Connection) -> None:
        """A search was read without a gap as far as its ledger says, and no further."""
        for term, state in seeds.states(connection, "track", MARKET).items():
            done = connection.execute(
                sa.select(tables.page.c.first_row, tables.page.c.row_count)
                .where(
                    tables.page.c.source_key == term,
                    tables.page.c.kind == "track_search",
                    tables.page.c.version == f"g{state.generation}",
                    tables.page.c.state == "done",
                )
                .order_by(tables.page.c.first_row)
            ).all()
            end = 0
            for first, count in done:
                assert first == end
                end += count
            assert state.next_offset == end

    def check_tombstones(self, connection: sa.Connection) -> None:
        columns = sa.select(
            tables.track.c.track_id, tables.track.c.isrc, tables.track_artist.c.artist_id
        ).join_from(tables.track, tables.track_artist)
        for track, code, artist in connection.execute(columns):
            named = {("track", track), ("isrc", code), ("artist", artist)}
            assert not named & self.stones


EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "15"))
Crawls.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    derandomize=EXAMPLES <= 15,
    suppress_health_check=list(HealthCheck),
)
TestCrawls = Crawls.TestCase
