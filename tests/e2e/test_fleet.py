"""A fleet with the real commands: what several workers find is what one finds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox
from testkit.places import Place
from testkit.postgres import running_postgres
from testkit.sandboxes import Sandboxes

from .running import ROOT, scrapy
from .test_kexp_postgres import content

pytestmark = [pytest.mark.e2e, pytest.mark.full]
NAMES = ("anna", "ben", "cora")
FILES = ("catalog_wide", "cached_tracks", "audio_features", "cached_artists")
SEARCH = ("spotify_search", "-a", "max_seeds=6", "-a", "max_results=60")
DAYS = ("kexp", "-a", "start_date=2026-03-06", "-a", "end_date=2026-03-09")


@pytest.fixture
def url() -> Iterator[str]:
    with running_postgres() as found:
        yield found


@pytest.fixture
def three(sandboxes: Sandboxes) -> Iterator[Sandbox]:
    """A sandbox with three keys."""
    with sandboxes.running(SandboxOptions(clients=3, latency_ms=10)) as found:
        yield found


def fleet_env(place: Place, sandbox: Sandbox, url: str) -> Mapping[str, str]:
    """Three accounts and no key of one's own."""
    place.root.mkdir(exist_ok=True)
    path = place.root / "accounts.yaml"
    path.write_text(
        json.dumps(
            [
                {
                    "name": name,
                    "client_id": key.client_id,
                    "client_secret": key.client_secret,
                    "refresh_token": key.refresh_token,
                }
                for name, key in zip(NAMES, SandboxOptions(clients=3).keys, strict=True)
            ]
        )
    )
    path.chmod(0o600)
    own = ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET", "SPOTIFY_REFRESH_TOKEN")
    more = {**dict.fromkeys(own, ""), "DATABASE_URL": url, "SPOTIFY_ACCOUNTS_FILE": str(path)}
    return place.env(sandbox, **more)


def done(env: Mapping[str, str], *words: str, workers: int = 3) -> str:
    """A plan ordered and done by some workers; what they said."""
    ordered = scrapy("fleet", "start", *words, env=env)
    assert ordered.code == 0, ordered.text
    argv = [sys.executable, "-m", "scrapy", "fleet", "worker", "--until-idle"]
    # Into files: a pipe that nobody reads would hold them up.
    said = [Path(env["CACHE_DIR"]).parent / f"worker-{number}" for number in range(workers)]
    started = []
    for path in said:
        with path.open("wb") as file:
            started.append(
                subprocess.Popen(argv, cwd=ROOT, env=dict(env), stdout=file, stderr=file)
            )
    try:
        codes = [one.wait(240) for one in started]
    finally:
        for one in started:
            one.kill()
    told = "\n".join(path.read_text() for path in said)
    assert codes == [0] * workers, told
    return told


def blanked(place: Place, name: str) -> bytes:
    text = (place.latest / f"{name}.jsonl").read_bytes()
    return re.sub(rb"\d{4}-\d\d-\d\dT[\d:]{8}Z", b"T", text)


def test_three_accounts_find_what_one_finds(tmp_path: Path, three: Sandbox, url: str) -> None:
    fleet, alone = Place(tmp_path / "fleet"), Place(tmp_path / "alone")
    env = fleet_env(fleet, three, url)
    done(env, *SEARCH)
    stats = three.stats()
    assert {name for name, one in stats["clients"].items() if one["calls"]} <= {
        "sandbox-client",
        "sandbox-client-2",
        "sandbox-client-3",
    }
    assert [page for page in stats["pages_repeated"] if "/api/token" not in page] == []
    facts = json.loads(scrapy("fleet", "status", "--format", "json", env=env).out)
    assert [one["state"] for one in facts["jobs"]] == ["done"] * 5
    assert facts["plan"]["pages"] == {"leased": 0, "open": 0, "done": 18}
    single = scrapy("crawl", *SEARCH, env=alone.env(three))
    assert single.code == 0, single.text
    for name in FILES:
        assert blanked(fleet, name) == blanked(alone, name), name
        assert blanked(fleet, name).count(b"\n") > 100
    assert os.fspath(fleet.root) not in scrapy("fleet", "status", env=env).out


def test_windows_of_a_station_are_the_whole_reading(
    tmp_path: Path, three: Sandbox, url: str
) -> None:
    fleet, alone = Place(tmp_path / "fleet"), Place(tmp_path / "alone")
    told = done(fleet_env(fleet, three, url), *DAYS, workers=4)
    assert told.count("done, exit code 0") == 4
    single = scrapy("crawl", *DAYS, env=alone.env(three))
    assert single.code == 0, single.text
    assert content(url) == content(f"sqlite:///{alone.store}")
    name = "kexp_new_songs.jsonl"
    assert (fleet.cache / name).read_bytes() == (alone.cache / name).read_bytes()
