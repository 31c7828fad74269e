"""Every command of the project explains itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from scrapy.cmdline import execute

import runclub_spider.console.commands

COMMANDS = sorted(
    path.stem
    for path in Path(runclub_spider.console.commands.__path__[0]).glob("*.py")
    if path.stem != "__init__"
)


def test_the_commands_of_the_contract_are_there() -> None:
    wanted = {"auth", "crawl", "doctor", "forget", "publish", "report", "sandbox", "seeds"}
    assert wanted | {"diff", "explain", "fleet", "import", "status", "store", "verify"} <= set(
        COMMANDS
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        execute(["scrapy", name, "-h"])
    assert end.value.code == 0
    shown = capsys.readouterr()
    assert f"scrapy {name}" in shown.out
    assert "-h, --help" in shown.out
    assert shown.err == ""


def test_the_list_of_commands_says_what_each_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        execute(["scrapy"])
    assert end.value.code == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    described = {words[0] for words in lines if len(words) > 2}
    assert set(COMMANDS) <= described
