"""The first tables: ledgers, registries, edges, quota, releases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "api_block",
        sa.Column("account", KEY, nullable=False),
        sa.Column("family", KEY, nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "family"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artist",
        sa.Column("artist_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("genres", sa.Text(), nullable=True),
        sa.Column("popularity", sa.Integer(), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("artist_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "canonical",
        sa.Column("isrc", KEY, nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("isrc"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meta",
        sa.Column("key", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "page",
        sa.Column("key", KEY, nullable=False),
        sa.Column("spider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("first_row", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.Column("rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("track_rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("null_rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("local_rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("episode_rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("new_tracks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(
        "page_open",
        "page",
        ["spider", "ordinal"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("page_run", "page", ["run_id"], unique=False)
    op.create_index("page_source", "page", ["source_key"], unique=False)
    op.create_table(
        "playlist",
        sa.Column("playlist_id", KEY, nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("owner_name", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("snapshot_id", sa.Text(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("followers", sa.Integer(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_processed_at", sa.BigInteger(), nullable=True),
        sa.Column("last_snapshot_processed", sa.Text(), nullable=True),
        sa.Column("processed_rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="found", nullable=False),
        sa.PrimaryKeyConstraint("playlist_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "playlist_change",
        sa.Column("playlist_id", KEY, nullable=False),
        sa.Column("new_snapshot", KEY, nullable=False),
        sa.Column("old_snapshot", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("added", sa.Text(), nullable=False),
        sa.Column("removed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("playlist_id", "new_snapshot"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quota",
        sa.Column("account", KEY, nullable=False),
        sa.Column("family", KEY, nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "family", "hour"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "release",
        sa.Column("version", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("data_digest", sa.Text(), nullable=False),
        sa.Column("tracks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "release_row",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("umbrella", sa.Text(), nullable=True),
        sa.Column("decade", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("track_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("spider", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table(
        "seed",
        sa.Column("term", KEY, nullable=False),
        sa.Column("search_type", KEY, nullable=False),
        sa.Column("market", KEY, nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("umbrella", sa.Text(), nullable=True),
        sa.Column("decade", sa.Text(), nullable=True),
        sa.Column("bpm", sa.Integer(), nullable=True),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), server_default="fresh", nullable=False),
        sa.Column("next_offset", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_offset", sa.Integer(), nullable=True),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("requests", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("new_tracks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("eligible_new", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("term", "search_type", "market"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seed_playlist",
        sa.Column("term", KEY, nullable=False),
        sa.Column("market", KEY, nullable=False),
        sa.Column("playlist_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("term", "market", "playlist_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tombstone",
        sa.Column("kind", KEY, nullable=False),
        sa.Column("value", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "track",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("isrc", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("album_id", sa.Text(), nullable=True),
        sa.Column("album_name", sa.Text(), nullable=False),
        sa.Column("album_type", sa.Text(), nullable=True),
        sa.Column("release_date", sa.Text(), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("popularity", sa.Integer(), nullable=True),
        sa.Column("preview_url", sa.Text(), nullable=True),
        sa.Column("linked_from", sa.Text(), nullable=True),
        sa.Column("available_markets", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("last_enriched_at", sa.BigInteger(), nullable=True),
        sa.Column("has_features", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("has_artist", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("track_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("track_isrc", "track", ["isrc"], unique=False)
    op.create_index(
        "track_without_features",
        "track",
        ["track_id"],
        unique=False,
        sqlite_where=sa.text("NOT has_features"),
        postgresql_where=sa.text("NOT has_features"),
    )
    op.create_table(
        "audio_features",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("recco_track_id", sa.Text(), nullable=True),
        sa.Column("tempo", sa.Float(), nullable=True),
        sa.Column("energy", sa.Float(), nullable=True),
        sa.Column("danceability", sa.Float(), nullable=True),
        sa.Column("valence", sa.Float(), nullable=True),
        sa.Column("loudness", sa.Float(), nullable=True),
        sa.Column("acousticness", sa.Float(), nullable=True),
        sa.Column("instrumentalness", sa.Float(), nullable=True),
        sa.Column("liveness", sa.Float(), nullable=True),
        sa.Column("speechiness", sa.Float(), nullable=True),
        sa.Column("key", sa.Integer(), nullable=True),
        sa.Column("mode", sa.Integer(), nullable=True),
        sa.Column("time_signature", sa.Integer(), nullable=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("borrowed_from", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["track_id"],
            ["track.track_id"],
        ),
        sa.PrimaryKeyConstraint("track_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feature_miss",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("next_check_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["track_id"],
            ["track.track_id"],
        ),
        sa.PrimaryKeyConstraint("track_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rejection",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("rule", KEY, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["track_id"],
            ["track.track_id"],
        ),
        sa.PrimaryKeyConstraint("track_id", "rule"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "track_artist",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("artist_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["artist_id"],
            ["artist.artist_id"],
        ),
        sa.ForeignKeyConstraint(
            ["track_id"],
            ["track.track_id"],
        ),
        sa.PrimaryKeyConstraint("track_id", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("track_artist_artist", "track_artist", ["artist_id"], unique=False)
    op.create_table(
        "track_market",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("market", KEY, nullable=False),
        sa.Column("playable", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("restriction", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["track_id"],
            ["track.track_id"],
        ),
        sa.PrimaryKeyConstraint("track_id", "market"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "track_source",
        sa.Column("track_id", KEY, nullable=False),
        sa.Column("source_type", KEY, nullable=False),
        sa.Column("source_key", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=True),
        sa.Column("added_snapshot", sa.Text(), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["track_id"],
            ["track.track_id"],
        ),
        sa.PrimaryKeyConstraint("track_id", "source_type", "source_key"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "track_source_source", "track_source", ["source_type", "source_key"], unique=False
    )
