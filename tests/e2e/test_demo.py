"""`make demo` as a newcomer has it: no warning, and what it says to paste works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runclub_spider.publish.verify import verify_release

from .running import ROOT, bare_environment

pytestmark = [pytest.mark.e2e, pytest.mark.full]

# What a user who crawls for real has in `.env`; one line of it would end any command.
SETTINGS = """\
SPOTIFY_CLIENT_ID=0123456789abcdef0123456789abcdef
SPOTIFY_PROFILE=development
DATABASE_URL=sqlite:///mine/songs.sqlite
EXPORT_DIR=mine/export
MARKET=SE
MIN_TRACKS=1000000
OPEN_METADATA_CONTACT=owner@example.org
"""
BROKEN = "this is no assignment\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's root with everything of the checkout but what was made in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("runclub_spider", "runclub_sandbox", "seeds", "scrapy.cfg"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def demo(project: Path, **env: str) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "runclub_spider.console.demo"],
        cwd=project,
        env=bare_environment() | {"COLUMNS": "80"} | env,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    for sign in ("warning", "traceback", "error"):
        assert sign not in (found.stdout + found.stderr).lower(), found.stdout + found.stderr
    return found.stdout


def printed(out: str) -> list[str]:
    """The commands at its end, continued lines put together."""
    tail = out[out.index("Look around") :]
    assert max(map(len, tail.splitlines())) <= 80
    block = re.sub(r"\\\n\s*", "", tail.partition("\n\n")[2])
    return [line.strip() for line in block.splitlines() if line.strip()]


def test_the_demo_and_what_it_says_to_paste(project: Path) -> None:
    (project / ".env").write_text(SETTINGS + BROKEN)
    out = demo(project)
    assert verify_release(project / "export" / "latest") == []
    assert not (project / "mine").exists()
    assert len(printed(out)) == 3
    # Again, on what is there.
    status, explain, verify = printed(demo(project))
    told = {}
    for command in (status, explain, verify):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=project,
            env=bare_environment(),
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        told[command] = done.stdout
    assert "data from sandbox" in told[status]
    assert re.search(r"release \d{4}-\d\d-\d\d-[0-9a-f]{8}-sandbox", told[status])
    assert "In the release" in told[explain]
    assert "playable in US: yes" in told[explain]
    assert told[verify].startswith("ok: ")
    assert not (project / "mine").exists()
