"""What holds for every command of the project: thin, one line for wrong use, one for settings."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from runclub_spider.console.command import ProjectCommand
from testkit.killer import ROOT, Launcher
from testkit.places import Place

from .test_help import COMMANDS

# Right use of each command, as far as its arguments go.
RIGHT = {
    "auth": (),
    "crawl": ("enrich",),
    "diff": ("latest", "latest"),
    "doctor": (),
    "explain": ("USUM71703861",),
    "fleet": ("status",),
    "forget": ("--track", "0" * 22),
    "import": (
        *("features", "none.csv", "--key", "id"),
        *("--source", "elsewhere", "--licence", "CC0-1.0"),
    ),
    "publish": (),
    "report": (),
    "sandbox": ("--port", "0"),
    "seeds": (),
    "status": (),
    "store": ("copy", "sqlite:///elsewhere.sqlite"),
    "verify": ("export",),
}
# They read no setting of ours.
WITHOUT_SETTINGS = {"sandbox", "verify"}
# It takes whatever is said for an artist and a title.
WITHOUT_SURPLUS = {"explain"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def line_of_refusal(launcher: Launcher, *argv: str, place: Place, **env: str) -> str:
    """The only line of a command that must end with 2 and have done nothing."""
    child = launcher.start(*argv, env=place.env(**env))
    code = child.wait()
    assert (code, child.stdout) == (2, ""), child.stdout + child.stderr
    (line,) = child.stderr.splitlines()
    assert line.startswith(f"scrapy {argv[0]}: ")
    assert not place.store.exists()
    return line


def test_every_command_is_here() -> None:
    assert sorted(RIGHT) == COMMANDS


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_SURPLUS))
def test_a_surplus_argument(name: str, place: Place, launcher: Launcher) -> None:
    line_of_refusal(launcher, name, *RIGHT[name], "surplus", place=place)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_SURPLUS))
def test_an_option_that_is_none(name: str, place: Place, launcher: Launcher) -> None:
    line_of_refusal(launcher, name, *RIGHT[name], "--no-such-option", place=place)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_setting_without_a_value(name: str, place: Place, launcher: Launcher) -> None:
    line = line_of_refusal(launcher, name, *RIGHT[name], "-s", "MARKET", place=place)
    assert "NAME=VALUE" in line


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_SETTINGS))
def test_a_bad_setting(name: str, place: Place, launcher: Launcher) -> None:
    line = line_of_refusal(launcher, name, *RIGHT[name], place=place, MARKET="USA")
    assert "MARKET" in line


def test_a_command_is_cheap_to_import() -> None:
    """Scrapy imports all of them at each start, whichever is run."""
    listing = """if True:
        import importlib, json, sys
        from scrapy.utils.project import get_project_settings
        get_project_settings()
        import scrapy.commands.crawl
        found = {}
        for name in sys.argv[1:]:
            before = set(sys.modules)
            importlib.import_module(f"runclub_spider.console.commands.{name}")
            found[name] = sorted(set(sys.modules) - before)
        print(json.dumps([found, "sqlalchemy" in sys.modules]))
    """
    done = subprocess.run(
        [sys.executable, "-c", listing, *COMMANDS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported, sqlalchemy = json.loads(done.stdout)
    package = "runclub_spider.console"
    shared = {package, f"{package}.command", f"{package}.commands", f"{package}.streams"}
    assert not sqlalchemy
    assert {
        name: sorted(set(modules) - shared - {f"{package}.commands.{name}"})
        for name, modules in imported.items()
    } == {name: [] for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shares_one_base(name: str) -> None:
    module = importlib.import_module(f"runclub_spider.console.commands.{name}")
    assert issubclass(module.Command, ProjectCommand)
    assert module.Command().name == name
    # Not overridden: what they do is the same for all.
    assert {"run", "process_options", "syntax", "short_desc", "long_desc"}.isdisjoint(
        vars(module.Command)
    )
