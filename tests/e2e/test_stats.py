"""The page of stats, held against the source and against runs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import runclub_spider
from runclub_sandbox.testing import Sandbox
from testkit.places import CONTACT, OPEN, Place

from .airing import DAY
from .running import ROOT, Run

PAGE = ROOT / "docs" / "STATS.md"
PREFIXES = ("runclub/", "deltafetch/")
#: What tells of trouble, of a change of an API, or is not kept in the store.
NOT_IN_THESE_RUNS = {
    *(f"runclub/<api>/{event}" for event in ("retries", "errors", "refused")),
    "runclub/unexpected/<field>",
    *("runclub/pages_put_off", "runclub/pages_unreadable", "runclub/refused/<kind>/<status>"),
    *("runclub/filters/asked_again", "deltafetch/skipped", "deltafetch/stored"),
}


def listed() -> list[str]:
    """The keys of the page, in its order."""
    return re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def set_in_the_source() -> set[str]:
    """Keys that the package sets; what is put in at run time stands as `<>`."""
    folder = Path(runclub_spider.__file__).parent
    return {
        key
        for path in folder.rglob("*.py")
        for key in _keys(ast.parse(path.read_text(encoding="utf-8")))
    }


def _keys(tree: ast.AST) -> Iterator[str]:
    """The first argument of whatever counts: `inc_value`, or a function handed on for it."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name in {"inc_value", "set_value", "max_value", "min_value", "count", "_count"}:
            key = _text(node.args[0])
            if key.startswith(PREFIXES):
                yield key


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return "<>"


def agree(one: str, other: str) -> bool:
    """Whether two keys can be the same one; a piece in angle brackets may be any."""
    pieces, others = one.split("/"), other.split("/")
    return len(pieces) == len(others) and all(
        a == b or a[0] == "<" or b[0] == "<" for a, b in zip(pieces, others, strict=True)
    )


def test_the_page_lists_each_key_once() -> None:
    assert len(listed()) == len(set(listed())) > 30


def test_the_page_and_the_source_name_the_same_keys() -> None:
    page, source = listed(), set_in_the_source()
    assert [key for key in sorted(source) if not any(agree(key, one) for one in page)] == []
    assert [one for one in page if not any(agree(one, key) for key in source)] == []


def test_no_key_is_set_where_this_test_does_not_look() -> None:
    folder = Path(runclub_spider.__file__).parent
    written = set[str]()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant | ast.JoinedStr):
                key = _text(node)
                if re.fullmatch(r"(runclub|deltafetch)/[\w<>./]*[\w>]", key):
                    written.add(key)
    page = listed()
    assert [key for key in sorted(written) if not any(agree(key, one) for one in page)] == []


@pytest.mark.e2e
def test_the_page_and_runs_name_the_same_keys(place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(faults={"odd": 0.05})
    run(place, "crawl", "spotify_search", "-a", "budget=30", code=None)
    run(place, "crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=40", code=None)
    run(place, *OPEN, code=None, **CONTACT)
    run(place, "crawl", "kexp", *DAY, code=None)
    found = {
        f"runclub/{key}"
        for counts in place.column("SELECT counts FROM run")
        for key in json.loads(counts)
    }
    page = listed()
    assert [key for key in sorted(found) if not any(agree(key, one) for one in page)] == []
    unseen = {one for one in page if not any(agree(one, key) for key in found)}
    assert unseen <= NOT_IN_THESE_RUNS
