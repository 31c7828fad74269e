"""What a store's searches and playlists say of the tracks that they found."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.catalog import votes
from runclub_spider.catalog.content.judge import speaks
from runclub_spider.catalog.families import knows_artists
from runclub_spider.publish.choose.unsound import tidy
from runclub_spider.store.read import catalogue


def votes_of_sources(
    connection: sa.Connection, voter: votes.Voter
) -> dict[tuple[str, str], votes.Source]:
    """Votes by (source type, source key)."""
    found = {
        ("search", term): voter.search(term, umbrella, known_artist=knows_artists(family))
        for term, umbrella, family in catalogue.track_seeds(connection)
    }
    served = catalogue.playlist_searches(connection)
    for playlist_id, (name, _) in catalogue.playlists(connection).items():
        # SQLite may hold anything; what is no text says nothing.
        said = name if isinstance(name, str) else ""
        found["playlist", playlist_id] = voter.playlist(said, served.get(playlist_id, ()))
    return found


def names_of_sources(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """What lists and searches are called, of those whose name may say what a track is."""
    found = {
        source: telling_name(name) for source, name in catalogue.source_names(connection).items()
    }
    return {source: name for source, name in found.items() if name is not None}


def telling_name(name: object) -> str | None:
    """The name of a list or the words of a search, if they may say what a track is."""
    clean = tidy(name)
    return clean if clean and speaks(clean) else None
