"""Running again: nothing when nothing changed, and only the changes when little did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Launcher
from testkit.places import (
    PLAYLIST,
    SEARCH,
    Place,
    blanked,
    calls,
    contents,
    facts,
    missing,
    problems,
)
from testkit.sandboxes import Sandboxes
from tests.sandbox.asking import Client

pytestmark = pytest.mark.e2e
LISTS, ITEMS = 12, 400
CHANGING = (
    *("crawl", "spotify_playlist", "-a", "max_seeds=3"),
    *("-a", f"top_playlists={LISTS}", "-a", f"max_items={ITEMS}"),
)
# Of the built-in world's lists this change meets some that the crawl above reads.
CHANGE_SEED = 12


def test_an_unchanged_world_is_only_looked_at(
    sandbox: Sandbox, launcher: Launcher, listed: Place
) -> None:
    exported, known = contents(listed.export), facts(listed)
    env = listed.env(sandbox, PLAYLIST_CHECK_AGE="0")
    asked: dict[str, dict[str, int]] = {}
    for name, argv in (
        ("search", SEARCH),
        ("playlist", PLAYLIST),
        ("enrich", ("crawl", "enrich")),
        ("publish", ("publish",)),
    ):
        sandbox.reset_stats()
        child = launcher.run(*argv, env=env)
        assert child.code == 0, child.stderr
        assert "Nothing new to publish" in child.stdout
        asked[name] = calls(sandbox.stats())
    assert asked == {"search": {}, "playlist": {"search_playlist": 2}, "enrich": {}, "publish": {}}
    assert contents(listed.export) == exported
    now = facts(listed)
    assert set(missing(known, now)) <= {"seed"}
    assert set(missing(now, known)) <= {"seed", "page"}


def test_a_round_of_checks_that_is_young_enough_is_trusted(
    sandbox: Sandbox, launcher: Launcher, listed: Place
) -> None:
    sandbox.reset_stats()
    child = launcher.run(*PLAYLIST, env=listed.env(sandbox, PLAYLIST_CHECK_AGE="1"))
    assert child.code == 0, child.stderr
    assert calls(sandbox.stats()) == {}


def served(client: Client, playlists: list[str]) -> dict[str, set[str]]:
    """Track ids of each list as the API serves them now, first `ITEMS` rows."""
    found: dict[str, set[str]] = {}
    for one in playlists:
        rows: list[Any] = []
        while True:
            answer = client.get(
                f"playlists/{one}/tracks", limit=100, offset=len(rows), market="US"
            ).json
            rows += answer["items"]
            if not answer["next"]:
                break
        entries = [row.get("track") or row.get("item") or {} for row in rows if row]
        found[one] = {
            e["id"] for e in entries if e.get("type") == "track" and not e.get("is_local")
        }
    return found


def exported(place: Place) -> dict[str, bytes]:
    """Lines of the release by track id, timestamps blanked."""
    lines = blanked(place.latest)["catalog_wide.jsonl"].splitlines()
    return {json.loads(line)["spotify_track_id"]: line for line in lines}


def featured(*lines: bytes | None) -> bool:
    """Whether a row of the release has audio features in one of its states."""
    return any(line and json.loads(line)["tempo"] is not None for line in lines)


def test_of_a_world_changed_by_one_percent_only_the_changes_are_asked(
    launcher: Launcher, sandboxes: Sandboxes, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place")
    with sandboxes.running() as changing:
        client = Client(changing)
        env = place.env(changing, PLAYLIST_CHECK_AGE="0", PAGE_SIZE="50")
        first = launcher.run(*CHANGING, env=env)
        assert first.code == 0, first.stderr
        lists = place.column("SELECT playlist_id FROM playlist WHERE state = 'read'")
        released, known = exported(place), set(place.column("SELECT track_id FROM track"))
        before = served(client, lists)
        changing.change_world(0.01, CHANGE_SEED)
        after = served(client, lists)
        changed = {one for one in lists if before[one] != after[one]}
        assert changed, "choose another CHANGE_SEED: this one leaves the crawled lists alone"

        changing.reset_stats()
        second = launcher.run(*CHANGING, env=env)
        assert second.code == 0, second.stderr
        asked = calls(changing.stats())

    # The differences are recorded, and they are those of what the API serves.
    recorded = {
        row[0]: (set(json.loads(row[1])), set(json.loads(row[2])))
        for row in place.query("SELECT playlist_id, added, removed FROM playlist_change")
    }
    assert recorded == {
        one: (after[one] - before[one], before[one] - after[one]) for one in changed
    }
    # Requests: the checks, the changed lists, and what came with them.
    checks = asked.pop("search_playlist")
    arrived = set(place.column("SELECT track_id FROM track")) - known
    assert checks == 3
    assert sum(asked.values()) <= 1.2 * (len(changed) + len(arrived))
    assert asked["playlist"] == len(changed)
    # The release differs by them and nothing else.
    now = exported(place)
    touched = {one for added, removed in recorded.values() for one in added | removed}
    differing = {one for one in released.keys() | now.keys() if released.get(one) != now.get(one)}
    print(
        f"{len(changed)} of {len(lists)} lists changed, {len(touched)} tracks came or went, "
        f"{len(arrived)} are new; {checks} checks and {asked}; {len(differing)} rows differ"
    )
    assert differing
    # Tracks with features make room for such without (the coverage gate), and the reverse.
    assert {
        one for one in differing - touched if featured(now.get(one), released.get(one))
    } == set()
    assert problems(place) == []
