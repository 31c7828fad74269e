"""PostgreSQL as the store: the same release, byte for byte, as from SQLite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import running_sandbox
from testkit.postgres import running_postgres

ROOT = Path(__file__).parents[1]
FILES = ("catalog_wide", "cached_tracks", "audio_features", "cached_artists")
COMMANDS = (
    ("crawl", "spotify_search", "-a", "max_seeds=3", "-a", "max_results=100"),
    ("crawl", "spotify_playlist", "-a", "max_seeds=2", "-a", "top_playlists=2"),
    ("crawl", "enrich", "-a", "only=open_metadata"),
)
# Fields that no answer, or not every one, carries any more.
VANISHED = {
    "track.is_playable": 1.0,
    "track.duration_ms": 0.5,
    "artist.name": 0.2,
    "audio_features.tempo": 0.1,
}


def _blanked(path: Path) -> bytes:
    return re.sub(rb"\d{4}-\d\d-\d\dT[\d:]{8}Z", b"T", path.read_bytes())


@pytest.mark.full
@pytest.mark.e2e
@pytest.mark.parametrize("withhold", [{}, VANISHED], ids=["whole", "vanished"])
def test_both_databases_give_the_same_release(tmp_path: Path, withhold: dict[str, float]) -> None:
    options = SandboxOptions(port=0, withhold=withhold)
    with running_postgres() as url, running_sandbox(options) as sandbox:
        for name, store in (("pg", url), ("lite", f"sqlite:///{tmp_path}/lite.sqlite")):
            env = {
                **os.environ,
                **sandbox.env,
                "OPEN_METADATA_CONTACT": "owner@example.org",
                "DATABASE_URL": store,
                "CACHE_DIR": str(tmp_path / f"{name}-cache"),
                "EXPORT_DIR": str(tmp_path / name),
            }
            for command in COMMANDS:
                done = subprocess.run(
                    [sys.executable, "-m", "scrapy", *command],
                    cwd=ROOT,
                    env=env,
                    capture_output=True,
                    text=True,
                    encoding="utf-8",
                    check=False,
                )
                assert done.returncode == 0, done.stderr
    for name in FILES:
        ours = _blanked(tmp_path / "pg" / "latest" / f"{name}.jsonl")
        assert ours == _blanked(tmp_path / "lite" / "latest" / f"{name}.jsonl")
        assert ours.count(b"\n") > 100
