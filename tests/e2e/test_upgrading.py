"""A store, a release and a `.env` of an earlier version, in the hands of this one's commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.publish.write.up_to_date import FORM
from testkit.killer import Launcher
from testkit.places import Place, problems
from tests.fixtures import unpacked

from .running import ROOT, Run, bare_environment, launched, manifest

pytestmark = pytest.mark.e2e
# As the run was called that was killed; it had asked full pages.
KILLED = ("crawl", "spotify_search", "-a", "max_seeds=8", "-a", "max_results=30")
AS_THEN = {"PAGE_SIZE": "", "PLAYLIST_CHECK_AGE": "", "FEATURE_COVERAGE_MIN": "0.5"}


@pytest.fixture
def old(tmp_path: Path) -> Place:
    return Place(unpacked("c3893d9", tmp_path / "old"))


def test_an_old_store_resumes_publishes_and_is_compared(
    old: Place, run: Run, sandbox: Sandbox
) -> None:
    before = old.latest.resolve()
    tracks = old.column("SELECT count(*) FROM track")
    assert old.query("SELECT count(*) FROM page WHERE state = 'open'") == [(3,)]
    run(old, *KILLED, **AS_THEN)
    assert old.query("SELECT count(*) FROM page WHERE state = 'open'") == [(0,)]
    assert old.column("SELECT count(*) FROM track") > tracks
    assert old.latest.resolve() != before
    assert manifest(old)["schemaVersion"] == FORM
    assert manifest(old)["changes"]["against"] == before.name
    assert all("coverage" in problem for problem in problems(old))
    done = run(old, "diff", before.name, "latest", **AS_THEN)
    assert done.out.splitlines()[0] == f"{before.name} → {old.latest.resolve().name}"
    run(old, "report", str(before), "-o", str(old.root / "report.html"))
    assert before.name in (old.root / "report.html").read_text(encoding="utf-8")
    run(old, "status", **AS_THEN)


def test_an_old_env_file_is_read(old: Place, tmp_path: Path, launcher: Launcher) -> None:
    """Its lower gate is what lets tracks without features in."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copyfile(ROOT / "scrapy.cfg", project / "scrapy.cfg")
    shutil.copyfile(old.root / "env", project / ".env")
    env = bare_environment() | {
        "CACHE_DIR": str(old.cache),
        "EXPORT_DIR": str(old.export),
        "SEEDS_DIR": str(ROOT / "seeds"),
        "PYTHONPATH": str(ROOT),
    }
    counts = []
    for _ in range(2):
        done = launched(launcher, "publish", env=env, cwd=project)
        assert (done.code, "Released" in done.out) == (0, True), done.text
        counts.append(manifest(old)["totals"]["tracks"])
        (project / ".env").unlink(missing_ok=True)
    assert counts[0] > counts[1]


def test_commands_on_folders_that_are_none(old: Place, run: Run, launcher: Launcher) -> None:
    """One line each, with the contract's codes."""
    manifest_path = old.latest.resolve() / "manifest.json"
    manifest_path.write_bytes(b"[" * 1200 + b"]" * 1200)
    assert "nested too deep" in run(old, "verify", str(old.latest), code=3).out
    for argv in (
        ("report", "-o", str(old.root / "x.html")),
        ("diff", "latest", "latest"),
    ):
        assert len(run(old, *argv, code=2).err.splitlines()) == 1
    done = run(old, "report", str(old.latest), "-o", "/nonexistent/x", code=2)
    assert "manifest.json is not" in done.err
    manifest_path.unlink()
    assert "no manifest" in run(old, "report", "-o", str(old.root / "x.html"), code=2).err
    shutil.rmtree(old.latest.resolve())
    old.latest.unlink()
    old.latest.mkdir()
    done = run(old, "publish", code=2, **AS_THEN)
    assert "latest is a folder" in done.err
