"""Full disk, read-only disk, lost permission: a clean stop, and the same command goes on after."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action, Child, Launcher
from testkit.places import SEARCH, Place, blanked, contents, facts, missing, problems
from testkit.sweep import Stage

pytestmark = pytest.mark.e2e
Mount = Callable[[Path, str], None]


def unavailable(why: str) -> None:
    """Skip, or fail where everything must be tested and could be."""
    if os.environ.get("REQUIRE_ALL") == "1" and os.geteuid() == 0:
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts a tmpfs of a size on a folder; again on the same folder changes its size."""
    with ExitStack() as stack:

        def tmpfs(folder: Path, size: str) -> None:
            if os.geteuid() != 0:
                pytest.skip("only root may mount a small tmpfs")
            fresh = not folder.is_mount()
            folder.mkdir(parents=True, exist_ok=True)
            options = f"size={size}" if fresh else f"remount,size={size}"
            command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                unavailable(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
            if fresh:
                stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)

        yield tmpfs


def stopped_cleanly(child: Child, *words: str) -> None:
    """Exit 1, one clear line a reason, no traceback."""
    assert child.code == 1, child.stderr
    assert "Traceback" not in child.stderr, f"a traceback of {child.stderr.splitlines()[-1]}"
    lines = [line for line in child.stderr.splitlines() if line.strip()]
    assert 1 <= len(lines) <= 2, child.stderr
    assert any(word in child.stderr for word in words), child.stderr


def goes_on(place: Place, wanted: Stage, sandbox: Sandbox, launcher: Launcher) -> None:
    """The same command ends with the undisturbed run's result."""
    again = launcher.run(*wanted.argv, env=place.env(sandbox))
    assert again.code == 0, again.stderr
    assert problems(place) == []
    assert blanked(place.latest) == wanted.data
    assert missing(wanted.facts, facts(place)) == {}
    assert missing(facts(place), wanted.facts) == {}


def test_the_cache_fills_up_in_mid_crawl(
    stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, place: Place, mount: Mount
) -> None:
    wanted = stages["search"]
    mount(place.cache, "1m")
    child = launcher.run(*wanted.argv, env=place.env(sandbox))
    stopped_cleanly(child, "full", "space", "disk")
    assert len(place.column("SELECT key FROM page WHERE state = 'done'")) > 0
    assert not place.latest.exists()
    mount(place.cache, "64m")
    goes_on(place, wanted, sandbox, launcher)


@pytest.mark.parametrize("how", ["crawl", "publish"])
def test_the_export_folder_fills_up_in_publishing(
    how: str,
    stages: dict[str, Stage],
    sandbox: Sandbox,
    launcher: Launcher,
    tmp_path: Path,
    mount: Mount,
) -> None:
    """An old release is there, and the new one does not fit beside it."""
    wanted = stages["playlist"]
    old = stages["search"].after
    place = Place(tmp_path / "place")
    shutil.copytree((old if how == "crawl" else wanted.after).cache, place.cache)
    # In whole pages of 4 KiB, as a tmpfs counts.
    held = sum(-(-path.stat().st_size // 4096) * 4 for path in old.export.rglob("*"))
    mount(place.export, f"{held + 256}k")
    shutil.copytree(old.export, place.export, symlinks=True, dirs_exist_ok=True)
    before = contents(place.export)
    argv = wanted.argv if how == "crawl" else ("publish",)
    child = launcher.run(*argv, env=place.env(sandbox))
    assert contents(place.export) == before
    assert problems(place) == []
    mount(place.export, "64m")
    again = launcher.run(*argv, env=place.env(sandbox))
    assert again.code == 0, again.stderr
    assert problems(place) == []
    assert blanked(place.latest) == wanted.data
    stopped_cleanly(child, "No space left")


def test_the_export_folder_may_not_be_written_any_more(
    stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, listed: Place, mount: Mount
) -> None:
    """Read-only at the moment when the finished folder is to be renamed."""
    shutil.rmtree(listed.export)
    mount(listed.export, "16m")
    held = launcher.start(
        "publish", env=listed.env(sandbox), actions=[Action("file", 1, "SIGSTOP")]
    )
    while "acted" not in held.report:
        pass
    subprocess.run(["mount", "-o", "remount,ro", str(listed.export)], check=True)
    os.kill(held.pid, 18)
    held.wait()
    subprocess.run(["mount", "-o", "remount,rw", str(listed.export)], check=True)
    assert [path for path in listed.export.iterdir() if path.name[0] != "."] == []
    assert launcher.run("publish", env=listed.env(sandbox)).code == 0
    assert blanked(listed.latest) == stages["playlist"].data
    stopped_cleanly(held, "Read-only")


def test_files_may_not_grow_any_more(
    stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, place: Place
) -> None:
    """What a quota does; needs no rights."""
    wanted = stages["search"]
    child = launcher.run(
        *SEARCH, env=place.env(sandbox), actions=[Action("committed", 17, "no-space")]
    )
    assert child.report["acted"] == "no-space"
    assert child.code == 1, child.stderr
    assert not place.latest.exists()
    goes_on(place, wanted, sandbox, launcher)


def test_permission_is_lost_in_mid_crawl(
    stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, place: Place
) -> None:
    """The process goes on as nobody: open files stay usable, nothing new can be opened."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    child = launcher.run(
        *SEARCH, env=place.env(sandbox), actions=[Action("committed", 17, "unprivileged")]
    )
    assert child.report["acted"] == "unprivileged"
    assert child.code == 1, child.stderr
    assert not place.latest.exists()
    goes_on(place, stages["search"], sandbox, launcher)
    assert "Traceback" not in child.stderr


def test_the_store_turns_read_only_in_mid_crawl(
    stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, place: Place
) -> None:
    """The immutable flag also stops writes through files that are open."""
    held = launcher.start(
        *SEARCH, env=place.env(sandbox), actions=[Action("committed", 17, "SIGSTOP")]
    )
    while "acted" not in held.report:
        pass
    # Not the shared memory: a process that cannot write what it has mapped dies of SIGBUS.
    files = [f"{place.store}", f"{place.store}-wal"]
    done = subprocess.run(["chattr", "+i", *files], capture_output=True, text=True)
    try:
        os.kill(held.pid, 18)
        held.wait()
    finally:
        subprocess.run(["chattr", "-i", *files], capture_output=True)
    if done.returncode:
        unavailable(f"files cannot be made immutable here: {done.stderr.strip()}")
    goes_on(place, stages["search"], sandbox, launcher)
    stopped_cleanly(held, "readonly", "read-only", "disk I/O")
