"""The kept consent: for its owner alone, replaced at once or not at all, and of a known age."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runclub_spider.apis.spotify.token_file import (
    LIFETIME_DAYS,
    Grant,
    TokenFile,
    current_grant,
    current_token,
    fingerprint,
    keep_rotated,
)
from runclub_spider.errors import ConfigurationError

NOW = 1_800_000_000
DAY = 86_400
MINE = Grant("my-client", "t0k3n-of-mine", NOW)


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "config" / "spotify.json")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_kept_comes_back(file: TokenFile) -> None:
    file.save(MINE)
    assert file.load("my-client") == MINE
    assert file.load("another-client") is None


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_its_owner_may_read_it(mask: int, file: TokenFile) -> None:
    before = os.umask(mask)
    try:
        file.save(MINE)
    finally:
        os.umask(before)
    assert mode(file.path) == 0o600
    assert mode(file.path.parent) == 0o700


def test_a_full_disk_leaves_no_part_of_a_token(file: TokenFile) -> None:
    file.save(MINE)
    before = file.path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(ConfigurationError, match="cannot keep the refresh token"):
            file.save(replace(MINE, refresh_token="another" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [found.name for found in file.path.parent.iterdir()] == [file.path.name]
    assert file.path.read_bytes() == before


def test_a_file_that_others_may_read_is_closed(file: TokenFile) -> None:
    file.save(MINE)
    file.path.chmod(0o644)
    file.save(MINE)
    assert mode(file.path) == 0o600


def test_it_is_replaced_at_once_or_not_at_all(
    file: TokenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.save(MINE)
    before = file.path.read_bytes()
    inode = file.path.stat().st_ino

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match=r"TOKEN_FILE.*No space left"):
        file.save(Grant("my-client", "another", NOW))
    assert (file.path.read_bytes(), file.path.stat().st_ino) == (before, inode)
    # Nor does part of a token lie about.
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]
    monkeypatch.undo()
    file.save(Grant("my-client", "another", NOW))
    assert file.path.stat().st_ino != inode
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        json.dumps({"client_id": "my-client"}).encode(),
        json.dumps({"client_id": "my-client", "refresh_token": 7, "granted_at": NOW}).encode(),
        json.dumps({"client_id": "my-client", "refresh_token": "t", "granted_at": "now"}).encode(),
        json.dumps(
            {"client_id": "my-client", "refresh_token": "t", "granted_at": NOW, "more": 1}
        ).encode(),
    ],
)
def test_a_file_that_is_not_ours_holds_no_consent(content: bytes, file: TokenFile) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    assert file.load("my-client") is None


def test_the_token_is_not_told() -> None:
    assert "t0k3n" not in repr(MINE)
    assert "t0k3n" not in f"{MINE}"
    assert "t0k3n" not in fingerprint(MINE.refresh_token)


@pytest.mark.parametrize(
    ("age_days", "left"),
    [(0, 182), (0.9, 182), (1, 181), (152, 30), (181.5, 1), (182, 0), (183, -1)],
)
def test_its_age_is_known(age_days: float, left: int) -> None:
    assert MINE.days_left(NOW + age_days * DAY) == left
    assert LIFETIME_DAYS == 182


def test_the_age_of_a_configured_token_is_not() -> None:
    assert Grant("my-client", "t", None).days_left(NOW) is None


# --- which token is used


@pytest.mark.parametrize(
    ("kept", "configured", "used"),
    [
        (None, None, None),
        (None, "env", "env"),
        (MINE, None, MINE.refresh_token),
        (Grant("another-client", "theirs", NOW), None, None),
        # The environment wins, unless the file holds the successor of that very token.
        (MINE, "env", "env"),
        (Grant("my-client", "successor", NOW, fingerprint("env")), "env", "successor"),
        (Grant("my-client", "successor", NOW, fingerprint("env")), "newer env", "newer env"),
        (Grant("my-client", "successor", NOW, fingerprint("env")), None, "successor"),
    ],
)
def test_which_token_is_used(
    kept: Grant | None, configured: str | None, used: str | None, file: TokenFile
) -> None:
    if kept is not None:
        file.save(kept)
    assert current_token(file, "my-client", configured) == used


def test_a_rotated_token_keeps_the_age_of_the_consent(file: TokenFile) -> None:
    file.save(MINE)
    for number in range(3):
        used = current_token(file, "my-client", None)
        assert used is not None
        keep_rotated(file, "my-client", used, f"rotated {number}")
    found = file.load("my-client")
    assert found == Grant("my-client", "rotated 2", NOW)


def test_a_configured_token_that_is_rotated_twice(file: TokenFile) -> None:
    for number in range(2):
        used = current_token(file, "my-client", "env")
        assert used is not None
        keep_rotated(file, "my-client", used, f"rotated {number}")
    found: Any = current_grant(file, "my-client", "env")
    assert (found.refresh_token, found.replaces) == ("rotated 1", fingerprint("env"))
    # When its user consented is nowhere to be read.
    assert found.granted_at is None
