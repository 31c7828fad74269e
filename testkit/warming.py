"""What the first crawl and release of a process make anew, made before others are forked."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from runclub_spider.apis.reccobeats.parser import WireFeaturesAnswer
from runclub_spider.apis.spotify.models import WireArtists, WireEntryPage, WireTrackSearch
from runclub_spider.apis.wire import read_exact
from runclub_spider.config import Config
from runclub_spider.publish.write.release import publish
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.facts import artists, features, tracks
from runclub_spider.store.queue import pages
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from testkit.forks import ROOT
from testkit.making import POLICY, SEARCH, a_track, an_artist, found
from testkit.making import features as some_features

_NOW = 1_767_225_600


def warm_up() -> None:
    """Read, store, publish, publish again and show: patterns, statements and templates are kept."""
    for model in (WireTrackSearch, WireEntryPage, WireArtists, WireFeaturesAnswer):
        read_exact(model, b"{}")
    with TemporaryDirectory() as folder:
        config = Config(
            cache_dir=Path(folder) / "cache",
            export_dir=Path(folder) / "export",
            seeds_dir=ROOT / "seeds",
            year_coverage_min=0,
        )
        for number in range(2):
            _store_page(config, number)
            publish(config)
    table = Table("one", title="warm")
    table.add_row("two")
    Console(file=io.StringIO()).print(table)


def _store_page(config: Config, number: int) -> None:
    """A search's page of twelve tracks with all that completes them."""
    key = (SEARCH.source_key, POLICY.market, 50 * number, 50)
    task = PageTask("spotify_search", PageKind.TRACK_SEARCH, *key, "g1", number)
    new = [a_track(12 * number + at) for at in range(12)]
    people = [an_artist(at) for at in range(5)]
    rows = [found(track, at) for at, track in enumerate(new)]
    known = [some_features(track.track_id) for track in new]
    store = Store.open(config)
    with store.begin() as connection:
        for name in ("source|spotify", "source|reccobeats"):
            meta.put(connection, name, "sandbox")
        meta.put(connection, "profile", "extended")
        pages.plan(connection, [task])
        tracks.save(connection, rows, SEARCH, policy=POLICY, run_id=1, now=_NOW)
        counts = PageCounts(track_rows=len(rows))
        pages.mark_done(connection, task, counts=counts, run_id=1, now=_NOW)
        features.save(connection, known, [], version="1", gap_seconds=1, now=_NOW)
        artists.save(connection, [one.artist_id for one in people], people, _NOW)
        meta.touch(connection)
    store.close()
