"""Details from ReccoBeats, and the editions that can lend a feature miss theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "track_detail",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("isrc", sa.Text(), nullable=True),
        sa.Column("popularity", sa.Integer(), nullable=True),
        sa.Column("countries", sa.Text(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["track.track_id"]),
        sa.PrimaryKeyConstraint("track_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "edition_search",
        sa.Column("isrc", KEY, nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("isrc"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "edition",
        sa.Column("isrc", KEY, nullable=False),
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("popularity", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("isrc", "track_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("edition", "edition_search", "track_detail"):
        op.drop_table(name)
