"""KEXP: songs, their plays, and how far the plays were read."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "song",
        sa.Column("id", KEY, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("artist", sa.Text(), nullable=False),
        sa.Column("album", sa.Text(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("mbid", KEY, nullable=True),
        sa.Column("isrc", KEY, nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("is_placeholder", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("has_embedding", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("track_id", KEY, nullable=True),
        sa.Column("match_key", KEY, nullable=True),
        sa.Column("artist_key", KEY, nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["track.track_id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("song_match_key", "song", ["match_key"], unique=True)
    op.create_index("song_artist_key", "song", ["artist_key"])
    for name in ("mbid", "isrc", "track_id"):
        op.create_index(
            f"song_{name.removesuffix('_id')}",
            "song",
            [name],
            sqlite_where=sa.text(f"{name} IS NOT NULL"),
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    op.create_table(
        "external_play",
        sa.Column("source", KEY, nullable=False),
        sa.Column("source_play_id", KEY, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("artist", sa.Text(), nullable=False),
        sa.Column("album", sa.Text(), nullable=True),
        sa.Column("airdate", sa.BigInteger(), nullable=True),
        sa.Column("mbid", sa.Text(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("song_id", KEY, nullable=True),
        sa.Column("match_tier", sa.Text(), nullable=True),
        sa.Column("match_confidence", sa.Float(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["song_id"], ["song.id"]),
        sa.PrimaryKeyConstraint("source", "source_play_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("external_play_song", "external_play", ["source", "song_id"])
    op.create_index("external_play_airdate", "external_play", ["source", "airdate"])
    op.create_table(
        "ingestion_checkpoint",
        sa.Column("source", KEY, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "covered_interval",
        sa.Column("source", KEY, nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "start_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "play_review",
        sa.Column("source", KEY, nullable=False),
        sa.Column("source_play_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "source_play_id", "kind"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    for name in (
        "play_review",
        "covered_interval",
        "ingestion_checkpoint",
        "external_play",
        "song",
    ):
        op.drop_table(name)
