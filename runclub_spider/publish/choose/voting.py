"""What a store's searches and playlists say of the tracks that they found."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.catalog import votes
from runclub_spider.store.read import catalogue


def votes_of_sources(
    connection: sa.Connection, voter: votes.Voter
) -> dict[tuple[str, str], votes.Source]:
    """Votes by (source type, source key)."""
    found = {
        ("search", term): voter.search(term, umbrella)
        for term, umbrella in catalogue.track_seeds(connection)
    }
    served = catalogue.playlist_searches(connection)
    for playlist_id, (name, _) in catalogue.playlists(connection).items():
        # SQLite may hold anything; what is no text says nothing.
        said = name if isinstance(name, str) else ""
        found["playlist", playlist_id] = voter.playlist(said, served.get(playlist_id, ()))
    return found
