"""Statements of a page, compiled once and run in the driver's own words.

SQLAlchemy looks at each statement and each value before the driver does. For the small statements
of a page that took longer than the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite


@cache
def dialect_for(name: str) -> sa.Dialect:
    """What compiles statements for a database; values go by their place."""
    if name == "sqlite":
        return sqlite.dialect()
    # Whoever has SQLite pays nothing for it.
    from sqlalchemy.dialects.postgresql import psycopg

    return psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]


def execute(connection: sa.Connection, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Run a text with values in its places, for each of them if they are a list; returns rows.

    Errors are SQLAlchemy's. A server's driver is asked by way of SQLAlchemy, which must know when
    the connection is lost.
    """
    many = isinstance(values, list)
    if connection.dialect.name != "sqlite":
        result = connection.exec_driver_sql(text, values)
        return result.all() if result.returns_rows else ()
    cursor = connection.connection.cursor()
    try:
        with errors_as_sqlalchemy(connection, text):
            if many:
                cursor.executemany(text, values)
                return ()
            cursor.execute(text, values)
            return cursor.fetchall()
    finally:
        cursor.close()


@contextmanager
def errors_as_sqlalchemy(connection: sa.Connection, text: str) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy does those of what it runs itself."""
    failure: type[Exception] = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except failure as error:
        raise sa.exc.DBAPIError.instance(
            text, None, error, failure, hide_parameters=True, dialect=connection.dialect
        ) from error


class Prepared:
    """A statement of SQLAlchemy's that is compiled once a database.

    Args:
        statement: with bound names; those that have a value of their own keep it.
        columns: that an insert or update sets to values bound by their names.
    """

    def __init__(self, statement: Any, *columns: str) -> None:
        self._statement, self._columns = statement, columns
        # By database: the text, the names in their places, and what some of them stand for.
        self._compiled: dict[str, tuple[str, tuple[str, ...], Mapping[str, Any]]] = {}

    def rows(self, connection: sa.Connection, given: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Run it; returns the rows it finds."""
        text, names, fixed = self._of(connection.dialect.name)
        values = {**fixed, **given}
        return execute(connection, text, tuple([values[name] for name in names]))

    def first(self, connection: sa.Connection, given: Mapping[str, Any]) -> list[Any]:
        """Run it; returns the first value of each row."""
        return [row[0] for row in self.rows(connection, given)]

    def many(self, connection: sa.Connection, given: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of these; all have the same names."""
        if not given:
            return
        text, names, fixed = self._of(connection.dialect.name)
        if fixed:
            given = [{**fixed, **one} for one in given]
        if len(names) == 1:
            values = [(one[names[0]],) for one in given]
        else:
            values = list(map(itemgetter(*names), given))
        execute(connection, text, values)

    def _of(self, dialect: str) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
        if dialect not in self._compiled:
            compiled = self._statement.compile(
                dialect=dialect_for(dialect),
                column_keys=list(self._columns) or None,
            )
            params = compiled.construct_params(_check=False)
            fixed = {n: value for n, value in params.items() if not compiled.binds[n].required}
            self._compiled[dialect] = (str(compiled), tuple(compiled.positiontup), fixed)
        return self._compiled[dialect]
