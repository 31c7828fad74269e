"""Scrapy's own commands on this project: `list`, `check`, `fetch`, `shell`, `parse` and others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.store.db.lock import exclusive
from testkit.places import Place, contents

from .running import ROOT, Run

pytestmark = pytest.mark.e2e
PAGE = "search?q=rock&type=track&market=US&limit=5&offset=0"
LISTS = "search?q=rock&type=playlist&market=US&limit=5&offset=0"
COUNT = "print(response.status, len(response.json()['tracks']['items']))"
SPIDER = """
import scrapy

class One(scrapy.Spider):
    name = "one"

    async def start(self):
        yield scrapy.Request(self.url, self.parse)

    def parse(self, response):
        print("found", len(response.json()["tracks"]["items"]))
"""


# These make a crawler without a crawl.


def spotify(sandbox: Sandbox, path: str) -> str:
    return f"{sandbox.env['SPOTIFY_API_BASE_URL']}/{path}"


def test_the_spiders_are_listed_and_checked(place: Place, run: Run) -> None:
    found = run(place, "list").out.split()
    assert found == ["enrich", "kexp", "spotify_playlist", "spotify_search"]
    assert "OK" in run(place, "check").err
    assert not place.root.exists()


def test_fetch_has_a_token(place: Place, sandbox: Sandbox, run: Run) -> None:
    done = run(place, "fetch", spotify(sandbox, PAGE))
    assert len(json.loads(done.out)["tracks"]["items"]) == 5
    assert "Bearer" not in done.text
    headers = run(place, "fetch", "--headers", spotify(sandbox, PAGE))
    assert "Bearer" not in headers.text


def test_the_shell_has_a_token(place: Place, sandbox: Sandbox, run: Run) -> None:
    done = run(place, "shell", spotify(sandbox, PAGE), "-c", COUNT)
    assert "200 5" in done.out


def test_no_other_address_gets_it(place: Place, sandbox: Sandbox, run: Run) -> None:
    # The same server on another path: it would say what it was sent.
    sandbox.reset_stats()
    run(place, "fetch", f"{sandbox.env['KEXP_BASE_URL']}/plays/?limit=1")
    assert sandbox.stats()["apis"].get("accounts", {"calls": 0})["calls"] == 0


def test_without_a_key_it_is_said_what_is_missing(place: Place, sandbox: Sandbox, run: Run) -> None:
    env = {"SPOTIFY_CLIENT_ID": ""}
    done = run(place, "fetch", spotify(sandbox, PAGE), **env)
    assert "SPOTIFY_CLIENT_ID is not set" in done.err


@pytest.mark.parametrize(
    ("spider", "path", "more", "wanted"),
    [
        ("spotify_search", PAGE, (), "'track_id'"),
        ("spotify_search", PAGE, ("--cbkwargs", '{"task": {"first_row": 5}}'), "'first_row': 5"),
        ("spotify_playlist", LISTS, (), "'playlist_id'"),
        ("spotify_playlist", "playlists/{list}", (), "'track_id'"),
        ("spotify_playlist", "playlists/{list}/tracks?limit=5&offset=0", (), "'track_id'"),
    ],
)
def test_parse_shows_what_the_spider_reads(
    spider: str,
    path: str,
    more: tuple[str, ...],
    wanted: str,
    place: Place,
    small: Place,
    sandbox: Sandbox,
    run: Run,
) -> None:
    if "{list}" in path:
        (known, *_) = small.column("SELECT playlist_id FROM playlist WHERE processed_rows > 0")
        path = path.format(list=known)
    options = ("--spider", spider, "-c", "parse", "--nocolour", *more)
    done = run(place, "parse", spotify(sandbox, path), *options)
    assert wanted in done.out


@pytest.mark.parametrize(
    ("path", "more", "said"),
    [
        (LISTS, (), "spotify_search reads no page like"),
        ("me", (), "spotify_search reads no page like"),
        (PAGE, ("--cbkwargs", '{"task": {"colour": "red"}}'), "colour"),
        (PAGE, ("--cbkwargs", '{"task": 7}'), "task"),
    ],
)
def test_parse_says_what_it_cannot_read(
    path: str, more: tuple[str, ...], said: str, place: Place, sandbox: Sandbox, run: Run
) -> None:
    options = ("--spider", "spotify_search", "-c", "parse", "--nocolour", *more)
    done = run(place, "parse", spotify(sandbox, path), *options)
    assert said in done.err


@pytest.mark.parametrize("command", ["fetch", "shell", "parse", "runspider"])
@pytest.mark.parametrize("there", [False, True])
def test_they_leave_the_store_alone(
    there: bool,
    command: str,
    place: Place,
    small: Place,
    sandbox: Sandbox,
    run: Run,
    tmp_path: Path,
) -> None:
    if there:
        place = small.copy(place.root)
    before = contents(place.root) if there else {}
    script = tmp_path / "one.py"
    script.write_text(SPIDER, encoding="utf-8")
    url = spotify(sandbox, PAGE)
    argv = {
        "fetch": ("fetch", url),
        "shell": ("shell", url, "-c", COUNT),
        "parse": ("parse", url, "--spider", "spotify_search", "-c", "parse"),
        "runspider": ("runspider", str(script), "-a", f"url={url}"),
    }[command]
    done = run(place, *argv, BROWSER="true")
    if command == "runspider":
        assert "found 5" in done.out
    assert (contents(place.root) if there else {}) == before
    assert place.root.exists() == there


@pytest.mark.parametrize("name", ["search", "enrich", "kexp"])
def test_a_spider_of_ours_is_not_run_by_its_file(name: str, place: Place, run: Run) -> None:
    path = ROOT / "runclub_spider" / "spiders" / f"{name}.py"
    done = run(place, "runspider", str(path))
    (said,) = (line for line in done.err.splitlines() if "scrapy crawl" in line)
    assert "nothing was sent" in said
    assert "Traceback" not in done.err
    assert not place.root.exists()


SCRIPT = """\
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.utils.project import get_project_settings

process = AsyncCrawlerProcess(get_project_settings())
process.crawl("spotify_search", **{arguments!r})
process.start()
"""


def by_script(place: Place, sandbox: Sandbox, **arguments: str) -> subprocess.CompletedProcess[str]:
    """A crawl that a person's own script starts."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arguments=arguments)],
        cwd=ROOT,
        env=place.env(sandbox),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_crawl_that_a_script_starts_is_a_run_like_all(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    done = by_script(place, sandbox, max_seeds="2", max_results="40")
    assert done.returncode == 0, done.stderr
    assert place.column("SELECT result FROM run") == ["finished"]
    assert (place.latest / "manifest.json").exists()
    # The store is free again, and what is wrong is said before a request.
    again = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=40")
    assert "Nothing new" in run(place, *again).out
    with exclusive(place.config(), "somebody else"):
        held = by_script(place, sandbox, max_seeds="3")
    assert "another run holds this store (somebody else" in held.stderr
    assert place.column("SELECT count(*) FROM run") == [2]
