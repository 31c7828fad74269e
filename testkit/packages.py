"""The project as a wheel and as an egg."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What goes into them.
SOURCES = ("runclub_spider", "runclub_sandbox", "seeds")
_BUILDS = (
    ("-c", "import setuptools.build_meta as backend; backend.build_wheel('../dist')"),
    ("setup.py", "-q", "bdist_egg", "--dist-dir", "../dist"),
)


def build(folder: Path) -> Path:
    """A folder with both, made below `folder` from a copy of the sources."""
    copy, made = folder / "sources", folder / "dist"
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "pyproject.toml", ROOT / "setup.py", *ROOT.glob("requirements*.txt")):
        shutil.copy(path, copy)
    made.mkdir()
    for argv in _BUILDS:
        done = subprocess.run([sys.executable, *argv], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return made
