"""Which page brought a track: the first in the order of planning."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of tracks that are stored the pages keep what they counted."""
    op.add_column("track", sa.Column("first_ordinal", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("track", "first_ordinal")
