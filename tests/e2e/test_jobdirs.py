"""A JOBDIR that another program wrote, or that a kill cut short: begun anew, nothing is lost."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action
from testkit.places import Place, problems

from .running import Run, asked

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=1", "-a", "max_results=20")


class _OfOldCode:
    """Pickled under a name that is gone when it is read."""


def of_old_code(jobs: Path) -> None:
    """As c3893d9 left it, with requests whose classes this code does not know."""
    name = f"{_OfOldCode.__module__}\n{_OfOldCode.__qualname__}".encode()
    gone = pickle.dumps({"url": "https://x.example", "cb_kwargs": {"task": _OfOldCode()}}, 0)
    gone = gone.replace(name, b"runclub_spider.gone\nPageTask")
    queue(jobs, gone)


def garbage(jobs: Path) -> None:
    queue(jobs, b"no pickle at all")
    (jobs / "spider.state").write_bytes(b"\x80")


def no_queue(jobs: Path) -> None:
    jobs.mkdir(exist_ok=True)
    (jobs / "requests.queue").mkdir(exist_ok=True)
    (jobs / "requests.queue" / "active.json").write_text("{", encoding="utf-8")


def queue(jobs: Path, *records: bytes) -> None:
    """A last-in-first-out queue as queuelib writes it, of one slot and priority."""
    folder = jobs / "requests.queue" / f"spotify-{md5(b'spotify').hexdigest()}"
    folder.mkdir(parents=True, exist_ok=True)
    (jobs / "requests.queue" / "active.json").write_text('{"spotify": [0]}', encoding="utf-8")
    size = struct.Struct(">L")
    body = b"".join(record + size.pack(len(record)) for record in records)
    (folder / "0").write_bytes(size.pack(len(records)) + body)
    (jobs / "requests.seen").write_bytes(b"0" * 40 + b"\n")


ANEW = "JOBDIR was written by other code or cannot be read"


@pytest.mark.parametrize("damage", [of_old_code, garbage, no_queue])
@pytest.mark.parametrize("marked", [True, False])
def test_a_jobdir_that_cannot_be_read_is_begun_anew(
    marked: bool,
    damage: Callable[[Path], None],
    place: Place,
    sandbox: Sandbox,
    run: Run,
    tmp_path: Path,
) -> None:
    jobs = tmp_path / "jobs"
    argv = (*SEARCH, "-s", f"JOBDIR={jobs}")
    if marked:
        run(place, *argv, code=75, actions=[Action("committed", 3, "SIGTERM")])
    damage(jobs)
    (jobs / "notes.txt").write_text("mine", encoding="utf-8")
    done = run(place, *argv)
    assert done.out.count(ANEW) == 1
    assert problems(place) == []
    # The one page, which was the probe as well.
    assert asked(sandbox)["search_track"] == 1
    assert (jobs / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert ANEW not in run(place, *argv).text


def test_a_jobdir_of_this_code_is_kept(place: Place, run: Run, tmp_path: Path) -> None:
    argv = (*SEARCH, "-s", f"JOBDIR={tmp_path / 'jobs'}")
    for code, actions in ((75, [Action("committed", 3, "SIGTERM")]), (0, [])):
        assert ANEW not in run(place, *argv, code=code, actions=actions).text


def test_a_jobdir_that_cannot_be_written(place: Place, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    done = run(place, *SEARCH, "-s", f"JOBDIR={tmp_path / 'file'}", code=2)
    assert "JOBDIR" in done.err
    assert not place.store.exists()
