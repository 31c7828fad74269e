"""Copies and checksums that are made beside other work."""

from __future__ import annotations

import gzip
import hashlib
import threading
from pathlib import Path

import pytest

from runclub_spider.publish import packing
from runclub_spider.publish.packing import Packing


def test_copies_and_checksums_of_what_was_taken_and_checksums_of_others(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    with Packing() as made:
        made.take(paths[:2])
        told = [made.digest(path) for path in paths[:2]]
        made.finish()
        assert made.digests(paths) == [
            hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
        ]
        assert told == made.digests(paths[:2])
    for path in paths[:2]:
        assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == path.read_bytes()
    assert not (tmp_path / "c.gz").exists()


def test_a_file_of_others_is_whole_when_its_checksum_is_known(tmp_path: Path) -> None:
    parts, whole = [tmp_path / name for name in ("a", "b", "c")], tmp_path / "whole"
    for part in parts:
        part.write_bytes(part.name.encode() * 3_000_000)
    bytes_of_all = b"".join(part.read_bytes() for part in parts)
    with Packing() as made:
        made.join(parts, whole)
        assert made.digest(whole) == hashlib.sha256(bytes_of_all).hexdigest()
        assert whole.read_bytes() == bytes_of_all
        made.take([whole])
        made.finish()
    assert gzip.decompress((tmp_path / "whole.gz").read_bytes()) == bytes_of_all
    assert not any(part.exists() for part in parts)


def test_a_copy_that_fails_is_told_at_the_end(tmp_path: Path) -> None:
    with Packing() as made:
        made.take([tmp_path / "not there"])
        with pytest.raises(FileNotFoundError):
            made.finish()


def test_nothing_is_written_any_more_once_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, done = threading.Event(), threading.Event()

    def slow(path: Path) -> Path:
        begun.set()
        path.with_name("late").write_bytes(b"")
        done.set()
        return path

    monkeypatch.setattr(packing, "gzip_copy", slow)
    (tmp_path / "a").touch()
    with Packing() as made:
        made.take([tmp_path / "a"])
        begun.wait()
    assert done.is_set()
