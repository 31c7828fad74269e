"""What a person should look at: plays that no rule settles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.store.db.tables import play_review
from runclub_spider.store.db.upsert import insert_new, select_among

_BATCH = 2_000


class Review:
    """Notes on the plays of one source, collected for one transaction."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._notes: list[dict[str, str]] = []

    def note(self, source_play_id: str, kind: str, **detail: object) -> None:
        """Have a play looked at; once for each kind of doubt."""
        self._notes.append(
            {
                "source": self.source,
                "source_play_id": source_play_id,
                "kind": kind,
                "detail": orjson.dumps(detail).decode(),
            }
        )

    def described(self, connection: sa.Connection) -> list[str]:
        """The notes that are not stored yet, in words."""
        ids = sorted({note["source_play_id"] for note in self._notes})
        columns = ("source_play_id", "kind")
        rows = select_among(
            connection, play_review, columns, "source_play_id", ids, source=self.source
        )
        stored = {tuple(row) for row in rows}
        return [
            f"+ play_review {note['source_play_id']} {note['kind']}"
            for note in self._notes
            if (note["source_play_id"], note["kind"]) not in stored
        ]

    def write(self, connection: sa.Connection) -> None:
        """Store the notes; those that are there stay as they are."""
        insert_new(connection, play_review, self._notes)


def reviews(connection: sa.Connection, source: str) -> Iterator[dict[str, Any]]:
    """The stored notes on a source's plays, by play and kind."""
    rows = connection.execute(
        sa.select(play_review)
        .where(play_review.c.source == source)
        .order_by(play_review.c.source_play_id, play_review.c.kind)
        .execution_options(yield_per=_BATCH)
    )
    for row in rows:
        yield {
            "source_play_id": row.source_play_id,
            "kind": row.kind,
            **orjson.loads(row.detail),
        }
