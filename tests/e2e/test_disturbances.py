"""Faults, pauses, tokens, signals and the other regime: the same result, or a clean stop."""

from __future__ import annotations

import gzip
import re
import sqlite3
import time
import zlib
from base64 import b64encode
from contextlib import closing
from secrets import token_urlsafe
from typing import Any

import pytest

from runclub_spider.sandbox.options import SandboxOptions
from runclub_spider.sandbox.testing import Sandbox, running_sandbox
from tests.resilience.killer import Action, Launcher
from tests.resilience.running import Place, blanked, contents, ids_repeated, repeated

from .running import Done, Run, asked, ids, launched, manifest

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


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("500", {}),
        ("503", {}),
        ("429", {"retry_after_form": "seconds"}),
        ("429", {"retry_after_form": "date"}),
        ("truncated", {}),
        ("reset", {}),
        ("expired", {}),
    ],
)
def test_faults_change_nothing(
    kind: str, options: dict[str, Any], calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(faults={kind: 0.08}, **options)
    run(place, *SEARCH, **QUICK)
    stats = sandbox.stats()
    assert sum(found.get(kind, 0) for found in stats["faults"].values()) > 0
    assert blanked(place.latest) == blanked(calm.latest)
    # What was answered whole is not asked again, and no Retry-After is run into.
    assert repeated(stats) == 0
    assert [api["inside_window"] for api in stats["apis"].values() if api["inside_window"]] == []


@pytest.mark.parametrize("api", ["spotify", "reccobeats"])
def test_an_api_that_keeps_failing_is_put_off(
    api: str, calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    # The regime is known, so that the failure meets pages and batches.
    known = {"SPOTIFY_PROFILE": "extended", "API_RETRIES": "1", "API_BACKOFF_SECONDS": "0.01"}
    sandbox.configure(faults={f"{api}:500": 1})
    done = run(place, *SEARCH, code=75, **known)
    assert "same command" in done.err
    assert not place.latest.exists()
    sandbox.configure(faults={})
    run(place, *SEARCH, **known)
    assert ids(place) == ids(calm)
    assert repeated(sandbox.stats()) == 0


@pytest.mark.parametrize(
    "trouble",
    [
        {"faults": {"spotify:429": 1}, "fault_retry_after": 86_400},
        {"faults": {"spotify:429": 1}, "fault_retry_after": 86_400, "retry_after_form": "date"},
        {"daily_quota": {"search": 3}},
    ],
    ids=["seconds", "date", "quota"],
)
def test_a_long_refusal_ends_the_run_and_is_remembered(
    trouble: dict[str, Any], calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(reset_limits=True, **trouble)
    begin = time.monotonic()
    done = run(place, *SEARCH, code=75)
    assert time.monotonic() - begin < 20
    assert re.search(r"resumes after \d{4}-\d\d-\d\d \d\d:\d\d UTC", done.err), done.err
    assert not place.latest.exists()
    # Once a refusal is known nothing is sent, whatever the API would say now.
    sandbox.configure(reset_limits=True, faults={}, daily_quota={})
    sandbox.reset_stats()
    done = run(place, *SEARCH, code=75)
    assert asked(sandbox).keys() <= {"artists", "recco_features", "token"}
    assert "until" in done.err or "resumes after" in done.err
    assert not place.latest.exists()
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
    sandbox.configure(faults={})
    sandbox.reset_stats()
    run(place, "crawl", "enrich", code=75)
    assert "recco_features" not in asked(sandbox)
    forgive(place)
    run(place, "crawl", "enrich")
    assert blanked(place.latest) == blanked(calm.latest)


# Tokens


def test_short_lived_tokens_are_renewed_one_at_a_time(
    calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(token_lifetime=1, latency_ms=60)
    run(place, *SEARCH, SPOTIFY_CONCURRENCY="8")
    stats = sandbox.stats()["apis"]
    assert stats["accounts"]["calls"] > 1
    assert stats["accounts"]["max_parallel"] == 1
    assert "401" not in stats["spotify"]["by_status"]
    assert ids(place) == ids(calm)


def test_one_renewal_however_many_were_refused(
    calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    # A call in five ends its token, also for the calls beside it.
    sandbox.configure(faults={"spotify:expired": 0.2}, latency_ms=20)
    run(place, *SEARCH, SPOTIFY_CONCURRENCY="8", **QUICK)
    stats = sandbox.stats()["apis"]
    assert stats["accounts"]["max_parallel"] == 1
    assert stats["accounts"]["calls"] - 1 <= stats["spotify"]["by_status"]["401"]
    assert ids(place) == ids(calm)


def test_client_credentials_suffice(calm: Place, place: Place, run: Run) -> None:
    run(place, *SEARCH, SPOTIFY_REFRESH_TOKEN="")
    assert blanked(place.latest) == blanked(calm.latest)


# Signals


@pytest.mark.parametrize(("kind", "at"), [("commit", 12), ("committed", 25)])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stopped_run_is_finished_by_the_same_command(
    name: str, kind: str, at: int, calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    done = run(place, *SEARCH, code=75, actions=[Action(kind, at, name)])
    assert "same command" in done.err
    assert not place.latest.exists()
    run(place, *SEARCH)
    assert blanked(place.latest) == blanked(calm.latest)
    # A stopped run waits for what is under way, so nothing is asked twice.
    assert repeated(sandbox.stats()) == 0


def test_a_killed_run_is_finished_by_the_same_command(
    calm: Place, place: Place, sandbox: Sandbox, launcher: Launcher, run: Run
) -> None:
    child = launcher.start(*SEARCH, env=place.env(sandbox), actions=[Action("committed", 20)])
    assert child.wait() == -9
    assert not place.latest.exists()
    run(place, *SEARCH)
    assert blanked(place.latest) == blanked(calm.latest)
    # At most what was in flight, or answered and not yet stored.
    under_way = sum(child.report["under_way"].values())
    assert repeated(sandbox.stats()) <= 4 + 2 + under_way


# The development regime


@pytest.mark.parametrize("profile", ["auto", "development"])
def test_a_development_key(profile: str, place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(regime="development")
    env = {"SPOTIFY_PROFILE": profile, "PAGE_SIZE": "0"}
    run(place, "crawl", "spotify_search", "-a", "max_seeds=3", "-a", "max_results=40", **env)
    refused = sandbox.stats()["refused_by_regime"]
    assert sum(refused.values()) == (1 if profile == "auto" else 0)
    assert asked(sandbox).keys() == {"search_track", "recco_features", "token"}
    done = run(place, *PLAYLIST, **env)
    assert "1 playlist seeds yield nothing" in done.out
    assert sandbox.stats()["refused_by_regime"] == refused
    assert asked(sandbox).keys() == {"search_track", "recco_features", "token"}
    run(place, "verify", str(place.latest))
    found = manifest(place)
    assert found["spotify"]["profile"] == "development"
    assert any("development key" in note for note in found["notes"])
    assert found["totals"]["tracks"] > 50


# Secrets

# The sandbox's access tokens; a hash in hex has no capitals.
TOKEN = re.compile(rb"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{64}(?![\w-])")


def secrets_in(data: bytes) -> list[bytes]:
    options = SandboxOptions()
    pair = f"{options.client_id}:{options.client_secret}".encode()
    known = (options.client_secret.encode(), options.refresh_token.encode(), b64encode(pair))
    found = [secret for secret in known if secret in data]
    return found + TOKEN.findall(data) + re.findall(rb"(?:Bearer|Basic) [\w+/=-]{8,}", data)


def test_no_secret_leaves_the_process(place: Place, sandbox: Sandbox, run: Run) -> None:
    assert len(secrets_in(f"the token {token_urlsafe(48)}\n".encode())) == 1
    sandbox.configure(faults={"500": 0.1, "reset": 0.1, "spotify:expired": 0.2})
    done: list[Done] = []
    for argv in (SEARCH, PLAYLIST):
        done.append(run(place, *argv, "-L", "DEBUG", **QUICK))
        assert "DEBUG" in done[-1].text
    for one in done:
        assert secrets_in(one.text.encode()) == []
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        data = path.read_bytes()
        assert secrets_in(data) == [], path.name
        if path.suffix == ".gz":
            assert secrets_in(gzip.decompress(data)) == [], path.name
    raw = place.column("SELECT raw FROM page WHERE raw IS NOT NULL")
    assert raw
    assert secrets_in(b"\n".join(map(zlib.decompress, raw))) == []


def test_a_changed_world_makes_a_new_release(place: Place, run: Run) -> None:
    """A list that changed is read again; releases made before stay."""
    with running_sandbox() as own:
        env = {**own.env, "PLAYLIST_CHECK_AGE": "0"}
        run(place, *PLAYLIST, **env)
        before = contents(place.latest)
        first = place.latest.readlink()
        own.change_world(1.0, 3)
        own.reset_stats()
        run(place, *PLAYLIST, **env)
        assert own.stats()["apis"]["spotify"]["families"]["playlist"]["calls"] > 0
        assert ids_repeated(own.stats())["recco_features"] == {}
    assert place.latest.readlink() != first
    assert contents(place.export / first) == before
    run(place, "verify", str(place.latest))
