"""Every command that README and OPERATIONS show is typed, one after the other, by a stranger."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import ROOT
from testkit.places import CONTACT, Place
from testkit.postgres import running_postgres
from tests.docs.test_documents import COMMANDS, OPERATIONS, README, typed

pytestmark = [pytest.mark.e2e, pytest.mark.full]
# What the documents leave for the reader to fill in.
_PLACEHOLDER = re.compile(r"^\[?[A-Z]+\]?$|…|GATE")
# They ask a person, go on for ever, or are named and not told.
_NOT_TYPED = {"auth", "sandbox", "forget"}
_FOR_EVER = "scrapy fleet worker"
# Few seeds, and few rows of each: whether all is found is asked elsewhere.
_SEEDS = ("umbrellas.yaml", "lists.yaml", "editorial.yaml", "kexp_overrides.yml")
_SMALL = {
    "MAX_RESULTS_PER_SEED": "50",
    "TOP_PLAYLISTS_PER_SEED": "1",
    "MAX_ITEMS_PER_PLAYLIST": "100",
}


def told(words: list[str]) -> bool:
    """Whether a command stands with what it needs, and is not only named."""
    return len(words) - 2 >= getattr(COMMANDS[words[1]], "arity", (0, 0))[0]


def shown() -> list[list[str]]:
    """Commands in the documents' order, each once, without those that need an answer."""
    found = {" ".join(words): words for text in (README, OPERATIONS) for words in typed(text)}
    return [
        words
        for words in found.values()
        if not any(map(_PLACEHOLDER.search, words))
        and words[1] not in _NOT_TYPED
        and " ".join(words) != _FOR_EVER
        and told(words)
    ]


@pytest.fixture
def server() -> Iterator[str]:
    """Where a fleet's store is."""
    with running_postgres() as url:
        yield url


def test_every_command_of_the_documents_works(
    place: Place, sandbox: Sandbox, server: str, tmp_path: Path
) -> None:
    with gzip.open(tmp_path / "dump.csv.gz", "wt") as dump:
        dump.write("mbid,tempo\n6f2e9b1c-1111-4222-8333-444455556666,171.5\n")
    (tmp_path / "seeds").mkdir()
    for name in _SEEDS:
        shutil.copy(ROOT / "seeds" / name, tmp_path / "seeds")
    commands = shown()
    assert {words[1] for words in commands} >= {"crawl", "doctor", "import", "publish", "status"}
    env = {**place.env(sandbox, **CONTACT), **_SMALL, "PYTHONPATH": str(ROOT)}
    env["SEEDS_DIR"] = str(tmp_path / "seeds")
    env["SCRAPY_SETTINGS_MODULE"] = "runclub_spider.settings"
    of_fleet = {"DATABASE_URL": server, "EXPORT_DIR": str(tmp_path / "fleet")}
    for number, words in enumerate(commands):
        copy = f"sqlite:///{tmp_path}/copy-{number}.sqlite"
        given = [copy if word.startswith("postgresql://") else word for word in words[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "scrapy", *given],
            cwd=ROOT if words[1] != "import" else tmp_path,
            env=env if words[1] != "fleet" else {**env, **of_fleet},
            capture_output=True,
            text=True,
            timeout=600,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{' '.join(words)}: {said}"
        assert "Traceback" not in said
