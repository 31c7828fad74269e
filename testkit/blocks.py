"""Rows of `catalog_wide` as the columns that a release is written of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runclub_spider.catalog.models import FEATURES
from runclub_spider.publish.write.rows import Block, Columns


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Rows that have the same names, as columns."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def block_of(rows: Sequence[Mapping[str, Any]]) -> Block:
    """Rows that have the same names, and so have their `_extra`; at least one."""
    featured = [any(row.get(name) is not None for name in FEATURES) for row in rows]
    return Block(columns_of(rows), columns_of([row["_extra"] for row in rows]), featured)
