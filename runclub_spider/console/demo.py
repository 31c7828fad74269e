"""`make demo`: the whole main job against the sandbox, in a store of its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from runclub_sandbox.testing import running_sandbox
from runclub_spider.config import NO_ENV_FILE, Config, env_file, project_dir

# A first look at the whole grid: the first seeds are one a cell.
_CRAWLS = (
    ("spotify_search", "-a", "max_seeds=60"),
    ("spotify_playlist", "-a", "max_seeds=40"),
)
_WIDTH = 80


def main() -> int:
    """Serve, crawl, publish, verify, say what to try; the exit code of the first that failed."""
    start = time.monotonic()
    root = project_dir()
    cache = root / ".cache" / "demo"
    export = root / os.environ.get("EXPORT_DIR", "export")
    print("This demo asks a sandbox on this machine, with made-up songs. No key is needed.")
    with running_sandbox() as sandbox:
        # Settings of the user's own must not reach into the demo.
        mine = {name: value for name, value in os.environ.items() if name not in Config.names()}
        env = {
            **mine,
            **sandbox.env,
            NO_ENV_FILE: "1",
            "CACHE_DIR": str(cache),
            "EXPORT_DIR": str(export),
        }
        for crawl in _CRAWLS:
            print(f"\n$ scrapy crawl {' '.join(crawl)}", flush=True)
            if code := _run("crawl", *crawl, env=env):
                return code
        print(f"\n$ scrapy verify {_shown(export / 'latest')}", flush=True)
        if code := _run("verify", str(export / "latest"), env=env):
            return code
    latest = export / "latest"
    tracks = json.loads((latest / "manifest.json").read_bytes())["totals"]["tracks"]
    print(
        f"\n{tracks:,} tracks in {time.monotonic() - start:.0f} s. Made-up ones: look, and delete."
    )
    print(f"The report: {_shown(latest / 'report.html')}")
    print("Look around in the project's root:\n")
    for command in _next(cache, latest):
        print(command)
    return 0


def _run(*argv: str, env: dict[str, str]) -> int:
    return subprocess.run([sys.executable, "-m", "scrapy", *argv], env=env, check=False).returncode


def _next(cache: Path, latest: Path) -> list[str]:
    """Commands to paste, each within 80 columns: on the demo's store, whatever `.env` says."""
    here = [f"-s {shlex.quote(f'CACHE_DIR={_shown(cache)}')}"]
    if os.environ.get("DATABASE_URL"):
        here.append("-s DATABASE_URL=")
    return [
        _wrapped(["status", *here]),
        _wrapped(["explain", _best(latest), *here]),
        _wrapped(["verify", shlex.quote(_shown(latest))]),
    ]


def _best(latest: Path) -> str:
    """The best-known track that came with features."""
    with (latest / "cached_tracks.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    with (latest / "audio_features.jsonl").open(encoding="utf-8") as lines:
        known = {json.loads(line)["trackId"] for line in lines}
    return str(
        max(
            rows,
            key=lambda row: (row["id"] in known, row["isPlayable"] is True, row["popularity"] or 0),
        )["id"]
    )


def _wrapped(words: list[str]) -> str:
    """One shell command, indented; with a backslash where it does not fit a line."""
    scrapy = Path(sys.executable).with_name("scrapy")
    program = [_shown(scrapy)] if scrapy.exists() else [sys.executable, "-m", "scrapy"]
    apart = [f"{NO_ENV_FILE}=1"] if env_file().exists() else []
    lines = ["   "]
    for word in [*apart, *map(shlex.quote, program), *words]:
        if len(lines[-1]) + len(word) + 3 > _WIDTH and lines[-1].strip():
            lines[-1] += " \\"
            lines.append("       ")
        lines[-1] += f" {word}"
    return "\n".join(lines)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    sys.exit(main())
