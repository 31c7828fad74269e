"""Many workers: plans, their jobs, and leases on pages."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables and the columns."""
    op.create_table(
        "fleet_plan",
        sa.Column("plan_id", sa.Integer(), primary_key=True),
        sa.Column("spider", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("budget", sa.Integer()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "fleet_job",
        sa.Column("job_id", sa.Integer(), primary_key=True),
        sa.Column("plan_id", sa.Integer(), sa.ForeignKey("fleet_plan.plan_id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("account", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("resume_at", sa.BigInteger()),
        sa.Column("note", sa.Text()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
    )
    op.create_index("fleet_job_plan", "fleet_job", ["plan_id"])
    op.create_table(
        "fleet_need",
        sa.Column("plan_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("stage", KEY, primary_key=True),
        sa.Column("needed", KEY, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.add_column("run", sa.Column("plan_id", sa.Integer()))
    op.add_column("page", sa.Column("lease_owner", sa.Text()))
    op.add_column("page", sa.Column("lease_until", sa.BigInteger()))
    op.add_column(
        "page", sa.Column("lease_token", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("lease_token", "lease_until", "lease_owner"):
        op.drop_column("page", name)
    op.drop_column("run", "plan_id")
    for name in ("fleet_need", "fleet_job", "fleet_plan"):
        op.drop_table(name)
