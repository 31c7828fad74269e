"""Edges: that a search was for a song of a station is an attribute, not a kind of source."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NAMES = ("track_id", "source_type", "source_key", "first_seen_at", "station")
_EDGE = sa.table("track_source", *(sa.column(name) for name in _NAMES))


def upgrade() -> None:
    """Add the column; edges of `kexp` become those of a search."""
    op.add_column("track_source", sa.Column("station", sa.Text(), nullable=True))
    # A term may have been both, under two markets: what was seen first stays.
    edge, other = _EDGE.c, _EDGE.alias()
    for lost, kept, later in (
        ("search", "kexp", edge.first_seen_at >= other.c.first_seen_at),
        ("kexp", "search", edge.first_seen_at > other.c.first_seen_at),
    ):
        same = (other.c.track_id == edge.track_id) & (other.c.source_key == edge.source_key)
        twin = sa.exists().where(same, other.c.source_type == kept, later)
        op.execute(sa.delete(_EDGE).where(edge.source_type == lost, twin))
    op.execute(
        sa.update(_EDGE)
        .where(edge.source_type == "kexp")
        .values(source_type="search", station="kexp")
    )


def downgrade() -> None:
    """Make them a kind of source again, and drop the column."""
    edge = _EDGE.c
    op.execute(sa.update(_EDGE).where(edge.station.is_not(None)).values(source_type=edge.station))
    op.drop_column("track_source", "station")
