"""`scrapy fleet`: what is refused, in one line, before anything is stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scrapy.settings import Settings

from runclub_spider.config import Config
from runclub_spider.console import fleet
from runclub_spider.errors import ConfigurationError
from testkit.killer import Launcher
from testkit.places import Place
from tests.e2e.running import launched, one_line

pytestmark = pytest.mark.e2e
# Nothing listens there: what is refused before says something else.
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def refused(launcher: Launcher, place: Place, *argv: str, **env: str) -> str:
    """The line of a command that ends with 2."""
    given = {"DATABASE_URL": NOWHERE, "SPOTIFY_CLIENT_ID": "id", "SPOTIFY_CLIENT_SECRET": "-"}
    done = launched(launcher, "fleet", *argv, env=place.env(**(given | env)))
    assert (done.code, done.out) == (2, "")
    return one_line(done).removeprefix("scrapy fleet: ")


@pytest.mark.parametrize(
    "argv", [("start", "spotify_search"), ("worker",), ("status",), ("stop",)], ids=lambda a: a[0]
)
def test_sqlite_has_one_writer(launcher: Launcher, place: Place, argv: tuple[str, ...]) -> None:
    line = refused(launcher, place, *argv, DATABASE_URL="")
    assert line.startswith("a fleet shares a PostgreSQL store, SQLite has one writer: set DATABASE")
    assert not place.store.exists()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("start",), "say what to do: scrapy fleet start SPIDER"),
        (("begin",), "say what to do: scrapy fleet start SPIDER"),
        (("stop", "spotify_search"), "say what to do: scrapy fleet start SPIDER"),
        (("stop", "-a", "budget=1"), "stop takes no option -a; see scrapy fleet -h"),
        (("status", "--until-idle"), "status takes no option --until-idle"),
        (("worker", "--format", "json"), "worker takes no option --format"),
        (("status", "--format", "xml"), "--format 'xml': there is json, else tables"),
        (("status",), "the store postgresql+psycopg://nobody@127.0.0.1:9/nothing cannot be opened"),
    ],
)
def test_wrong_use(launcher: Launcher, place: Place, argv: tuple[str, ...], told: str) -> None:
    assert refused(launcher, place, *argv).startswith(told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("spotify_seach",), "there is no spider 'spotify_seach'; there are enrich, kexp"),
        (("spotify_search", "-a", "budget"), "-a wants name=value, such as -a budget=600"),
        (("spotify_search", "-a", "budget=0"), "spotify_search: budget: Input should be greater"),
        (("spotify_search", "-a", "max_items=5"), "spotify_search: max_items: there is no such"),
        (("spotify_search", "-a", "family=nope"), "family=nope: no such seed family"),
        (("spotify_search", "-a", "force=seeds"), "spotify_search: force is for one run"),
        (("spotify_playlist", "-a", "deltafetch_reset=1"), "spotify_playlist: deltafetch_reset is"),
        (("kexp", "-a", "dry_run=1"), "kexp: dry_run is for one run, and a plan has many"),
        (("kexp", "-a", "limit=5"), "kexp: limit is for one run"),
        (("kexp",), "kexp: a plan divides a stretch of time among workers; name its start_date"),
        (("kexp", "-a", "start_date=2999-01-01"), "kexp: start_date is not over yet"),
        (("kexp", "-a", "start_date=soon"), "kexp: start_date: not an ISO date"),
    ],
)
def test_a_wrong_order(launcher: Launcher, place: Place, words: tuple[str, ...], told: str) -> None:
    assert told in refused(launcher, place, "start", *words)


def test_an_order_needs_a_key(launcher: Launcher, place: Place) -> None:
    line = refused(launcher, place, "start", "spotify_search", SPOTIFY_CLIENT_ID="")
    assert line.startswith("neither SPOTIFY_ACCOUNTS_FILE nor SPOTIFY_CLIENT_ID is set")


@pytest.mark.parametrize("verb", ["start", "worker"])
def test_accounts_that_cannot_be_used(launcher: Launcher, place: Place, verb: str) -> None:
    path = place.root / "accounts.yaml"
    place.root.mkdir(exist_ok=True)
    path.write_text(json.dumps([{"name": "a", "client_id": "b", "client_secret": "c"}]))
    path.chmod(0o644)
    words = ["spotify_search"] if verb == "start" else []
    line = refused(launcher, place, verb, *words, SPOTIFY_ACCOUNTS_FILE=str(path))
    assert line.endswith(f"run `chmod 600 {path}`")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "find_spec", lambda name: None)
    for act in (
        lambda config: fleet.start(config, Settings(), "enrich", []),
        lambda config: fleet.work(config, [], until_idle=True),
        lambda config: fleet.show(config, None),
        fleet.stop,
    ):
        with pytest.raises(ConfigurationError, match=r"run `make bootstrap EXTRAS=fleet`$"):
            act(Config(database_url=NOWHERE))
