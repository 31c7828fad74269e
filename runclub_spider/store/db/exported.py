"""What many tables ask of a release's tracks: which are eligible, and that some have changed."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import rejection, track

#: Of a query on `track`: no rule refuses it.
ELIGIBLE = ~sa.exists().where(rejection.c.track_id == track.c.track_id)


def changed(
    connection: sa.Connection, which: sa.ColumnElement[bool], now: int, **given: str
) -> None:
    """Note that something a release shows of some tracks changed at a moment (epoch seconds).

    `given` is bound in `which`.
    """
    connection.execute(sa.update(track).where(which).values(updated_at=now), given)
    meta.touch(connection)
