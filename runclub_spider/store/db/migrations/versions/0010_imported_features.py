"""Audio features from elsewhere, by Spotify id, ISRC or recording MBID."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_RATIOS = ("acousticness", "instrumentalness", "liveness", "speechiness")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "imported_features",
        sa.Column("key_kind", KEY, nullable=False),
        sa.Column("key_value", KEY, nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Float(), nullable=True)
            for name in ("tempo", "energy", "danceability", "valence", "loudness", *_RATIOS)
        ),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in ("key", "mode")),
        sa.Column("time_signature", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("key_kind", "key_value", "source"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("imported_features")
