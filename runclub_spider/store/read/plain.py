"""Rows as plain tuples: a row object for each of millions takes longer than to read them.

SQLAlchemy states the queries, and the driver's cursor hands out the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.store.db.prepared import errors_as_sqlalchemy

_ROWS = 2000


def plain_rows(
    connection: sa.Connection, query: sa.Select[Any]
) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows of a query, some thousand at a time."""
    # Not to be streamed: SQLAlchemy would take the first row for itself. So a server hands out all
    # at once.
    result = connection.execute(query)
    cursor: Any = result.cursor
    try:
        with errors_as_sqlalchemy(connection, result.context.statement):
            while rows := cursor.fetchmany(_ROWS):
                yield rows
    finally:
        result.close()
