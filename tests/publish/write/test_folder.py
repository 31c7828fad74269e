"""The export folder: other things stay, one writer at a time, nothing of a dead run remains."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runclub_spider.errors import ConfigurationError, RunPaused
from runclub_spider.publish.write import folder, release
from runclub_spider.publish.write.release import publish
from testkit.making import a_track
from tests.publish.write.test_release import Shop


@pytest.fixture
def export(tmp_path: Path) -> Path:
    made = tmp_path / "export"
    made.mkdir()
    return made


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.store.close()


def a_release(export: Path, name: str, **document: Any) -> Path:
    made = export / name
    made.mkdir()
    (made / "manifest.json").write_text(json.dumps({"version": name, **document}))
    return made


def listing(root: Path) -> dict[str, str]:
    """Every path below, with what it is: a link's target, a file's content, or nothing."""
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else path.read_text(errors="replace")
        if path.is_file()
        else ""
        for path in root.rglob("*")
    }


def strangers(export: Path) -> dict[str, str]:
    """Things that people keep, called like ours or holding what ours hold."""
    for name in ("web-app", "2020-01-01-backup", "failed-build", ".staging-x", ".staging-99999"):
        (export / name).mkdir()
        (export / name / "manifest.json").write_text('{"name": "an app", "version": "1.0"}')
    # Called like a release, and none; a release by its manifest, called otherwise.
    (export / "2020-01-01-0123abcd").mkdir()
    (export / "2020-01-01-0123abcd" / "manifest.json").write_text('{"version": "other"}')
    (export / "2020-01-02-0123abcd").mkdir()
    (export / "2020-01-03-0123abcd").write_text("a file")
    a_release(export, "copy").joinpath("manifest.json").write_text(
        '{"version": "2020-01-04-0123abcd"}'
    )
    # A release of another store.
    a_release(export, "2020-01-05-0123abcd-sandbox")
    (export / ".staging-file").write_text("mine")
    (export / ".staging-link").symlink_to("web-app")
    (export / ".staging-runclub-link").symlink_to("web-app")
    (export / ".staging-runclub-mine").mkdir()
    (export / ".staging-runclub-mine" / "thesis").write_text("years of work")
    (export / ".latest-1").symlink_to("web-app")
    (export / ".latest-file").write_text("mine")
    (export / "loop").symlink_to("loop")
    os.mkfifo(export / "pipe")
    return listing(export)


def test_publishing_touches_nothing_that_is_not_its_own(shop: Shop, export: Path) -> None:
    before = strangers(export)
    for number in range(4):
        shop.put(a_track(number))
        shop.publish(keep_releases=1)
    after = listing(export)
    assert {name: after.get(name) for name in before} == before
    (version,) = {name.split("/")[0] for name in after if name not in before} - {"latest"}
    assert folder.VERSION.fullmatch(version)
    assert (export / "latest").readlink() == Path(version)


def test_only_the_newest_releases_of_the_store_stay(shop: Shop, export: Path) -> None:
    made = []
    for number in range(4):
        shop.put(a_track(number))
        made.append(shop.publish(keep_releases=2).resolve().name)
        # Folders of one instant have no order.
        os.utime(export / made[-1], (number, number))
    assert sorted(path.name for path in export.iterdir()) == sorted([*made[-2:], "latest"])


def test_two_stores_keep_their_releases_apart(tmp_path: Path, export: Path) -> None:
    shops = [Shop(tmp_path / name) for name in ("one", "other")]
    made = []
    for number, shop in enumerate(shops):
        shop.put(*(a_track(at) for at in range(1 + number)))
        config = shop.config.model_copy(
            update={"export_dir": export, "keep_releases": 1, "year_coverage_min": 0.0}
        )
        publish(config)
        made.append((export / "latest").resolve().name)
        shop.store.close()
    assert sorted(path.name for path in export.iterdir()) == sorted([*made, "latest"])


def test_a_damaged_release_is_made_again(shop: Shop, export: Path) -> None:
    shop.put(a_track(1))
    latest = shop.publish()
    sound = listing(latest.resolve())
    (latest / "manifest.json").write_text("[]")
    (latest / "report.html").unlink()
    assert listing(shop.publish().resolve()) == sound


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_something_else_of_a_releases_name_is_not_replaced(
    kind: str, shop: Shop, export: Path, tmp_path: Path
) -> None:
    shop.put(a_track(1))
    name = shop.publish("elsewhere").resolve().name
    other = Shop(tmp_path / "another")
    other.put(a_track(1))
    taken = export / name
    if kind == "folder":
        taken.mkdir()
        (taken / "thesis").write_text("years of work")
    else:
        taken.write_text("years of work")
    before = listing(export)
    config = other.config.model_copy(update={"export_dir": export, "year_coverage_min": 0.0})
    with pytest.raises(ConfigurationError, match="is in the way and is no release"):
        publish(config)
    other.store.close()
    assert listing(export) == before


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_latest_is_replaced_only_when_it_is_a_link(kind: str, shop: Shop, export: Path) -> None:
    shop.put(a_track(1))
    latest = export / "latest"
    latest.mkdir() if kind == "folder" else latest.write_text("mine")
    before = listing(export)
    with pytest.raises(ConfigurationError, match=f"latest is a {kind} and not the link"):
        publish(shop.config)
    assert listing(export) == before


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"spotify": 1}', "9" * 5000, "[" * 100_000, "NaN", None]
)
def test_whatever_latest_leads_to_is_replaced(
    content: str | None, shop: Shop, export: Path
) -> None:
    old = export / "old"
    if content is not None:
        old.mkdir()
        (old / "manifest.json").write_text(content)
    (export / "latest").symlink_to("old")
    shop.put(a_track(1))
    assert shop.publish().resolve() != old
    assert old.exists() == (content is not None)


def test_a_pipe_for_a_manifest_hangs_nothing(shop: Shop, export: Path) -> None:
    shop.put(a_track(1))
    latest = shop.publish()
    (latest / "manifest.json").unlink()
    os.mkfifo(latest / "manifest.json")
    shop.publish()
    assert (latest / "manifest.json").is_file()


@pytest.mark.parametrize("content", ["[]", "{}", None])
def test_a_real_release_is_known_by_its_name_when_it_cannot_be_read(
    content: str | None, shop: Shop, export: Path
) -> None:
    if content is not None:
        (export / "2026-01-01-0123abcd").mkdir()
        (export / "2026-01-01-0123abcd" / "manifest.json").write_text(content)
    (export / "latest").symlink_to("2026-01-01-0123abcd")
    shop.put(a_track(1))
    with pytest.raises(ConfigurationError, match="is a real release"):
        shop.publish()


def test_a_failure_does_not_overwrite_what_is_not_one(shop: Shop, export: Path) -> None:
    made = export.parent / "made"
    made.mkdir()
    (made / "report.html").write_text("refused")
    first = folder.keep_failure(export, "v", made)
    assert folder.keep_failure(export, "v", made) == first == export / "failed-v"
    (first / "notes").write_text("mine")
    assert folder.keep_failure(export, "v", made) == export / "failed-v-2"
    assert (first / "notes").read_text() == "mine"


# One writer


def holder(export: Path, what: str = "scrapy publish") -> subprocess.Popen[str]:
    """Another process that holds the folder, until its input ends."""
    code = f"""
        import sys
        from pathlib import Path
        from runclub_spider.publish.write import folder
        with folder.held(Path({str(export)!r}), {what!r}), folder.staging(Path({str(export)!r})):
            print("held", flush=True)
            sys.stdin.read()
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_a_second_writer_is_refused_and_told_who_is_there(shop: Shop, export: Path) -> None:
    shop.put(a_track(1))
    child = holder(export, "scrapy crawl kexp")
    assert stat.S_IMODE((export / ".publish.lock").stat().st_mode) == 0o600
    before = listing(export)
    with pytest.raises(RunPaused, match=rf"scrapy crawl kexp, pid {child.pid}, since \d{{4}}-"):
        publish(shop.config)
    assert listing(export) == before
    child.communicate()
    assert listing(export) == {}
    assert shop.publish().is_dir()


def test_a_lock_dies_with_its_process_and_its_staging_is_cleared(shop: Shop, export: Path) -> None:
    child = holder(export)
    child.kill()
    child.communicate()
    assert [path for path in export.iterdir() if path.name.startswith(".staging-")]
    # Killed before the mark was set.
    (export / ".staging-runclub-empty").mkdir()
    assert "holds no track" in publish(shop.config)
    assert listing(export) == {}


def test_a_killed_run_whose_removal_was_cut_off_is_cleared(export: Path) -> None:
    with folder.held(export, "one"), folder.staging(export) as made:
        (made / "release").mkdir()
        left = made.rename(export / ".staging-runclub-left")
        with folder.staging(export):
            pass
    assert list(left.iterdir())
    with folder.held(export, "other"):
        assert not left.exists()


def test_nobody_else_may_open_the_lock(export: Path) -> None:
    with folder.held(export, "one"):
        found = (export / ".publish.lock").stat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, os.geteuid())


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "link", "dangling"])
def test_a_lock_that_is_no_file_is_one_line(kind: str, export: Path) -> None:
    path = export / ".publish.lock"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with closing(socket.socket(socket.AF_UNIX)) as made:
                made.bind(str(path))
        case _:
            path.symlink_to("there")
            if kind == "link":
                (export / "there").write_text("mine")
    before = listing(export)
    named = f"EXPORT_DIR.*{re.escape(str(export))}"
    with pytest.raises(ConfigurationError, match=named), folder.held(export, "one"):
        pass
    assert listing(export) == before


def test_an_export_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for export in (tmp_path / "file", tmp_path / "file" / "export", Path("/proc/export")):
        with pytest.raises(ConfigurationError, match="EXPORT_DIR"), folder.held(export, "one"):
            pass


def test_the_lock_is_let_go_when_publishing_fails(
    shop: Shop, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    shop.put(a_track(1))
    monkeypatch.setattr(release, "_make", fail)
    with pytest.raises(ZeroDivisionError):
        shop.publish()
    assert listing(export) == {}
