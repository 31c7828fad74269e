"""The locks and the ranges agree, and every package that is installed is proven by its hash."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = sorted(
    path.stem.removeprefix("requirements-")
    for path in ROOT.glob("requirements-*.txt")
    if path.stem != "requirements-dev"
)
LOCKS = (
    "requirements.lock",
    *(f"requirements-{extra}.lock" for extra in EXTRAS),
    "requirements-dev.lock",
)
# What is asked for, and the locks from which it is installed; tests need everything.
PAIRS = [
    ("requirements.txt", ("requirements.lock",)),
    *(
        (f"requirements-{extra}.txt", ("requirements.lock", f"requirements-{extra}.lock"))
        for extra in EXTRAS
    ),
    ("requirements-dev.txt", LOCKS),
]
PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = (("linux", "Linux"), ("darwin", "Darwin"))


class Pin(NamedTuple):
    """One entry of a lock."""

    requirement: Requirement
    hashes: list[str]

    @property
    def version(self) -> str:
        (only,) = self.requirement.specifier
        assert only.operator == "=="
        return only.version


def pins(name: str) -> list[Pin]:
    text = re.sub(r"\\\n\s*", " ", (ROOT / name).read_text(encoding="utf-8"))
    found = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            first, *hashes = re.split(r"\s+--hash=", line.strip())
            found.append(Pin(Requirement(first), hashes))
    return found


def ranges(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def environments() -> list[dict[str, str]]:
    return [
        {
            **default_environment(),
            "python_version": python,
            "python_full_version": f"{python}.0",
            "sys_platform": system,
            "platform_system": name,
        }
        for python in PYTHONS
        for system, name in SYSTEMS
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_versions_and_hashes_and_no_address(name: str) -> None:
    assert len(pins(name)) > 4
    for pin in pins(name):
        assert pin.version
        assert pin.requirement.url is None
        assert pin.hashes, pin.requirement.name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in pin.hashes)
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links|(^|\s)/\w", text)


@pytest.mark.parametrize(("wanted", "locks"), PAIRS)
def test_each_range_holds_its_pin(wanted: str, locks: tuple[str, ...]) -> None:
    """On every Python and system that is supported there is one, and only one."""
    every = [pin for name in locks for pin in pins(name)]
    for env in environments():
        held: dict[str, set[str]] = {}
        for pin in every:
            if pin.requirement.marker is None or pin.requirement.marker.evaluate(env):
                held.setdefault(canonicalize_name(pin.requirement.name), set()).add(pin.version)
        assert [name for name, versions in held.items() if len(versions) > 1] == []
        for requirement in ranges(wanted):
            (version,) = held[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), requirement


def test_every_range_has_both_ends() -> None:
    """The lower one is what `make test-lowest` installs; time zones alone only ever grow."""
    for name, _ in PAIRS:
        for requirement in ranges(name):
            operators = {one.operator for one in requirement.specifier}
            assert operators == {">=", "<"} or requirement.name == "tzdata", requirement


def test_the_package_has_the_extras_that_make_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    known = project["tool"]["setuptools"]["dynamic"]["optional-dependencies"]
    assert known == {extra: {"file": [f"requirements-{extra}.txt"]} for extra in EXTRAS}


def test_make_says_which_extras_there_are() -> None:
    def make(extras: str) -> subprocess.CompletedProcess[str]:
        argv = ["make", "--dry-run", "bootstrap", f"EXTRAS={extras}"]
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)

    installed = make(",".join(EXTRAS)).stdout
    assert all(f"requirements-{extra}.lock" in installed for extra in EXTRAS)
    wrong = make("fleet,swarm")
    assert wrong.returncode == 2
    assert f"EXTRAS: there is no swarm; there are {' '.join(EXTRAS)}" in wrong.stderr
    assert not any(f"requirements-{extra}.lock" in make("").stdout for extra in EXTRAS)
