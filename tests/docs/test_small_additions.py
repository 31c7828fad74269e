"""`docs/ADDING.md` on a seed family and a regime, done word for word on a copy of the project."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox, running_sandbox
from testkit.guide import Copy, copied, do, run
from testkit.killer import Launcher
from testkit.places import Place
from testkit.sandboxes import Sandboxes
from tests.e2e.running import launched

pytestmark = pytest.mark.e2e
SCRAPY = (sys.executable, "-m", "scrapy")
# So few tracks say nothing about coverage.
FEW = {"YEAR_COVERAGE_MIN": "0", "FEATURE_COVERAGE_MIN": "0"}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return copied(tmp_path)


def places(tmp_path: Path) -> dict[str, str]:
    return {"CACHE_DIR": str(tmp_path / "cache"), "EXPORT_DIR": str(tmp_path / "export"), **FEW}


def test_a_seed_family(copy: Copy, sandboxes: Sandboxes, tmp_path: Path) -> None:
    do("A seed family", copy)
    assert (len(copy.new), copy.changed) == (1, {})
    assert sum(copy.new.values()) <= 20
    env = places(tmp_path)
    shown = run(copy, *SCRAPY, "seeds", "--family", "hills", "--format", "json", **env)
    assert shown.returncode == 0, shown.stderr
    plan = json.loads(shown.stdout)["seeds"]
    kinds = [seed["kind"] for seed in plan]
    assert (kinds.count("track"), kinds.count("playlist")) == (40, 10)
    with sandboxes.running() as sandbox:
        env |= sandbox.env
        crawl = (*SCRAPY, "crawl", "spotify_search", "-a", "family=hills", "-a", "max_seeds=20")
        done = run(copy, *crawl, SUITABILITY="gate", **env)
        assert done.returncode == 0, done.stderr
    latest = tmp_path / "export/latest"
    with (latest / "discovery.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [row for row in rows if row["family"] == "hills"]
    assert len(found) == len(rows) == 20
    # What its file asks is what the gate goes by.
    accounting = json.loads((latest / "manifest.json").read_bytes())["accounting"]
    assert accounting["rejectedByRule"]["unsuitable"] > 0
    (copy.root / "seeds/hills.yaml").write_text("family: hills\n", encoding="utf-8")
    done = run(copy, *crawl, **env)
    assert done.returncode == 2
    assert "hills.yaml:1: key '(root)': searches nothing" in done.stderr


@dataclass(frozen=True, slots=True)
class Partner:
    """A copy of the project with a regime more, its own sandbox, and a starter of its commands."""

    copy: Copy
    sandbox: Sandbox
    launcher: Launcher


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partner]:
    copy = copied(tmp_path_factory.mktemp("partner"))
    do("A regime", copy)
    with (
        running_sandbox(root=copy.root) as sandbox,
        Launcher(tmp_path_factory.mktemp("launched"), copy.root) as launcher,
    ):
        sandbox.configure(regime="partner")
        yield Partner(copy, sandbox, launcher)


@pytest.mark.parametrize("profile", ["auto", "partner"])
def test_a_regime(partner: Partner, tmp_path: Path, profile: str) -> None:
    copy = partner.copy
    assert (len(copy.new), len(copy.changed)) == (1, 1)
    assert sum(copy.new.values()) + sum(copy.changed.values()) <= 30
    more = {**places(tmp_path), "SPOTIFY_PROFILE": profile, "PAGE_SIZE": "0"}
    env = Place(tmp_path / "place").env(partner.sandbox, **more)
    done = launched(partner.launcher, "crawl", "spotify_search", "-a", "max_seeds=3", env=env)
    assert done.code == 0, done.text
    looked = launched(partner.launcher, "doctor", env=env)
    assert "30 rows a request" in looked.out
    with sqlite3.connect(tmp_path / "cache/runclub.sqlite") as store:
        assert {rows for (rows,) in store.execute("SELECT max(row_count) FROM page")} == {30}
    notes = json.loads((tmp_path / "export/latest/manifest.json").read_bytes())["notes"]
    assert "Crawled with a partner key: no artist genres." in notes
