"""What a document looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.publish.write.document import write_document

texts = st.text(st.characters(exclude_categories=["Cs"]))
simple = st.none() | st.booleans() | st.integers() | texts
values = st.recursive(
    simple | st.floats(allow_nan=False, allow_infinity=False),
    lambda one: st.lists(one) | st.dictionaries(texts, one),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values)
def test_bytes_are_those_of_the_standard_library(tmp_path: Path, value: Any) -> None:
    write_document(tmp_path / "one.json", value)
    expected = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    assert (tmp_path / "one.json").read_bytes() == expected.encode()


@pytest.mark.parametrize(
    ("value", "why"),
    [(float("nan"), "not JSON"), (float("inf"), "not JSON"), ("\ud800", "surrogates")],
)
def test_what_json_cannot_hold_is_refused(tmp_path: Path, value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        write_document(tmp_path / "one.json", {"one": value})
