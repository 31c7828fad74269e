"""Many ids as one value: the same rows as a list of them gives, on both databases."""

from __future__ import annotations

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.tables import meta

FINDS = sa.select(meta.c.key).where(among(meta.c.key)).order_by(meta.c.key)
KEYS = ["a", "A", "b c", "ä", "語", "\U0001f600", "1", "null", 'quo"te', "back\\slash", "per%cent"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*KEYS, "nowhere", ""])))
def test_it_is_membership(connection: sa.Connection, wanted: list[str]) -> None:
    if connection.scalar(sa.select(sa.func.count()).where(meta.c.key.in_(KEYS))) == 0:
        connection.execute(sa.insert(meta), [{"key": key, "value": "x"} for key in KEYS])
    found = connection.scalars(FINDS, {"ids": texts(wanted)}).all()
    assert found == sorted(set(wanted) & set(KEYS))


def test_more_values_than_a_statement_takes_marks(connection: sa.Connection) -> None:
    connection.execute(sa.insert(meta), [{"key": "n7", "value": "x"}])
    many = [f"n{number}" for number in range(100_000)]
    assert connection.scalars(FINDS, {"ids": texts(many)}).all() == ["n7"]
