"""Open metadata: what was asked, recordings and artists by MBID, tags, and what follows."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "open_ask",
        sa.Column("kind", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("next_check_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recording",
        sa.Column("mbid", KEY, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("length_ms", sa.Integer(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("mbid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recording_artist",
        sa.Column("mbid", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("artist_mbid", KEY, nullable=False),
        sa.PrimaryKeyConstraint("mbid", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("recording_artist_artist", "recording_artist", ["artist_mbid"])
    op.create_table(
        "open_artist",
        sa.Column("mbid", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("begin_year", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("mbid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "open_answer",
        sa.Column("kind", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("mbid", KEY, nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "mbid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "track_recording",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("mbid", KEY, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["track.track_id"]),
        sa.PrimaryKeyConstraint("track_id", "mbid"),
        sqlite_with_rowid=False,
    )
    op.create_index("track_recording_mbid", "track_recording", ["mbid"])
    op.create_table(
        "artist_link",
        sa.Column("artist_id", KEY, nullable=False),
        sa.Column("artist_mbid", KEY, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("artist_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "open_tag",
        sa.Column("entity", KEY, nullable=False),
        sa.Column("mbid", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "mbid", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "open_genre",
        sa.Column("name", KEY, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "open_metadata",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("recording_mbid", sa.Text(), nullable=True),
        sa.Column("artist_mbids", sa.Text(), nullable=True),
        sa.Column("original_year", sa.Integer(), nullable=True),
        sa.Column("year_source", sa.Text(), nullable=True),
        sa.Column("year_confidence", sa.Float(), nullable=True),
        sa.Column("genres", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["track_id"], ["track.track_id"]),
        sa.PrimaryKeyConstraint("track_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    for name in (
        "open_metadata",
        "open_genre",
        "open_tag",
        "artist_link",
        "track_recording",
        "open_answer",
        "open_artist",
        "recording_artist",
        "recording",
        "open_ask",
    ):
        op.drop_table(name)
