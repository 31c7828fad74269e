"""Files of a release: the same bytes twice, and a link that is never half."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

from runclub_spider.publish.files import fsync_tree, gzip_copy, sha256, swap_link


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


def test_swap_link(tmp_path: Path) -> None:
    link = tmp_path / "latest"
    for version in ("v1", "v2", "v1"):
        (tmp_path / version).mkdir(exist_ok=True)
        swap_link(link, version)
        assert link.is_symlink()
        assert link.readlink() == Path(version)
    assert {path.name for path in tmp_path.iterdir()} == {"latest", "v1", "v2"}


def test_swap_link_clears_what_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / f".latest-{os.getpid()}").symlink_to("gone")
    swap_link(tmp_path / "latest", "v1")
    assert (tmp_path / "latest").resolve() == (tmp_path / "v1").resolve()
    assert not (tmp_path / f".latest-{os.getpid()}").is_symlink()


def test_fsync_tree_takes_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "release" / "schemas").mkdir(parents=True)
    (tmp_path / "release" / "schemas" / "a.json").write_text("{}")
    fsync_tree(tmp_path / "release")
