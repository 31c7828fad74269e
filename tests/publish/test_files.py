"""Files of a release: the same bytes twice, and nothing that never answers is read."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from runclub_spider.publish.files import fsync_tree, gzip_copy, read_json, sha256


def test_gzip_header_has_neither_time_nor_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":1}\n' * 1000)
    packed = gzip_copy(path)
    assert packed.name == "rows.jsonl.gz"
    header = packed.read_bytes()[:10]
    assert header[:4] == b"\x1f\x8b\x08\x00"
    assert header[4:8] == b"\0\0\0\0"
    assert gzip.decompress(packed.read_bytes()) == path.read_bytes()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    hashes = set()
    for number, name in enumerate(("a.jsonl", "b.jsonl")):
        path = tmp_path / name
        path.write_bytes(b"row\n" * 500_000)
        os.utime(path, (number, number))
        hashes.add(sha256(gzip_copy(path)))
        hashes.add(sha256(gzip_copy(path)))
    assert len(hashes) == 1


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert gzip.decompress(gzip_copy(path).read_bytes()) == b""
    assert sha256(path) == hashlib.sha256(b"").hexdigest()


def test_sha256_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large"
    data = bytes(range(256)) * 10_000
    path.write_bytes(data)
    assert sha256(path) == hashlib.sha256(data).hexdigest()


def test_what_may_never_answer_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "link", Path("/dev/zero")):
        with pytest.raises(OSError, match=r"regular file|directory"):
            read_json(path)
        with pytest.raises(OSError, match=r"regular file|directory"):
            sha256(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 5000, "\xff"])
def test_what_is_no_json_is_a_value_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"\S"):
        read_json(path)


def test_a_file_without_end_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="larger than 64 MiB"):
        read_json(path)


def test_fsync_tree_takes_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "release" / "schemas").mkdir(parents=True)
    (tmp_path / "release" / "schemas" / "a.json").write_text("{}")
    fsync_tree(tmp_path / "release")
