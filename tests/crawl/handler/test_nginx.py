"""The real download stack against nginx: packed by it, packed before, chunked, closed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from testkit.killer import Launcher
from testkit.nginx import running_nginx
from testkit.realdata import real_file

from .asking import ask

LOCATIONS = {
    "plain": "",
    "gzip": "gzip on; gzip_types application/json; gzip_min_length 1; gzip_http_version 1.0;",
    "static": "gzip_static always;",
    "closed": (
        "gzip on; gzip_types application/json; gzip_min_length 1; "
        "chunked_transfer_encoding off; keepalive_timeout 0;"
    ),
}


@contextmanager
def serving_files(folder: Path, files: dict[str, bytes]) -> Iterator[str]:
    """All files under every location's name."""
    root = folder / "files"
    for place in LOCATIONS:
        (root / place).mkdir(parents=True)
        for name, content in files.items():
            (root / place / name).write_bytes(content)
            (root / place / f"{name}.gz").write_bytes(gzip.compress(content))
    lines = [f"root {root};", *(f"location /{name}/ {{ {LOCATIONS[name]} }}" for name in LOCATIONS)]
    with running_nginx(folder / "nginx", "\n".join(lines)) as url:
        yield url


def assert_same(launcher: Launcher, folder: Path, files: dict[str, bytes], *places: str) -> None:
    with serving_files(folder, files) as url:
        urls = {f"{url}/{place}/{name}": name for place in places for name in files}
        found = ask(launcher, folder / "asked", list(urls))
    assert len(found) == len(urls)
    for address, name in urls.items():
        assert found[address].error is None, address
        assert found[address].body == files[name], address


def test_every_way_that_nginx_has(launcher: Launcher, tmp_path: Path) -> None:
    assert_same(
        launcher,
        tmp_path,
        {
            "small": b"{}",
            "page": orjson.dumps({"items": [{"name": "Jóga", "n": n} for n in range(2_000)]}),
            "spaced": json.dumps({"items": [{"n": n} for n in range(2_000)]}, indent=2).encode(),
        },
        *LOCATIONS,
    )


@pytest.mark.realdata
def test_every_recorded_answer(launcher: Launcher, tmp_path: Path) -> None:
    with gzip.open(real_file("spotify-responses/recorded.jsonl.gz")) as lines:
        bodies = [orjson.loads(line)["body"] for line in lines]
    files = {str(n): orjson.dumps(body) for n, body in enumerate(bodies)}
    whole = {name: body for name, body in files.items() if body[:1] in b"{["}
    assert len(whole) > 700
    assert_same(launcher, tmp_path, whole, "gzip")
