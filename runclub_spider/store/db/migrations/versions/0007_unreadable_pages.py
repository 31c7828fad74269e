"""Pages of which no row could be read wait before they are asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("page", sa.Column("drifts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("page", sa.Column("retry_at", sa.BigInteger(), nullable=True))
    op.add_column("page", sa.Column("parser_version", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop them."""
    for name in ("drifts", "retry_at", "parser_version"):
        op.drop_column("page", name)
