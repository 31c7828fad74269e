"""Faults, pauses, tokens, signals and the other regime: the same result, or a clean stop."""

from __future__ import annotations

import gzip
import re
import sqlite3
import time
import zlib
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox
from testkit.killer import Launcher
from testkit.places import Place, blanked
from testkit.sandboxes import Sandboxes

from .running import Done, Run, asked, ids, launched, manifest, one_line

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=4", "-a", "max_results=100")
PLAYLIST = ("crawl", "spotify_playlist", "-a", "max_seeds=1", "-a", "top_playlists=2")
# Backing off costs the tests nothing but time.
QUICK = {"API_BACKOFF_SECONDS": "0.01", "API_RETRIES": "8"}


@pytest.fixture(scope="module")
def calm(served: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The track search without any disturbance; not to be changed."""
    place = Place(tmp_path_factory.mktemp("calm") / "place")
    done = launched(launcher, *SEARCH, env=place.env(served))
    assert done.code == 0, done.text
    return place


NO_TROUBLE: dict[str, Any] = {"reset_limits": True, "faults": {}, "daily_quota": {}}


def test_a_quota_ends_the_run_and_the_same_command_finishes(
    calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(reset_limits=True, daily_quota={"search": 3})
    done = run(place, *SEARCH, code=75)
    assert re.search(r"resumes after \d{4}-\d\d-\d\d \d\d:\d\d UTC", done.err), done.err
    assert not place.latest.exists()
    sandbox.configure(**NO_TROUBLE)
    sandbox.reset_stats()
    run(place, *SEARCH, code=75)
    assert asked(sandbox).keys() <= {"artists", "recco_features", "token"}
    forgive(place)
    run(place, *SEARCH)
    assert blanked(place.latest) == blanked(calm.latest)


def forgive(place: Place) -> None:
    """As if the announced time had come."""
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute("UPDATE api_block SET blocked_until = 1")


def test_a_long_refusal_of_reccobeats_keeps_what_was_found(
    calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(faults={"reccobeats:429": 1}, fault_retry_after=86_400)
    done = run(place, *SEARCH, code=75)
    assert "reccobeats" in done.err
    # Discovery does not depend on it.
    assert place.query("SELECT count(*) FROM track") == calm.query("SELECT count(*) FROM track")
    sandbox.configure(**NO_TROUBLE)
    sandbox.reset_stats()
    run(place, "crawl", "enrich", code=75)
    assert "recco_features" not in asked(sandbox)
    forgive(place)
    run(place, "crawl", "enrich")
    assert blanked(place.latest) == blanked(calm.latest)


# Tokens


def test_short_lived_tokens_are_renewed_one_at_a_time(
    place: Place, sandbox: Sandbox, run: Run, tmp_path: Path
) -> None:
    few = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=20")
    calm = Place(tmp_path / "calm")
    run(calm, *few)
    sandbox.reset_stats()
    # What a page brought is asked after it, by then with a second token.
    sandbox.configure(token_lifetime=1, latency_ms=800)
    run(place, *few, SPOTIFY_CONCURRENCY="8")
    stats = sandbox.stats()["apis"]
    assert stats["accounts"]["calls"] > 1
    assert stats["accounts"]["max_parallel"] == 1
    assert "401" not in stats["spotify"]["by_status"]
    assert ids(place) == ids(calm)


def asks(sandbox: Sandbox, family: str, calls: int) -> None:
    """Wait until a family was asked that often."""
    end = time.monotonic() + 30
    while asked(sandbox).get(family, 0) < calls:
        assert time.monotonic() < end, asked(sandbox)
        time.sleep(0.02)


def test_one_renewal_however_many_were_refused(
    calm: Place, place: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    # Long enough that all eight are on their way at once, also on a busy machine.
    sandbox.configure(latency_ms=300)
    child = launcher.start(*SEARCH, env=place.env(sandbox, SPOTIFY_CONCURRENCY="8"))
    asks(sandbox, "search_track", 5)
    sandbox.configure(expire_tokens=True)
    assert child.wait() == 0, child.stderr
    stats = sandbox.stats()["apis"]
    assert stats["spotify"]["by_status"]["401"] > 1
    assert stats["accounts"]["calls"] == 2
    assert ids(place) == ids(calm)


def test_a_grant_revoked_in_mid_run_is_told_in_one_line(
    place: Place, launcher: Launcher, sandboxes: Sandboxes
) -> None:
    with sandboxes.running(SandboxOptions(latency_ms=200)) as own:
        child = launcher.start(*SEARCH, env=place.env(own))
        # Artists are being asked as well when the token goes.
        asks(own, "artists", 1)
        own.configure(expire_tokens=True, revoke_refresh_tokens=True)
        code = child.wait()
    assert "scrapy auth" in one_line(Done(code, child.stdout, child.stderr))
    assert code == 2
    assert not place.latest.exists()


def test_client_credentials_suffice(calm: Place, place: Place, run: Run) -> None:
    run(place, *SEARCH, SPOTIFY_REFRESH_TOKEN="")
    assert blanked(place.latest) == blanked(calm.latest)


# The probe


@pytest.mark.parametrize("regime", ["extended", "development"])
@pytest.mark.parametrize("budget", [(), ("-a", "budget=1")])
def test_the_probe_of_the_key_is_a_page_of_the_plan(
    regime: str, budget: tuple[str, ...], place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(regime=regime)
    env = {"PAGE_SIZE": "0", "MIN_TRACKS": "1"}
    few = ("-a", "max_seeds=2", "-a", "max_results=60")
    run(place, "crawl", "spotify_search", *few, *budget, **env)
    refused = sum(sandbox.stats()["refused_by_regime"].values())
    assert refused == (regime == "development")
    with closing(sqlite3.connect(place.store)) as store:
        (stored,) = store.execute("SELECT count(*) FROM page WHERE state = 'done'").fetchone()
    assert asked(sandbox)["search_track"] == stored + refused
    if budget:
        assert stored == 1 - refused


# The development regime


@pytest.mark.parametrize("profile", ["auto", "development"])
def test_a_development_key(profile: str, place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(regime="development")
    env = {"SPOTIFY_PROFILE": profile, "PAGE_SIZE": "0"}
    run(place, "crawl", "spotify_search", "-a", "max_seeds=3", "-a", "max_results=40", **env)
    refused = sandbox.stats()["refused_by_regime"]
    assert sum(refused.values()) == (1 if profile == "auto" else 0)
    families = {"search_track", "artist", "recco_features", "recco_track", "token"}
    assert asked(sandbox).keys() == families
    # One artist tells that records carry no genres; the others are not asked.
    assert asked(sandbox)["artist"] == 1
    before = asked(sandbox)
    done = run(place, *PLAYLIST, **env)
    assert "1 playlist seeds yield nothing" in done.out
    assert sandbox.stats()["refused_by_regime"] == refused
    assert asked(sandbox) == before
    run(place, "verify", str(place.latest))
    found = manifest(place)
    assert found["spotify"]["profile"] == "development"
    assert any("development key" in note for note in found["notes"])
    assert found["totals"]["tracks"] > 50


# Secrets

# The sandbox's access tokens; a hash in hex has no capitals.
TOKEN = re.compile(r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{64}(?![\w-])")


def secrets_in(text: str) -> list[str]:
    options = SandboxOptions()
    pair = b64encode(f"{options.client_id}:{options.client_secret}".encode()).decode()
    known = (options.client_secret, options.refresh_token, pair)
    found = [secret for secret in known if secret in text]
    return found + TOKEN.findall(text) + re.findall(r"(?:Bearer|Basic) [\w+/=-]{8,}", text)


def readable(path: Path) -> str:
    """Everything a file holds, unpacked."""
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            rows = [
                row for (name,) in tables for row in connection.execute(f'SELECT * FROM "{name}"')
            ]
            assert rows
            packed = [value for row in rows for value in row if isinstance(value, bytes)]
            # The store packs the answers that it keeps; a kept selection's tracks are plain bytes.
            if path.name == "runclub.sqlite":
                packed = [zlib.decompress(one) for one in packed]
                assert packed
            pages = [one.decode("utf-8", "replace") for one in packed]
            return "\n".join([*connection.iterdump(), *pages])
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")


def test_a_storm_of_faults_changes_nothing_and_tells_nothing(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    """Everything at once: errors, refusals, cut answers, resets, and tokens that die young."""
    free = Place(place.root.with_name("free"))
    argv = (*SEARCH[:2], "-a", "max_seeds=8", "-a", "max_results=100")
    run(free, *argv)
    sandbox.reset_stats()
    sandbox.configure(
        # One token is ended by a fault: a run may be too quick for one of three seconds.
        faults={"500": 0.05, "429": 0.05, "truncated": 0.02, "reset": 0.01, "expired": 0.006},
        token_lifetime=3,
        latency_ms=60,
    )
    done = run(place, *argv, "-L", "DEBUG", **QUICK)
    stats = sandbox.stats()
    kinds = {kind for found in stats["faults"].values() for kind in found}
    print(f"{stats['faults']}, {stats['apis']['accounts']['calls']} tokens")
    assert kinds >= {"500", "429"}
    assert stats["apis"]["accounts"]["calls"] > 1
    assert ids(place) == ids(free)
    assert {api: found["inside_window"] for api, found in stats["apis"].items()} == dict.fromkeys(
        stats["apis"], 0
    )
    assert secrets_in(done.text) == []
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert {path.name: found for path in files if (found := secrets_in(readable(path)))} == {}


def test_no_secret_leaves_the_process(place: Place, sandbox: Sandbox, run: Run) -> None:
    assert len(secrets_in(f"the token {token_urlsafe(48)}\n")) == 1
    sandbox.configure(faults={"500": 0.1, "reset": 0.1})
    for argv in (SEARCH, PLAYLIST):
        done = run(place, *argv, "-L", "DEBUG", **QUICK)
        assert "DEBUG" in done.text
        assert secrets_in(done.text) == []
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert {path.name: found for path in files if (found := secrets_in(readable(path)))} == {}
