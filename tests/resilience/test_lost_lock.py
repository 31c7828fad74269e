"""PostgreSQL: the lock's connection dies in mid-run and a second run comes; one of them writes."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from runclub_sandbox.testing import Sandbox
from runclub_spider.config import Config
from runclub_spider.store.db.address import database_url
from testkit.killer import Action, Launcher
from testkit.places import SEARCH, Place, blanked, calls, problems
from testkit.postgres import running_postgres
from testkit.sweep import Stage

from .test_two_runs import until

pytestmark = [pytest.mark.e2e, pytest.mark.full]


@pytest.fixture
def server() -> Iterator[sa.Engine]:
    with running_postgres() as url:
        engine = sa.create_engine(database_url(Config(database_url=url)))
        yield engine
        engine.dispose()


def value(engine: sa.Engine, query: str) -> object:
    with engine.connect() as connection:
        return connection.scalar(sa.text(query))


@pytest.mark.parametrize("stop", ["committed", "commit"])
def test_the_first_stops_where_the_second_begins(
    stop: str,
    server: sa.Engine,
    stages: dict[str, Stage],
    sandbox: Sandbox,
    launcher: Launcher,
    place: Place,
) -> None:
    sandbox.reset_stats()
    url = server.url.render_as_string(hide_password=False)
    env = place.env(sandbox, DATABASE_URL=url)
    first = launcher.start(*SEARCH, env=env, actions=[Action(stop, 24, "SIGSTOP")])
    until(lambda: "acted" in first.report)
    ended = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    assert value(server, f"{ended} WHERE application_name LIKE 'runclub scrapy crawl%'") == 1
    second = launcher.start(*SEARCH, env=env, actions=[Action("committed", 8, "SIGSTOP")])
    if stop == "committed":
        until(lambda: "acted" in second.report)
    else:
        # It waits for the transaction that the first one has under way.
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        until(lambda: value(server, query) == 1)
        assert value(server, "SELECT count(*) FROM run") == 1
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait() == 75, first.stderr
    until(lambda: "acted" in second.report)
    assert "hold of the store was lost" in first.stderr
    assert "Traceback" not in first.stderr
    assert value(server, "SELECT count(*) FROM run WHERE result IS NOT NULL") == 0
    os.kill(second.pid, signal.SIGCONT)
    assert second.wait() == 0, second.stderr
    assert problems(place) == []
    assert blanked(place.latest) == stages["search"].data
    # What the first had asked and not stored is asked again, as after a kill; nothing else.
    assert value(server, "SELECT count(*) FROM page WHERE state = 'open'") == 0
    more = sum(calls(sandbox.stats()).values()) - sum(stages["search"].calls.values())
    assert 0 <= more <= 12, calls(sandbox.stats())
    assert re.search(r"run 2 .* finished", launcher.run("status", env=env).stdout)
