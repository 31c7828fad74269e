"""What `scrapy forget` does to files beside the store."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.console.forget import forget
from runclub_spider.spiders.backlog import new_songs, write_backlog
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import song
from runclub_spider.store.facts import tracks
from testkit.making import POLICY, SEARCH, a_track, an_id, found

CODE = "USUM70000001"


def test_the_backlog_of_a_station_is_written_anew(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    store = Store.open(config)
    with store.begin() as connection:
        tracks.save(connection, [found(a_track(1))], SEARCH, policy=POLICY, run_id=1, now=100)
        names = {"title": "Song 1", "artist": "Artist 1", "source": "kexp"}
        connection.execute(
            sa.insert(song), {**names, "id": "s", "track_id": an_id(1), "isrc": CODE}
        )
        write_backlog(connection, "kexp", tmp_path)
    store.close()
    file = tmp_path / new_songs("kexp")
    before = file.read_text()
    assert an_id(1) in before
    assert CODE in before
    forget(config, "track", an_id(1))
    after = file.read_text()
    assert "Song 1" in after
    assert an_id(1) not in after
    assert CODE not in after
