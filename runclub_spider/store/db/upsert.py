"""`INSERT … ON CONFLICT` for both databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement

from runclub_spider.store.db.prepared import Prepared, dialect_for, execute

# Rows a statement: at a dozen columns far below the 32,766 values that SQLite takes.
_ROWS = 500


def _insert(dialect: str, table: sa.Table) -> Any:
    if dialect == "sqlite":
        return sqlite.insert(table)
    # Not above: what runs on SQLite starts without it.
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


@cache
def _insert_new(dialect: str, table: sa.Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(_insert(dialect, table).on_conflict_do_nothing(), *columns)


@cache
def _upsert(
    dialect: str,
    table: sa.Table,
    columns: tuple[str, ...],
    keep_old_if_null: tuple[str, ...],
    only_on_insert: tuple[str, ...],
) -> Prepared:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    new = statement.excluded
    changes = {
        name: sa.func.coalesce(new[name], table.c[name]) if name in keep_old_if_null else new[name]
        for name in columns
        if name not in keys and name not in only_on_insert
    }
    changed = statement.on_conflict_do_update(index_elements=keys, set_=changes)
    return Prepared(changed, *columns)


def insert_new(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert the rows whose key is not there yet; the others stay as they are."""
    if rows:
        _insert_new(connection.dialect.name, table, tuple(rows[0])).many(connection, rows)


#: How a server calls the types of our columns, the narrower ones first.
_TYPES = (
    (sa.BigInteger, "bigint"),
    (sa.Integer, "integer"),
    (sa.Boolean, "boolean"),
    (sa.Float, "float8"),
    (sa.LargeBinary, "bytea"),
    (sa.Text, "text"),
)


def _arrays(table: sa.Table, columns: Sequence[str]) -> str:
    """What gives the rows of `_by_column` back on a server: one statement takes them all."""
    kinds = [
        next(name for kind, name in _TYPES if isinstance(table.c[c].type, kind)) for c in columns
    ]
    return f"SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"  # noqa: S608 - names are the code's own


def _by_column(
    table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> tuple[list[Any], ...]:
    """Rows turned into one array a column; the driver wants all numbers of one to be alike."""
    return tuple(
        [value if value is None else float(value) for value in values]
        if isinstance(table.c[column].type, sa.Float)
        else list(values)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    )


Columns = ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]
#: Of the row that is being inserted (`excluded`), what an existing one is changed to.
Changes = Callable[[Columns], Mapping[str, sa.ColumnElement[Any]]]


class RowInsert:
    """`INSERT … ON CONFLICT` of plain rows, declared once; no value of theirs is looked at.

    A key stands once among the rows of a call.

    Args:
        table: where to.
        columns: of the rows, in their order.
        changes: of a row whose key is there already; such a row stays as it is without.
        where: only if this holds of the row that is being inserted and the existing one.

    Conditions and changes hold no values, only columns and literals.
    """

    def __init__(
        self,
        table: sa.Table,
        columns: Sequence[str],
        changes: Changes | None = None,
        where: Callable[[Columns], sa.ColumnElement[bool]] | None = None,
    ) -> None:
        self._table, self._columns = table, tuple(columns)
        self._changes, self._where = changes, where
        # By database.
        self._texts: dict[str, str] = {}

    def __call__(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows."""
        if not rows:
            return
        dialect = connection.dialect.name
        if dialect not in self._texts:
            self._texts[dialect] = self._compiled(dialect)
        # Row by row the server's work for each is five times that of a row among many.
        on_sqlite = dialect == "sqlite"
        values = list(rows) if on_sqlite else _by_column(self._table, self._columns, rows)
        execute(connection, self._texts[dialect], values)

    def _compiled(self, dialect: str) -> str:
        statement = _insert(dialect, self._table)
        if self._changes is None:
            statement = statement.on_conflict_do_nothing()
        else:
            statement = statement.on_conflict_do_update(
                index_elements=[key.name for key in self._table.primary_key],
                set_=self._changes(statement.excluded),
                where=None if self._where is None else self._where(statement.excluded),
            )
        columns = list(self._columns)
        compiled = statement.compile(dialect=dialect_for(dialect), column_keys=columns)
        if values := set(compiled.params).difference(columns):
            raise ValueError(f"values in an insert into {self._table.name}: {values}")
        # Its columns are in the order of the table; here they are in that of the rows.
        _, clause, behind = str(compiled).partition(" ON CONFLICT ")
        names = ", ".join(map(compiled.preparer.quote, self._columns))
        if dialect == "sqlite":
            rows = f"VALUES ({', '.join('?' * len(columns))})"
        else:
            rows = _arrays(self._table, columns)
        into = f"INSERT INTO {self._table.name} ({names}) {rows}"
        return into + clause + behind


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """`insert_new` for many plain rows: no more than the driver's own work for each.

    One statement takes all of a part: row by row, SQLite's driver would hand the interpreter to
    another thread each time, and wait to get it back.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    marks = f"({', '.join('?' * len(columns))})"
    start = f"INSERT INTO {table.name} ({', '.join(columns)}) "
    for at in range(0, len(rows), _ROWS):
        part = rows[at : at + _ROWS]
        if on_sqlite:
            values: tuple[Any, ...] = tuple(chain.from_iterable(part))
            taken = f"VALUES {', '.join([marks] * len(part))}"
        else:
            values, taken = _by_column(table, columns, part), _arrays(table, columns)
        connection.exec_driver_sql(f"{start}{taken} ON CONFLICT DO NOTHING", values)


def select_among(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    column: str,
    values: Sequence[str],
    *,
    source: str | None = None,
) -> Sequence[Sequence[Any]]:
    """Rows whose `column` is one of many values, passed as a single one; by primary key.

    `source` also wants that of the column of this name, the first of the key.
    """
    if not values:
        return []
    on_sqlite = connection.dialect.name == "sqlite"
    among = "IN (SELECT value FROM json_each(?))" if on_sqlite else "= ANY(%s)"
    given = orjson.dumps(values).decode() if on_sqlite else list(values)
    keys = ", ".join(key.name for key in table.primary_key)
    names = ", ".join(columns)
    scope = "" if source is None else f"source = {'?' if on_sqlite else '%s'} AND "
    return connection.exec_driver_sql(
        f"SELECT {names} FROM {table.name} WHERE {scope}{column} {among} ORDER BY {keys}",  # noqa: S608
        (given,) if source is None else (source, given),
    ).all()


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keep_old_if_null: Sequence[str] = (),
    only_on_insert: Sequence[str] = (),
) -> None:
    """Insert or replace the given columns.

    None does not replace in `keep_old_if_null`; `only_on_insert` columns never change.
    """
    if not rows:
        return
    statement = _upsert(
        connection.dialect.name,
        table,
        tuple(rows[0]),
        tuple(keep_old_if_null),
        tuple(only_on_insert),
    )
    statement.many(connection, rows)


def chunks(items: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    """Slices for `IN (…)` lists, below every driver's limit of bound values."""
    return [items[i : i + size] for i in range(0, len(items), size)]
