"""What the documents say of commands, arguments, settings, codes and messages is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from scrapy.cmdline import _get_commands_dict
from scrapy.settings import Settings

import runclub_spider
from runclub_spider.config import Config
from runclub_spider.errors import RunclubError
from runclub_spider.spiders.arguments import KNOWN
from testkit.killer import ROOT

README = (ROOT / "README.md").read_text("utf-8")
OPERATIONS = (ROOT / "docs/OPERATIONS.md").read_text("utf-8")
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
SOURCE = "\n".join(
    path.read_text("utf-8") for path in Path(runclub_spider.__path__[0]).rglob("*.py")
)
COMMANDS = _get_commands_dict(
    Settings({"COMMANDS_MODULE": "runclub_spider.console.commands"}), True
)


# Variables that are read by others than `Config`.
_OTHERS = {"SCRAPY_SETTINGS_MODULE", "TEST_STORE"}


def typed(text: str) -> Iterator[list[str]]:
    """The words of each `scrapy …` that a document tells to type: in blocks and in backticks."""
    blocks = re.findall(r"^ {4,}(.*)$", text, re.MULTILINE)
    for line in (*blocks, *re.findall(r"`([^`\n]+)`", text)):
        found = re.search(r"(?:^|&& |\$ |bin/)(scrapy [a-z].*)$", line.strip())
        if found:
            yield shlex.split(found[1], comments=True)


def tables(text: str) -> Iterator[list[str]]:
    """The cells of each row of each table."""
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("|-"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_that_is_told_exists_and_takes_that(name: str) -> None:
    for words in typed(DOCUMENTS[name]):
        assert words[1] in COMMANDS, words
        if words[1] == "crawl" and len(words) > 2 and words[2] in KNOWN:
            given = dict(one.split("=", 1) for at, one in enumerate(words) if words[at - 1] == "-a")
            known = KNOWN[words[2]].model_fields
            assert set(given) <= set(known), words


def test_the_readme_names_every_command_and_argument() -> None:
    own = {name for name, one in COMMANDS.items() if "runclub" in type(one).__module__}
    told = {words[1] for words in typed(README)}
    assert own - told == set()
    arguments = {name for model in KNOWN.values() for name in model.model_fields}
    assert {name for name in arguments if f"`{name}" not in README} == set()


def defaults() -> Iterator[tuple[str, str]]:
    """Name and default of each setting of the tables; `A` · `B` and `1` · `2` are two of them."""
    for cells in (row for text in DOCUMENTS.values() for row in tables(text)):
        names = re.findall(r"`([A-Z][A-Z_]+)`", cells[0])
        if (
            names
            and len(cells) == 3
            and cells[0].replace("`", "").replace(" · ", "") == "".join(names)
        ):
            told = [one.strip(" `") for one in cells[1].split(" · ")]
            assert len(told) == len(names), cells
            yield from zip(names, told, strict=True)


def test_settings_have_the_defaults_that_are_told() -> None:
    config, found = Config(), dict(defaults())
    assert len(found) > 30
    for name, told in found.items():
        value = getattr(config, name.lower())
        if isinstance(value, bool):
            value = int(value)
        if isinstance(value, (list, tuple)):
            value = ",".join(map(str, value))
        if value in (None, {}, ()):
            value = "–"
        same = told == str(value) or _number(told) == _number(str(value)) is not None
        assert same, f"{name}: the documents say {told}, it is {value}"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def test_settings_that_are_told_exist() -> None:
    known = {name.upper() for name in Config.model_fields}
    for name, text in DOCUMENTS.items():
        told = set(
            re.findall(r"`([A-Z]+(?:_[A-Z]+)+)=[^`]*`|^ {4}([A-Z]+(?:_[A-Z]+)+)=", text, re.M)
        )
        assert {a or b for a, b in told} - known - _OTHERS == set(), name


def codes(kind: type[RunclubError]) -> set[int]:
    return {kind.exit_code}.union(*map(codes, kind.__subclasses__()))


@pytest.mark.parametrize("text", [README, OPERATIONS])
def test_exit_codes_are_all_told(text: str) -> None:
    part = text[text.lower().index("exit codes") :][:1500]
    part = " ".join(part.split())
    told = {int(one) for one in re.findall(r"(?:codes:?|[|·]) (\d{1,2})(?= [a-z|])", part)}
    assert told == codes(RunclubError) | {0}


def test_messages_to_look_up_are_messages_of_the_program() -> None:
    part = README[README.index("| it says | do |") :]
    said = [cells[0].strip("`") for cells in tables(part)][1:]
    assert len(said) > 5
    # As one line, without what the program fills in; names of settings and gates are filled in.
    plain = re.sub(r'"\s*\n\s*f?"', "", SOURCE)
    for message in said:
        pieces = re.split(r"…|\b[A-Z]+_[A-Z_]+\b|\b[a-z]+_[a-z_]+\b", message)
        assert all(piece.strip() in plain for piece in pieces), message
