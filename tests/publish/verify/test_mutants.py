"""Whatever is wrong with a release, `verify` says by the rule that it was known by.

What is taken for sound is recorded too, with the rule `-`: a figure nothing else tells, or a
change that gives another sound release.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.publish.verify.mutants import Mutant, groups, told

APPROVED = Path(__file__).with_name("caught.tsv").read_text(encoding="utf-8").splitlines()
GROUPS = groups()
#: Changes of every field that the others of the same field stand for.
_MORE = {"last", "bell", "odd"}


def approved(name: tuple[str, str]) -> list[str]:
    return [line for line in APPROVED if tuple(line.split("\t")[:2]) == name]


def test_every_mutant_is_recorded_and_there_are_enough() -> None:
    assert {tuple(line.split("\t")[:2]) for line in APPROVED} == GROUPS.keys()
    caught = [line.split("\t") for line in APPROVED if line.split("\t")[2] != "-"]
    assert sum(len((*line, "")[3].split()) or 1 for line in caught) > 1350


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(group, id=" ".join(name), marks=[pytest.mark.full] * (name[1] in _MORE))
        for name, group in GROUPS.items()
    ],
)
def test_a_mutant_is_caught_by_its_rule(group: list[Mutant]) -> None:
    assert told(group) == approved((group[0].file, group[0].change))
