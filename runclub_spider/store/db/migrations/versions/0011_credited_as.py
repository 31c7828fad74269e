"""Recordings' artists: the name that a recording credits an artist with, where it is another."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("recording_artist", sa.Column("credited_as", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("recording_artist", "credited_as")
