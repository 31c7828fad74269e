"""Publishing a store: what a release says of thin cells, duplicates and canonical ids."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import sqlalchemy as sa
from pydantic import PrivateAttr

from runclub_spider.catalog.content import ContentPolicy
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.catalog.models import ArtistRef, Playable, Track
from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError
from runclub_spider.publish import parts
from runclub_spider.publish.account.manifest import open_notes
from runclub_spider.publish.choose import part
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.pool import Pool
from runclub_spider.publish.parts import Workers, snapshot_of
from runclub_spider.publish.verify import verify_release
from runclub_spider.publish.write import release
from runclub_spider.publish.write.part import TRACKS_OF_PART
from runclub_spider.publish.write.release import choose, publish
from runclub_spider.publish.write.up_to_date import input_digest
from runclub_spider.store.db import meta, tables
from runclub_spider.store.db.engine import Store
from runclub_spider.store.facts import artists, features, tracks
from runclub_spider.store.queue import pages, seeds
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from testkit.killer import ROOT
from testkit.making import POLICY, SEARCH, a_track, an_artist, an_id, found
from testkit.making import features as some_features
from tests.publish.choose.pools import facts

UMBRELLAS = load_umbrellas(ROOT / "seeds")
NOW = 1_767_225_600


class Shop:
    """A store that tracks are put into, and what is published of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = Config(
            cache_dir=root / "cache",
            export_dir=root / "export",
            seeds_dir=ROOT / "seeds",
            source_date_epoch=NOW,
        )
        self.store = Store.open(self.config)
        with self.store.begin() as connection:
            meta.put(connection, "source|spotify", "sandbox")
            meta.put(connection, "source|reccobeats", "sandbox")
            meta.put(connection, "profile", "extended")

    def put(self, *new: Track, playable: Playable = Playable.YES) -> None:
        """One answered page of a search, and its features."""
        with self.store.begin() as connection:
            number = int(connection.scalar(sa.select(sa.func.count(tables.page.c.key))) or 0)
            task = PageTask(
                "spotify_search",
                PageKind.TRACK_SEARCH,
                SEARCH.source_key,
                POLICY.market,
                50 * number,
                50,
                "g1",
                number,
            )
            pages.plan(connection, [task])
            rows = [found(track, at, playable) for at, track in enumerate(new)]
            tracks.save(connection, rows, SEARCH, policy=POLICY, run_id=1, now=NOW)
            counts = PageCounts(track_rows=len(rows))
            pages.mark_done(connection, task, counts=counts, run_id=1, now=NOW)
            features.save(
                connection,
                [some_features(track.track_id) for track in new],
                [],
                version="1",
                gap_seconds=1,
                now=NOW,
            )
            people = [an_artist(at) for at in range(5)]
            artists.save(connection, [one.artist_id for one in people], people, NOW)
            meta.touch(connection)

    def publish(self, folder: str = "export", **settings: Any) -> Path:
        config = self.config.model_copy(
            update={"export_dir": self.root / folder, "year_coverage_min": 0.0, **settings}
        )
        publish(config)
        latest = config.export_dir / "latest"
        assert verify_release(latest) == []
        return latest


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.store.close()


def rows(latest: Path) -> dict[str, Any]:
    """The wide rows by id."""
    lines = (latest / "catalog_wide.jsonl").read_bytes().splitlines()
    return {row["spotify_track_id"]: row for row in map(orjson.loads, lines)}


def manifest(latest: Path) -> Any:
    return json.loads((latest / "manifest.json").read_bytes())


def contents(latest: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in latest.rglob("*") if p.is_file()}


def test_unknown_playability_is_let_into_thin_cells_and_said(shop: Shop) -> None:
    shop.put(a_track(1))
    shop.put(a_track(2, is_playable=None), playable=Playable.UNKNOWN)
    latest = shop.publish()
    row = rows(latest)[an_id(2)]
    assert row["available_us"] is True
    assert row["_extra"]["available_us_source"] == "thin_cell_policy"
    assert row["_extra"]["backfill_for"] == {"umbrella": "Rock", "decade": "70s", "step": "soft"}
    account = manifest(latest)["accounting"]
    assert (account["exported"], account["rejected"]) == (2, 0)
    assert manifest(latest)["balance"]["cells"]["Rock"]["70s"]["backfill"] == {"soft": 1}

    full = shop.publish("full", cell_minimum=1, cell_target=1)
    assert list(rows(full)) == [an_id(1)]
    assert manifest(full)["accounting"]["rejectedByRule"] == {"playability_unknown": 1}
    off = shop.publish("off", backfill_order=("neighbour", "decade"))
    assert list(rows(off)) == [an_id(1)]


def test_however_the_store_is_parted_and_whoever_reads_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of one track to all, in this process or another: the selection is the same."""
    shop.put(
        *(
            # Some stand for others, and some are without genres and wait for the others' votes.
            a_track(n, name=f"Song {n % 7}", isrc=f"USUM700000{n % 9:02d}", popularity=n)
            for n in range(1, 24)
        )
    )
    with shop.store.begin() as connection:
        connection.execute(sa.update(tables.artist).values(genres=None))
        half = tables.artist.c.artist_id.in_([an_artist(at).artist_id for at in (0, 2)])
        connection.execute(sa.update(tables.artist).where(half).values(genres='["rock"]'))

    def told(tracks: int, executor: Executor | None = None) -> dict[str, Any]:
        monkeypatch.setattr(part, "_TRACKS", tracks)
        with shop.store.reading() as connection:
            hands = Workers(connection, executor, snapshot_of(connection))
            selection = choose(shop.config, connection, UMBRELLAS, workers=hands)
        return facts(selection) | {
            field.name: np.asarray(getattr(selection.pool, field.name)).tolist()
            for field in fields(Pool)
        }

    whole = told(1_000)
    assert len(set(whole["origin"])) > 1
    for number in (1, 2, 5, 23, 24):
        assert told(number) == whole
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        assert told(5, processes) == whole


def test_a_release_is_the_same_however_it_is_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put(*(a_track(n, name=f"Song {n % 7}", isrc=f"USUM700000{n:02d}") for n in range(1, 24)))
    whole = contents(shop.publish("whole"))
    monkeypatch.setattr(release, "TRACKS_OF_PART", 5)
    small = contents(shop.publish("small"))
    # Groups of rows and blocks of tracks end with a part, and these are smaller than a group.
    told = {"catalog.parquet", "explore.html", "manifest.json", "SHA256SUMS"}
    assert {name for name in whole if small[name] != whole[name]} == told
    monkeypatch.setattr(release, "TRACKS_OF_PART", TRACKS_OF_PART)
    monkeypatch.setattr(parts, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(part, "_TRACKS", 5)
    assert contents(shop.publish("processes")) == whole


def test_another_markets_unknown_playability(shop: Shop) -> None:
    shop.put(a_track(1))
    shop.put(a_track(2, is_playable=None), playable=Playable.UNKNOWN)
    row = rows(shop.publish(market="GB"))[an_id(2)]
    assert row["available_us"] is False
    assert row["available_primary_markets"] == ["GB"]


def an_edition(number: int, **changes: Any) -> Track:
    """An edition of the first song."""
    one = a_track(1)
    return a_track(
        number, **{"name": one.name, "artists": one.artists, "isrc": one.isrc, **changes}
    )


def test_what_a_row_stands_for(shop: Shop) -> None:
    shop.put(
        an_edition(1, popularity=60),
        an_edition(2),
        a_track(3, name="Song 1", duration_ms=241_000, artists=a_track(1).artists),
    )
    config = shop.config.model_copy(update={"dedupe_policy": "id+isrc+soft"})
    with shop.store.reading() as connection:
        selection = choose(config, connection, UMBRELLAS)
    assert [i for i, _ in selection.cells()] == [an_id(1)]
    assert selection.count(Fate.MERGED_SOFT) == selection.count(Fate.MERGED_ISRC) == 1
    extra = rows(shop.publish())[an_id(1)]["_extra"]
    assert extra["merged_track_ids"] == [an_id(2)]
    assert extra["soft_merged_track_ids"] == [an_id(3)]
    none = rows(shop.publish("none", dedupe_policy="id"))
    assert len(none) == 3


def test_songs_under_one_code_are_released_and_name_each_other(shop: Shop) -> None:
    other = {"isrc": a_track(1).isrc, "popularity": 70}
    shop.put(
        an_edition(1, popularity=60),
        an_edition(2, name="Song 1 - Remastered", duration_ms=250_000),
        an_edition(3, name="Song 1 (Sped Up)", duration_ms=200_000),
        a_track(4, name="Warm Feet", **other),
        a_track(5),
    )
    released = shop.publish()
    bearers = {an_id(number) for number in (1, 3, 4)}
    found = rows(released)
    assert found.keys() == {*bearers, an_id(5)}
    for track_id, row in found.items():
        others = sorted(bearers - {track_id}) if track_id in bearers else []
        assert row["_extra"]["isrc_shared_with"] == others
    assert found[an_id(1)]["_extra"]["merged_track_ids"] == [an_id(2)]
    told = manifest(released)
    assert told["canonical"]["isrcs"] == 1
    assert told["canonical"]["divided"] == {"isrcs": 1, "tracks": 4, "rows": 3}
    assert told["accounting"]["mergedIsrc"] == 1
    assert contents(shop.publish("again")) == contents(released)
    # Whatever is collapsed, a row names who stands beside it.
    every = rows(shop.publish("every", dedupe_policy="id"))
    assert len(every[an_id(2)]["_extra"]["isrc_shared_with"]) == 3


def test_publishing_again_gives_the_same_bytes_and_the_same_log(shop: Shop) -> None:
    shop.put(an_edition(1), a_track(2))
    shop.publish()
    # The release's choice is refused now, and another edition takes over.
    shop.put(an_edition(3))
    with shop.store.begin() as connection:
        connection.execute(
            sa.update(tables.track)
            .where(tables.track.c.track_id == an_id(1))
            .values(duration_ms=999_000)
        )
        meta.touch(connection)
    first = shop.publish()
    assert manifest(first)["canonical"] == {
        "isrcs": 2,
        "divided": {"isrcs": 0, "tracks": 0, "rows": 0},
        "changed": 1,
        "changes": [
            {
                "isrc": "USUM70000001",
                "before": an_id(1),
                "after": an_id(3),
                "cause": "refused: too_long",
                "reason": "only edition",
            }
        ],
    }
    elsewhere = shop.publish("elsewhere")
    assert contents(elsewhere) == contents(first)
    # Another release has a log of its own.
    shop.put(a_track(4))
    assert manifest(shop.publish())["canonical"]["changed"] == 0


def test_a_reason_is_kept_with_its_entry(shop: Shop) -> None:
    shop.put(an_edition(1, popularity=60), an_edition(2))
    shop.publish()
    query = sa.select(tables.canonical.c.track_id, tables.canonical.c.reason)
    with shop.store.reading() as connection:
        assert connection.execute(query).all() == [(an_id(1), "most popular edition")]
    shop.put(an_edition(2, popularity=90))
    assert list(rows(shop.publish())) == [an_id(1)]
    with shop.store.reading() as connection:
        assert connection.execute(query).all() == [(an_id(1), "most popular edition")]


def test_the_cap_keeps_what_was_released(shop: Shop) -> None:
    shop.put(*(a_track(number, popularity=10) for number in range(6)))
    before = rows(shop.publish(global_cap=6, cell_target=1))
    shop.put(*(a_track(number, popularity=90) for number in range(10, 16)))
    after = rows(shop.publish(global_cap=6, cell_target=1))
    assert before.keys() == after.keys()
    with shop.store.reading() as connection:
        kept = connection.execute(sa.select(tables.release_row.c.track_id)).scalars().all()
    assert sorted(kept) == sorted(after)


def test_an_empty_store_and_one_that_waits(shop: Shop) -> None:
    assert "holds no track" in publish(shop.config)
    shop.put(a_track(1))
    with shop.store.begin() as connection:
        connection.execute(sa.delete(tables.audio_features))
        meta.touch(connection)
    assert "1 tracks wait for their features" in publish(shop.config)


# Votes, suitability and tempo buckets


def silence(shop: Shop) -> None:
    """As if no artist had genres."""
    with shop.store.begin() as connection:
        connection.execute(sa.update(tables.artist).values(genres=None))
        meta.touch(connection)


def plan_seed(shop: Shop, umbrella: str | None, family: str = "umbrella_energy") -> None:
    with shop.store.begin() as connection:
        row = {"term": SEARCH.source_key, "search_type": "track", "market": "US"}
        seeds.register(
            connection,
            [{**row, "family": family, "umbrella": umbrella, "decade": None, "bpm": None}],
        )


def test_without_genres_the_seeds_vote_and_an_unsure_track_fills_no_cell(shop: Shop) -> None:
    shop.put(a_track(1), a_track(2))
    plan_seed(shop, "Rock")
    silence(shop)
    low = rows(shop.publish("low", vote_confidence_min=0.0))
    assert {tuple(row["_extra"]["umbrellas"][:1]) for row in low.values()} == {("Rock",)}
    origins = {row["_extra"]["umbrella_source"] for row in low.values()}
    assert origins <= {"provenance", "mixed", "artist"}
    (confidence,) = {row["_extra"]["umbrella_confidence"] for row in low.values()}
    assert 0 < confidence < 1
    high = rows(shop.publish("high", vote_confidence_min=1.0))
    assert [row["_extra"]["umbrellas"] for row in high.values()] == [[], []]
    # What it rests on and how sure it was is told all the same.
    assert {row["_extra"]["umbrella_source"] for row in high.values()} == origins
    assert {row["_extra"]["umbrella_confidence"] for row in high.values()} == {confidence}


def test_suitability_ranks_and_rejects_only_when_asked(shop: Shop) -> None:
    shop.put(a_track(1), a_track(2))
    plan_seed(shop, "Rock", "trend_feeders")
    with shop.store.begin() as connection:
        connection.execute(
            sa.update(tables.audio_features)
            .where(tables.audio_features.c.track_id == an_id(1))
            .values(tempo=100.0, energy=0.1, danceability=0.1, acousticness=0.9)
        )
        meta.touch(connection)
    # One place only: the track that suits a run takes it.
    capped = rows(shop.publish("capped", global_cap=1))
    assert list(capped) == [an_id(2)]
    both = rows(shop.publish("both"))
    marks = {i: row["_extra"]["run_suitability"] for i, row in both.items()}
    assert marks[an_id(1)] < 0.5 < marks[an_id(2)]
    gated = shop.publish("gated", suitability="gate")
    assert list(rows(gated)) == [an_id(2)]
    document = json.loads((gated / "manifest.json").read_bytes())
    assert document["accounting"]["rejectedByRule"] == {"unsuitable": 1}
    assert verify_release(gated) == []


def test_what_the_file_of_a_family_asks_is_part_of_the_release(shop: Shop, tmp_path: Path) -> None:
    """A family without a line of code, and a release anew when its file asks for something else."""
    seeds_dir = tmp_path / "seeds"
    shutil.copytree(ROOT / "seeds", seeds_dir)
    shop.put(a_track(1), a_track(2))
    plan_seed(shop, "Rock", "hills")
    with shop.store.begin() as connection:
        connection.execute(
            sa.update(tables.audio_features)
            .where(tables.audio_features.c.track_id == an_id(1))
            .values(acousticness=0.9)
        )
        meta.touch(connection)
    given = {"seeds_dir": seeds_dir, "suitability": "gate"}
    for most, kept in ((0.95, [1, 2]), (0.8, [2])):
        text = f"family: hills\nsuitability: {{most_acoustic: {most}}}\n"
        (seeds_dir / "hills.yaml").write_text(text, encoding="utf-8")
        assert sorted(rows(shop.publish(**given))) == sorted(map(an_id, kept))
    (seeds_dir / "hills.yaml").write_text("family: hills\nsuitability: 1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"hills\.yaml:2: key 'suitability'"):
        shop.publish(**given)


def test_tempo_buckets_fold_half_and_double_time(shop: Shop) -> None:
    shop.put(a_track(1), a_track(2), a_track(3))
    with shop.store.begin() as connection:
        for number, tempo in ((1, 85.0), (2, 170.0), (3, None)):
            connection.execute(
                sa.update(tables.audio_features)
                .where(tables.audio_features.c.track_id == an_id(number))
                .values(tempo=tempo)
            )
        meta.touch(connection)
    made = shop.publish()
    buckets = {i: row["_extra"]["tempo_bucket"] for i, row in rows(made).items()}
    assert buckets == {an_id(1): "170-174", an_id(2): "170-174", an_id(3): None}
    document = json.loads((made / "manifest.json").read_bytes())
    assert document["tempoBuckets"] == {"Rock": {"70s": {"170-174": 2}}}
    assert json.loads((made / "tempo_buckets.json").read_bytes()) == document["tempoBuckets"]
    assert verify_release(made) == []


def test_unsound_rows_are_left_out_in_either_database(shop: Shop) -> None:
    shop.put(*(a_track(number) for number in range(8)))
    calm = rows(shop.publish("calm"))
    changes: tuple[tuple[int, sa.Table, dict[str, Any]], ...] = (
        (1, tables.track, {"popularity": 101}),
        (2, tables.track, {"name": "bell\x07"}),
        (3, tables.track, {"preview_url": "ftp://i/x"}),
        (4, tables.track, {"updated_at": 2**40}),
        (5, tables.audio_features, {"tempo": -1.0}),
        (6, tables.audio_features, {"energy": float("inf")}),
    )
    with shop.store.begin() as connection:
        for number, table, values in changes:
            query = sa.update(table).where(table.c.track_id == an_id(number))
            connection.execute(query.values(**values))
        meta.touch(connection)
    latest = shop.publish()
    assert rows(latest) == {an_id(number): calm[an_id(number)] for number in (0, 7)}
    assert manifest(latest)["accounting"]["rejectedByRule"] == {"unsound": 6}


class Recording(Config):
    """A configuration that notes which of its settings are read."""

    _read: set[str] = PrivateAttr(default_factory=set)

    def __getattribute__(self, name: str) -> Any:
        if name in Config.model_fields:
            self._read.add(name)
        return super().__getattribute__(name)


def test_every_setting_that_publishing_reads_says_whether_it_changes_a_release(shop: Shop) -> None:
    shop.put(*map(a_track, range(3)))
    config = Recording(**{**dict(shop.config), "year_coverage_min": 0.0, "suitability": "gate"})
    publish(config)
    # Of a store that holds open metadata, which this one does not.
    open_notes(config, {"tracks": 1})
    fields = Config.model_fields
    undeclared = {
        name for name in config._read if fields[name].json_schema_extra["changes_release"] is None
    }
    assert undeclared == set()
    assert {"market", "decade_from", "global_cap"} <= config._read


@pytest.mark.parametrize("name", sorted(Config.changing_release()))
def test_another_value_of_what_changes_a_release_is_other_input(shop: Shop, name: str) -> None:
    value = getattr(shop.config, name)
    other: Any
    if isinstance(value, bool):
        other = not value
    elif isinstance(value, int | float):
        other = value + 1
    elif name == "content_policy":
        other = ContentPolicy.parse("live=last")
    else:
        other = value[:-1]
    changed = shop.config.model_copy(update={name: other})
    with shop.store.begin() as connection:
        assert input_digest(changed, connection, UMBRELLAS) != input_digest(
            shop.config, connection, UMBRELLAS
        )


SPED_UP, KARAOKE, ON_STAGE = 21, 22, 23


def labelled(shop: Shop) -> None:
    """Songs, and what is something else; one of these by the words of its artist alone."""
    shop.put(*map(a_track, range(10)))
    shop.put(
        a_track(SPED_UP, name="Road - Sped Up", popularity=99),
        a_track(KARAOKE, name="Road (Karaoke Version)"),
        a_track(ON_STAGE, name="Road - Live", duration_ms=300_000),
    )


def test_labels_stand_in_both_files_and_in_the_totals(shop: Shop) -> None:
    labelled(shop)
    latest = shop.publish()
    wide, told = rows(latest), manifest(latest)
    assert wide[an_id(SPED_UP)]["_extra"]["content_labels"] == ["altered"]
    assert wide[an_id(ON_STAGE)]["_extra"]["content_labels"] == ["live"]
    assert wide[an_id(1)]["_extra"]["content_labels"] == []
    assert an_id(KARAOKE) not in wide
    lines = map(orjson.loads, (latest / "cached_tracks.jsonl").read_bytes().splitlines())
    assert {row["id"]: row["_contentLabels"] for row in lines} == {
        one: row["_extra"]["content_labels"] for one, row in wide.items()
    }
    assert told["totals"]["byContentLabel"] == {"altered": 1, "live": 1}
    assert told["accounting"]["rejectedByRule"] == {"content_karaoke": 1}
    assert told["filtersApplied"]["contentPolicy"]["karaoke"] == "reject"


def test_as_long_as_other_tracks_fill_the_cap_none_that_comes_last_is_exported(shop: Shop) -> None:
    labelled(shop)
    assert an_id(SPED_UP) in rows(shop.publish())
    # Ten songs, and one on a stage; the most popular one comes last.
    latest = shop.publish(global_cap=11)
    assert an_id(SPED_UP) not in rows(latest)
    assert len(rows(latest)) == 11
    assert manifest(latest)["accounting"]["balanceRejects"] == 1


def test_the_policy_decides_and_may_change(shop: Shop) -> None:
    labelled(shop)
    policy = ContentPolicy.parse("karaoke=keep,live=reject")
    latest = shop.publish(content_policy=policy)
    assert an_id(KARAOKE) in rows(latest)
    assert manifest(latest)["accounting"]["rejectedByRule"] == {"content_live": 1}


def test_what_names_alone_reject_is_so_whenever_genres_come(shop: Shop) -> None:
    singer = an_artist(77, genres=("indie pop",))
    by_singer = {"artists": (ArtistRef(singer.artist_id, singer.name),)}
    shop.put(*map(a_track, range(3)), a_track(31, name="Rain Sounds", **by_singer))
    with shop.store.begin() as connection:
        artists.save(connection, [singer.artist_id], [singer], NOW)
    shop.put(a_track(32, name="Rain Sounds", isrc=None, **by_singer))
    latest = shop.publish(dedupe_policy="id")
    assert rows(latest).keys() == {an_id(number) for number in range(3)}
    assert manifest(latest)["accounting"]["rejectedByRule"] == {"content_noise": 2}


def test_an_artists_whole_work_speaks_over_all_parts(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    singer = (ArtistRef(an_id(77, "artist"), "Party Tyme"),)
    shop.put(
        *(a_track(n, name=f"Song {n} (Karaoke Version)", artists=singer) for n in range(30, 42)),
        a_track(42, name="Paper Lanterns", artists=singer),
        a_track(43, name="Paper Lanterns", artists=(ArtistRef(an_id(78, "artist"), "Ada Voss"),)),
    )
    # Spans of so few ids that the artist's tracks are told in many of them.
    monkeypatch.setattr(part, "_TRACKS", 2)
    latest = shop.publish()
    assert set(rows(latest)) == {an_id(43)}
    assert manifest(latest)["accounting"]["rejectedByRule"] == {"content_karaoke": 13}
