"""Seeds that bring nothing are looked at less and less often."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = ("generation_new", "dry_runs")


def upgrade() -> None:
    """Add the columns."""
    for name in COLUMNS:
        op.add_column("seed", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop them."""
    for name in COLUMNS:
        op.drop_column("seed", name)
