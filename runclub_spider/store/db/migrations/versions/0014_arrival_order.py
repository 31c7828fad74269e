"""Tracks and their features in the order of their arrival; an index that nothing reads goes.

On SQLite only: a server keeps every table like that.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLES = ("track", "audio_features")
_BY_KEY = "WITHOUT ROWID"


def upgrade() -> None:
    """Make both tables anew; foreign keys, which lead to them, are off meanwhile."""
    op.drop_index("track_without_features", "track")
    if op.get_bind().dialect.name == "sqlite":
        for name in _TABLES:
            sql = _sql_of(name)
            _make_anew(name, sql[: sql.rindex(_BY_KEY)])


def downgrade() -> None:
    """Back to the order of keys, and the index."""
    if op.get_bind().dialect.name == "sqlite":
        for name in _TABLES:
            _make_anew(name, f"{_sql_of(name)} {_BY_KEY}")
    where = sa.text("NOT has_features")
    op.create_index(
        "track_without_features",
        "track",
        ["track_id"],
        postgresql_where=where,
        sqlite_where=where,
    )


def _sql_of(name: str) -> str:
    query = sa.text("SELECT sql FROM sqlite_master WHERE name = :name")
    return str(op.get_bind().scalar(query, {"name": name}))


def _make_anew(name: str, sql: str) -> None:
    """A table with the same rows and indexes, declared otherwise."""
    connection = op.get_bind()
    query = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :name AND type = 'index'")
    indexes = [one for one in connection.scalars(query, {"name": name}) if one]
    # Else what leads to the table would follow its old rows.
    op.execute("PRAGMA legacy_alter_table=ON")
    op.execute(f"ALTER TABLE {name} RENAME TO {name}_before")
    op.execute(sql)
    op.execute(f"INSERT INTO {name} SELECT * FROM {name}_before")  # noqa: S608 - names are the code's own
    op.execute(f"DROP TABLE {name}_before")
    op.execute("PRAGMA legacy_alter_table=OFF")
    for index in indexes:
        op.execute(index)
