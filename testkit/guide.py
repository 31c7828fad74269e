"""`docs/ADDING.md` done: what it says to write, written into a copy of the project."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from runclub_spider.store.db.engine import HEAD

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/ADDING.md"
# What a copy of the project needs to run.
_PARTS = (
    "runclub_spider",
    "runclub_sandbox",
    "testkit",
    "tests",
    "bench",
    "seeds",
    "docs",
    "scrapy.cfg",
)
_CONFIGURATION = ("pyproject.toml", ".importlinter")
_STEP = re.compile(
    r"^(?:File: `(?P<file>[^`]+)`"
    r"|In `(?P<path>[^`]+)`, (?P<how>below|in place of) (?P<ticks>`+)(?P<line>.+?)(?P=ticks)"
    r"|At the end of `(?P<last>[^`]+)`)\n\n```\w*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass
class Copy:
    """A copy of the project, and what was written into it: lines by file, new ones apart."""

    root: Path
    new: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)

    def cost(self) -> str:
        """Files and lines, as a sentence."""
        return (
            f"{len(self.new)} new files of {sum(self.new.values())} lines, and "
            f"{sum(self.changed.values())} lines in {len(self.changed)} others"
        )


def copied(folder: Path) -> Copy:
    """The project without its data, environment and history."""
    root = folder / "project"
    root.mkdir()
    for name in (*_PARTS, *_CONFIGURATION):
        source = ROOT / name
        if source.is_dir():
            skip = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source, root / name, ignore=skip)
        else:
            shutil.copy(source, root / name)
    return Copy(root)


def section(title: str) -> str:
    """A section of the guide, by the words of its heading."""
    for part in re.split(r"^## ", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        if part.splitlines()[0].strip() == title:
            return part
    raise LookupError(f"no section {title!r} in {GUIDE.name}")


def do(title: str, copy: Copy) -> None:
    """Write what a section says.

    Raises:
        LookupError: there is no such section, it says nothing to write, or it names a line that
            is not there once.
    """
    text = section(title).replace("NNNN", f"{int(HEAD) + 1:04}").replace("MMMM", HEAD)
    steps = list(_STEP.finditer(text))
    if not steps:
        raise LookupError(f"the section {title!r} says nothing to write")
    for step in steps:
        lines = step["text"].count("\n")
        if step["file"]:
            path = copy.root / step["file"]
            assert not path.exists(), path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step["text"], encoding="utf-8")
            copy.new[step["file"]] = lines
            continue
        name = step["path"] or step["last"]
        path = copy.root / name
        path.write_text(_edited(path, step), encoding="utf-8")
        copy.changed[name] = copy.changed.get(name, 0) + lines


def _edited(path: Path, step: re.Match[str]) -> str:
    before = path.read_text(encoding="utf-8")
    if step["last"]:
        return before + step["text"]
    line = f"{step['line']}\n"
    if f"\n{before}".count(f"\n{line}") != 1:
        raise LookupError(f"{path.name} has not once the line {step['line']!r}")
    kept = line if step["how"] == "below" else ""
    return f"\n{before}".replace(f"\n{line}", f"\n{kept}{step['text']}")[1:]


def run(copy: Copy, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command in the copy's root, with its own code and no settings but those given."""
    own = {"PATH": "/usr/bin:/bin", "RUNCLUB_NO_ENV_FILE": "1", "HOME": str(copy.root), **env}
    return subprocess.run(
        command, cwd=copy.root, env=own, capture_output=True, text=True, timeout=300
    )
