"""What is asked of columns of Arrow is what the schema says of each value."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.publish.verify.columnar import flat_checks
from runclub_spider.publish.verify.schema import FORMS, compile_check, packaged_schema
from runclub_spider.publish.verify.tables import columns_of

TEXTS = st.sampled_from(
    [
        *("", "x", "a" * 22, "a" * 22 + "\n", "a" * 23, "US", "us", "70s", "2020-02-30", "0000"),
        *("2020-02-29", "2025-10-15T14:26:05Z", "2025-02-30T00:00:00Z", "QZ0000097498"),
        *("0" * 8 + "-0000-5000-8000-" + "0" * 12, "0" * 8 + "-0000-4000-8000-" + "0" * 12),
    ]
)


def values_of(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values that a column of a type may hold."""
    if pa.types.is_list(kind):
        inner = values_of(kind.value_type).filter(lambda value: value is not None)
        return st.none() | st.lists(inner, max_size=3)
    plain: st.SearchStrategy[Any] = TEXTS
    if pa.types.is_boolean(kind):
        plain = st.booleans()
    elif pa.types.is_integer(kind):
        plain = st.integers(-2, 14) | st.sampled_from([100, 101, 9999, 10_000, 2**62])
    elif pa.types.is_floating(kind):
        plain = st.floats(-2, 2)
    return st.none() | plain


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_columns_fit_as_their_values_do(form: int, data: st.DataObject) -> None:
    document = packaged_schema("catalog_wide", form)
    name = data.draw(st.sampled_from(sorted(flat_checks(form))))
    kind = columns_of(form).types.field(name).type
    values = data.draw(st.lists(values_of(kind), min_size=1, max_size=4))
    fits = flat_checks(form)[name](pa.array(values, kind))
    one = compile_check(document["properties"][name], document)
    assert fits == all(map(one, values))


@pytest.mark.parametrize("form", FORMS)
def test_every_column_is_asked_but_what_is_parsed(form: int) -> None:
    columns = columns_of(form)
    assert {*flat_checks(form), *columns.objects} == set(columns.types.names)
