"""What SQLAlchemy compiles for one engine serves all others of a process."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite as Dialect
from sqlalchemy.util import LRUCache

# Far more than there are.
_COMPILED = LRUCache[Any, Any](10_000)


def share_statements() -> None:
    """From now on engines of SQLite share their cache: a test opens a store or two.

    Else a quarter of the time of a store's tests goes into compiling the same statements anew. A
    statement's place in the cache names its dialect, and each engine has one of its own; these are
    all alike.
    """
    init = sa.Engine.__init__

    def with_shared(engine: sa.Engine, *args: Any, **options: Any) -> None:
        init(engine, *args, **options)
        if type(engine.dialect) is Dialect:
            engine._compiled_cache = _COMPILED

    sa.Engine.__init__ = with_shared  # type: ignore[method-assign]
    Dialect.__eq__ = _same_type  # type: ignore[method-assign, assignment]
    Dialect.__hash__ = _hash_of_type  # type: ignore[method-assign, assignment]


def _same_type(one: object, other: object) -> bool:
    return type(one) is type(other)


def _hash_of_type(one: object) -> int:
    return hash(type(one))
