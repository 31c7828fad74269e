"""Conditions on many values at once, in statements that are declared once.

`IN (?, ?, …)` is another text for each number of values, so it is built anew for each call. Here
all values are one JSON text: the statement is compiled once a process.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _JsonTexts(FunctionElement[str]):
    """The texts of a JSON array, as a subquery."""

    name = "json_texts"
    inherit_cache = True


@compiles(_JsonTexts)
def _sqlite(element: Any, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **kwargs)}))"  # noqa: S608 - a bound name


@compiles(_JsonTexts, "postgresql")
def _postgresql(element: Any, compiler: SQLCompiler, **kwargs: Any) -> str:
    given = compiler.process(element.clauses, **kwargs)
    return f"(SELECT json_array_elements_text(CAST({given} AS json)))"


def among(column: sa.ColumnElement[Any], name: str = "ids") -> sa.ColumnElement[bool]:
    """Whether a text column is one of the values that are bound by this name, see `texts`."""
    values = _JsonTexts(sa.bindparam(name, type_=sa.Text(), required=True))
    return column.op("IN", is_comparison=True)(values)


def texts(values: Collection[str]) -> str:
    """Values as `among` takes them."""
    return orjson.dumps(list(values)).decode()
