"""The whole store into another, empty database: SQLite and PostgreSQL, each to each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError, StoreError
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import (
    check_place,
    database_url,
    file_of,
    made_engine,
    scrubbed,
    shown,
)
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.db.prepared import errors_as_sqlalchemy
from runclub_spider.store.db.tables import meta as meta_table
from runclub_spider.store.db.tables import metadata
from runclub_spider.terminal import SILENT, Progress
from runclub_spider.text import printable

# Rows in memory at once, and of tables that hold whole answers. A server keeps account of each
# reference of a statement's rows until its end, so a statement is one batch as well.
_ROWS, _ANSWERS = 5000, 200
_PATIENCE_SECONDS = 10
_VERSION = "alembic_version"


def target_of(config: Config, url: str) -> Config:
    """The settings of a store at another address.

    Raises:
        ConfigurationError: the address is none of a database that can hold one, or the store's own.
    """
    target = config.model_copy(update={"database_url": url})
    with _blaming_the_address():
        place = database_url(target)
    if _identity(place) == _identity(database_url(config)):
        raise ConfigurationError(f"{shown(place)} is the store itself: name another database")
    return target


def copy(config: Config, target: Config, what: str, progress: Progress = SILENT) -> str:
    """Copy every row of the configured store, which no run may hold; returns one line.

    It is read as of one moment and written in one transaction: if that fails, the target holds no
    row. The token of who may write stays behind.

    Args:
        config: of the store.
        target: of an empty database, from :func:`target_of`.
        what: the command's words, for another that wants either store.
        progress: told of each batch.

    Raises:
        ConfigurationError: there is no store, the target is not empty, or a row is one that it
            cannot hold.
        RunPaused: a run holds one of the two.
    """
    with _blaming_the_address():
        _check_empty(target)
    with (
        exclusive(config, what),
        closing(Store.open(config, create=False)) as source,
        _blaming_the_address(),
    ):
        rows = _copied(source, target, what, progress)
    return (
        f"Copied {rows:,} rows of {len(metadata.tables)} tables to {shown(database_url(target))}; "
        "DATABASE_URL says which store is used"
    )


def _copied(source: Store, target: Config, what: str, progress: Progress) -> int:
    """Copy into a database that nobody else writes; returns the number of rows."""
    with exclusive(target, what):
        # Nobody held it until now.
        _check_empty(target)
        with (
            closing(Store.open(target)) as made,
            source.reading() as old,
            made.begin() as new,
        ):
            return sum(_table(old, new, table, progress) for table in metadata.sorted_tables)


def _table(old: sa.Connection, new: sa.Connection, table: sa.Table, progress: Progress) -> int:
    query = sa.select(table).order_by(*table.primary_key)
    if table is meta_table:
        query = query.where(meta_table.c.key != meta.WRITER)
    total = old.scalar(sa.select(sa.func.count()).select_from(query.order_by(None).subquery())) or 0
    done = 0
    try:
        for batch in _batches(old, query, _size(table)):
            progress.step(f"{table.name}, {done:,} of {total:,} rows")
            _insert(new, table, batch)
            done += len(batch)
        _count_on(new, table)
    except (sa.exc.IntegrityError, sa.exc.DataError, ValueError, OverflowError) as error:
        raise StoreError(
            f"a row of {table.name} cannot be copied: {_words(error)}; nothing was, mend that row"
        ) from None
    return done


def _batches(
    connection: sa.Connection, query: sa.Select[Any], size: int
) -> Iterator[Sequence[sa.Row[Any]]]:
    """The rows of the store, streamed."""
    try:
        yield from connection.execute(query.execution_options(yield_per=size)).partitions()
    except sa.exc.DatabaseError as error:
        raise StoreError(
            f"the store cannot be read: {scrubbed(_words(error), connection.engine.url)}; "
            "nothing was copied"
        ) from None


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of all columns, in the way that is quickest for the database."""
    if connection.dialect.name == "sqlite":
        text = str(sa.insert(table).compile(dialect=connection.dialect))
        connection.exec_driver_sql(text, [tuple(row) for row in rows])
        return
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    text = f'COPY "{table.name}" ({names}) FROM STDIN'
    driver: Any = connection.connection.driver_connection
    with (
        errors_as_sqlalchemy(connection, text),
        driver.cursor() as cursor,
        cursor.copy(text) as lines,
    ):
        for row in rows:
            lines.write_row(row)


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """Let the numbers that a server gives go on behind those that were copied."""
    column = table.autoincrement_column
    if column is not None and connection.dialect.name == "postgresql":
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        last = sa.func.max(column)
        connection.execute(sa.select(sa.func.setval(sequence, last)).having(last.is_not(None)))


def _size(table: sa.Table) -> int:
    large = any(isinstance(column.type, sa.LargeBinary) for column in table.columns)
    return _ANSWERS if large else _ROWS


def _check_empty(config: Config) -> None:
    """The database holds nothing, or the tables of a store without a row; it is not touched.

    Raises:
        ConfigurationError: it holds anything, or cannot be opened.
    """
    url = database_url(config)
    path = file_of(url)
    check_place(config)
    if path is not None and not path.exists():
        return
    patience = {} if path is not None else {"connect_timeout": _PATIENCE_SECONDS}
    engine = made_engine(url, poolclass=sa.NullPool, connect_args=patience)
    try:
        with engine.connect() as connection:
            found = _content(connection)
    except sa.exc.DBAPIError as error:
        raise StoreError(
            f"the store {shown(url)} cannot be opened: {scrubbed(_words(error), url)}; check URL"
        ) from None
    finally:
        engine.dispose()
    if found:
        raise ConfigurationError(
            f"{shown(url)} is not empty, it holds {found}: copy into a new file or an empty "
            "database"
        )


def _content(connection: sa.Connection) -> str:
    """What a database holds, in words; nothing for an empty one or a store without a row."""
    names = sa.inspect(connection).get_table_names()
    if names and _VERSION not in names:
        return f"other tables ({', '.join(map(printable, sorted(names)[:3]))})"
    for name in sorted(metadata.tables.keys() & set(names)):
        table = sa.table(name, sa.column("key"))
        query = sa.select(sa.literal(1)).select_from(table).limit(1)
        if name == meta_table.name:
            query = query.where(table.c.key != meta.WRITER)
        if connection.scalar(query):
            return f"rows in {name}"
    return ""


def _identity(url: URL) -> tuple[object, ...]:
    """Equal for two addresses of the same database, as far as that is known without asking."""
    path = file_of(url)
    if path is not None:
        return (path.resolve(),)
    return url.host or url.query.get("host") or "localhost", url.port or 5432, url.database


@contextmanager
def _blaming_the_address() -> Iterator[None]:
    """What is wrong with the target is to be mended in the command, not in the settings."""
    try:
        yield
    except StoreError as error:
        words = str(error)
        for name in ("CACHE_DIR or DATABASE_URL", "DATABASE_URL and CACHE_DIR", "DATABASE_URL"):
            words = words.replace(name, "URL")
        raise StoreError(words.replace("check CACHE_DIR", "check URL")) from None


def _words(error: Exception) -> str:
    """The driver's own words in one line, with the place that a server names."""
    said = str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__]
    places = [line.removeprefix("CONTEXT:").strip() for line in said if line.startswith("CONTEXT:")]
    return printable(": ".join([said[0], *places]))
