"""`make demo`: the whole main job against the sandbox, in a store of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from runclub_spider.config import environment, project_dir
from runclub_spider.errors import ConfigurationError
from runclub_spider.sandbox.testing import running_sandbox

# A first look at the whole grid: the first seeds are one a cell.
_CRAWLS = (
    ("spotify_search", "-a", "max_seeds=60"),
    ("spotify_playlist", "-a", "max_seeds=40"),
)


def main() -> int:
    """Serve, crawl, publish, verify; returns the exit code of the first step that failed."""
    start = time.monotonic()
    try:
        export = project_dir() / environment(["EXPORT_DIR"]).get("EXPORT_DIR", "export")
    except ConfigurationError as error:
        print(f"make demo: {error}", file=sys.stderr)
        return error.exit_code
    cache = project_dir() / ".cache" / "demo"
    cache.mkdir(parents=True, exist_ok=True)
    print("This demo asks a sandbox on this machine, with made-up songs. No key is needed.")
    with running_sandbox() as sandbox:
        # Settings of the user's own .env must not reach into the demo.
        env = {
            **os.environ,
            **sandbox.env,
            "CACHE_DIR": str(cache),
            "EXPORT_DIR": str(export),
            "DATABASE_URL": f"sqlite:///{cache / 'demo.sqlite'}",
            "SPOTIFY_PROFILE": "auto",
            "MARKET": "US",
        }
        for crawl in _CRAWLS:
            print(f"\n$ scrapy crawl {' '.join(crawl)}", flush=True)
            code = subprocess.run([*_scrapy(), "crawl", *crawl], env=env, check=False).returncode
            if code:
                return code
    latest = export / "latest"
    print("\n$ scrapy verify export/latest", flush=True)
    code = subprocess.run([*_scrapy(), "verify", str(latest)], env=env, check=False).returncode
    if code == 0:
        totals = json.loads((latest / "manifest.json").read_bytes())["totals"]
        print(
            f"\n{totals['tracks']:,} tracks in {time.monotonic() - start:.0f} s. "
            f"The report: {_shown(latest / 'report.html')}"
        )
    return code


def _scrapy() -> list[str]:
    return [sys.executable, "-m", "scrapy"]


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    sys.exit(main())
