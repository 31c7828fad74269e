"""The project as a wheel and as an egg: with all its data, where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.packages import ROOT, SOURCES, build
from testkit.places import Place, problems
from testkit.sandboxes import Sandboxes

pytestmark = pytest.mark.e2e
_NOT_DATA = {".pyc", ".md"}
CRAWL = ("crawl", "spotify_search", "-a", "max_seeds=1", "-a", "max_results=40")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the egg."""
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture(params=["wheel", "egg"])
def installed(request: pytest.FixtureRequest, built: Path, tmp_path: Path) -> Path:
    """Where the package can be imported from: a folder, or the egg as it is."""
    if request.param == "egg":
        return next(built.glob("*.egg"))
    target = tmp_path / "site"
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(target)
    return target


@pytest.fixture(scope="module")
def sandbox(sandboxes: Sandboxes) -> Iterator[Sandbox]:
    with sandboxes.running() as found:
        yield found


def environment(installed: Path, env: dict[str, str]) -> dict[str, str]:
    """With this package alone, and no checkout."""
    return env | {"PYTHONPATH": str(installed), "SCRAPY_SETTINGS_MODULE": "runclub_spider.settings"}


def ran(*argv: str, env: dict[str, str], cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *argv], env=env, cwd=cwd, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_file_of_the_project_is_in_both(built: Path) -> None:
    files = [path for name in SOURCES for path in (ROOT / name).rglob("*") if path.is_file()]
    names = [path.relative_to(ROOT).as_posix() for path in files if path.suffix not in _NOT_DATA]
    wanted = {f"runclub_spider/{name}" if name.startswith("seeds/") else name for name in names}
    assert len(wanted) > 200
    for package in built.iterdir():
        with zipfile.ZipFile(package) as archive:
            assert wanted - set(archive.namelist()) == set(), package.name


def test_it_plans_from_the_seeds_that_came_with_it(installed: Path, tmp_path: Path) -> None:
    env = environment(installed, Place(tmp_path / "place").env())
    where = "import runclub_spider; print(runclub_spider.__file__)"
    assert ran("-c", where, env=env, cwd=tmp_path).startswith(str(installed))
    plan = json.loads(ran("-m", "scrapy", "seeds", "--format", "json", env=env, cwd=tmp_path))
    assert len(plan["seeds"]) > 1000


@pytest.mark.full
def test_it_crawls_and_publishes_without_a_checkout(
    installed: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place")
    away = tmp_path / "away"
    away.mkdir()
    env = environment(installed, place.env(sandbox))
    assert ran("-m", "scrapy", "list", env=env, cwd=away).split()[-1] == "spotify_search"
    ran("-m", "scrapy", *CRAWL, env=env, cwd=away)
    assert problems(place) == []
    ran("-m", "scrapy", "verify", str(place.latest), env=env, cwd=away)
    assert (place.latest / "report.html").stat().st_size > 10_000
    # Nothing was written where it was started.
    assert list(away.iterdir()) == []


def test_an_older_store_is_upgraded_by_it(installed: Path, tmp_path: Path) -> None:
    code = (
        "from alembic.script import ScriptDirectory\n"
        "from runclub_spider.store.db.engine import HEAD, MIGRATIONS\n"
        "assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]\n"
        "assert MIGRATIONS.is_dir(); print(MIGRATIONS)"
    )
    found = ran("-c", code, env=environment(installed, dict(os.environ)), cwd=tmp_path)
    # What was unpacked is gone with the process.
    assert Path(found.strip()).exists() == (installed.suffix != ".egg")
