"""What `deploy/` starts exists, takes what it is given, and holds no secret."""

from __future__ import annotations

import argparse
import configparser
import os
import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from scrapy.settings import Settings
from sqlalchemy.engine import make_url

from runclub_spider.config import Config
from runclub_spider.spiders.arguments import KNOWN
from testkit.killer import ROOT

from .test_documents import COMMANDS, tables

DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text("utf-8")
SCALING = (ROOT / "docs/SCALING.md").read_text("utf-8")


def filled(text: str) -> str:
    """Variables have defaults, and these are used here."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)


COMPOSE: dict[str, Any] = yaml.safe_load(filled(TEXT))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if name != "postgres"}


def check_scrapy(words: list[str]) -> None:
    """Raise for a command that there is not, or an option or argument that it does not take."""
    command = COMMANDS[words[0]]
    parser = argparse.ArgumentParser(conflict_handler="resolve", exit_on_error=False)
    command.settings = Settings()
    command.add_options(parser)
    _, args = parser.parse_known_args(words[1:])
    assert not [one for one in args if one.startswith("-")], words
    least, most = command.arity
    assert least <= len(args) <= most, words
    if words[0] == "fleet":
        assert command.verbs[args[0]] == len(args)
        assert set(args[1:]) <= set(KNOWN)


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_is_there(name: str) -> None:
    program, *words = SERVICES[name]["command"]
    if program == "scrapy":
        check_scrapy(words)
        return
    assert program == "dask"
    main = import_module(f"distributed.cli.dask_{words[0]}").main
    known = {option for one in main.params for option in (*one.opts, *one.secondary_opts)}
    assert {one for one in words if one.startswith("--")} <= known


def test_services_share_folders_settings_and_the_store() -> None:
    for one in OURS.values():
        assert one["environment"] == OURS["worker"]["environment"]
        folders = [volume.split(":")[1] for volume in one["volumes"]]
        for setting in ("CACHE_DIR", "EXPORT_DIR"):
            assert any(one["environment"][setting].startswith(f"{folder}/") for folder in folders)
    settings = OURS["worker"]["environment"]
    assert settings.keys() <= set(Config.names())
    url = make_url(settings["DATABASE_URL"])
    server = SERVICES["postgres"]["environment"]
    assert (url.host, url.username, url.database) == (
        "postgres",
        server["POSTGRES_USER"],
        server["POSTGRES_DB"],
    )
    addresses = re.findall(r"tcp://([a-z-]+):(\d+)", TEXT)
    port = SERVICES["dask-scheduler"]["command"]
    assert set(addresses) == {("dask-scheduler", port[port.index("--port") + 1])}
    started = {name for name, one in SERVICES.items() if not one.get("profiles")}
    assert started == {"postgres", "worker"}


def test_secrets_come_from_files_and_no_port_is_open() -> None:
    assert make_url(OURS["worker"]["environment"]["DATABASE_URL"]).password is None
    assert all("file" in one for one in COMPOSE["secrets"].values())
    assert all(set(one["secrets"]) <= set(COMPOSE["secrets"]) for one in SERVICES.values())
    assert not any("ports" in one for one in SERVICES.values())
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert {"deploy/secrets", ".env", ".cache", ".git"} <= set(ignored)


def test_the_image_has_what_it_names() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    for name in re.findall(r"[\w-]+\.lock", text):
        assert (ROOT / name).is_file()
    copied, installed = (
        re.findall(r"[\w-]+\.lock", line) for line in text.splitlines() if ".lock" in line
    )
    assert copied == installed
    (entry,) = re.findall(r'ENTRYPOINT \["/app/(.+)"\]', text)
    assert os.access(ROOT / entry, os.X_OK)
    done = subprocess.run([ROOT / entry, "echo", "a b"], capture_output=True, text=True, check=True)
    assert done.stdout == "a b\n"


def test_the_timer_starts_a_plan() -> None:
    def unit(name: str) -> configparser.ConfigParser:
        found = configparser.ConfigParser(interpolation=None)
        found.optionxform = str  # type: ignore[assignment, method-assign]
        found.read_string((DEPLOY / name).read_text("utf-8"))
        return found

    service, timer = unit("runclub-plan.service"), unit("runclub-plan.timer")
    program, *words = service["Service"]["ExecStart"].split()
    assert Path(program).name == "scrapy"
    check_scrapy(words)
    assert service["Service"]["SuccessExitStatus"] == "75"
    assert timer["Timer"]["OnCalendar"]
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_the_arithmetic_of_scaling_is_right() -> None:
    """Days of discovery follow from the calls a day and the tracks a call that are told."""
    (calls,) = re.findall(r"\*\*(\d+) calls a day\*\*", SCALING)
    (found,) = re.findall(r"\*\*([\d.]+) new tracks a call\*\*", SCALING)
    rows = [
        [int(cell.replace(",", "")) for cell in cells]
        for cells in tables(SCALING)
        if len(cells) == 5 and all(re.fullmatch(r"[\d,]+", cell) for cell in cells)
    ]
    assert len(rows) == 4
    for tracks, asked, *days in rows:
        assert asked == round(tracks / float(found))
        assert days == [max(1, round(asked / int(calls) / n)) for n in (1, 10, 100)]
