"""Track details: the length that ReccoBeats knows, where Spotify's answers tell none."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("track_detail", sa.Column("duration_ms", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("track_detail", "duration_ms")
