"""The end of the queue without a look at every page."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.create_index("page_ordinal", "page", ["ordinal"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("page_ordinal", "page")
