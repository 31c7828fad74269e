"""`scrapy store copy`: what is released from a copy is the same, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import running_sandbox
from testkit.places import CONTACT, OPEN, PLAYLIST, SEARCH, Place
from testkit.postgres import running_postgres

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.e2e


def scrapy(*argv: str, env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *argv],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def released(place: Place, env: dict[str, str]) -> dict[str, bytes]:
    """Every file of the release that is made of a store now."""
    scrapy("publish", env={**env, "SOURCE_DATE_EPOCH": "1764374400"})
    return {
        path.relative_to(place.latest).as_posix(): path.read_bytes()
        for path in sorted(place.latest.rglob("*"))
        if path.is_file()
    }


@pytest.mark.full
def test_the_release_of_a_copy_is_the_same(tmp_path: Path) -> None:
    """From a file to a server and back to a file, after releases were made of the first."""
    first = Place(tmp_path / "first")
    with running_sandbox(SandboxOptions(port=0)) as sandbox:
        for command in (SEARCH, PLAYLIST, OPEN, ("crawl", "kexp", "-a", "page_limit=3")):
            scrapy(*command, env=first.env(sandbox, **CONTACT))
    with running_postgres() as url:
        copies = {"server": url, "back": f"sqlite:///{tmp_path}/back.sqlite"}
        env = first.env()
        wanted = released(
            Place(tmp_path / "anew"), {**env, "EXPORT_DIR": f"{tmp_path}/anew/export"}
        )
        assert len(wanted) > 20
        for name, address in copies.items():
            said = scrapy("store", "copy", address, env=env)
            assert said.startswith("Copied ")
            place = Place(tmp_path / name)
            env = place.env(DATABASE_URL=address)
            found = released(place, env)
            assert [one for one in wanted if found.get(one) != wanted[one]] == []
            assert found.keys() == wanted.keys()
