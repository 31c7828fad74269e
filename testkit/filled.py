"""Stores in which every table has rows, of every kind of value that its columns take."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import meta, metadata

#: What sorts otherwise by code point than in a dictionary, or is more than a plain letter.
_TEXTS = ("Zebra", "apfel", "Äther \u2028 “Straße”", "\t\\N\n", "🎵 é é")
_FLOATS = (0.1, -7.25, 1e-300, 123456789.12345679, 5.0)
_ANSWERS = (b"\x00\xff\n\\", b"", b"{}", b"\x1f\x8b" * 9, b"'")


def _value(column: sa.Column[Any], number: int) -> Any:
    """A value for a row; references name the row of the same number."""
    if column.nullable and number == 4:
        return None
    if isinstance(column.type, sa.Boolean):
        return number % 2 == 0
    if isinstance(column.type, sa.BigInteger):
        return 2**40 + number
    if isinstance(column.type, sa.Integer):
        return number + 1
    if isinstance(column.type, sa.Float):
        return _FLOATS[number]
    if isinstance(column.type, sa.LargeBinary):
        return _ANSWERS[number]
    return f"{_TEXTS[number]} {number}"


def fill(store: Store) -> int:
    """Put five rows into each table of an empty store; returns how many are there now."""
    with store.begin() as connection:
        for table in metadata.sorted_tables:
            rows = [{c.name: _value(c, number) for c in table.columns} for number in range(5)]
            connection.execute(sa.insert(table), rows)
        return sum(len(rows) for rows in content(connection).values())


def content(connection: sa.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, by its key; the token of who may write is left out."""
    found = {}
    for table in metadata.sorted_tables:
        query = sa.select(table).order_by(*table.primary_key)
        if table is meta:
            query = query.where(meta.c.key != "writer")
        found[table.name] = [tuple(row) for row in connection.execute(query)]
    return found
