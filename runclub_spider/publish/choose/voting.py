"""What the store says about each track's umbrella, handed to the vote of `catalog.votes`."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.catalog import votes
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.publish.choose.pool import Evidence, Vote, Voter, evidence
from runclub_spider.store.read import catalogue


def voter(
    connection: sa.Connection, umbrellas: UmbrellaMap, *, threshold: float, tags: bool = True
) -> Voter:
    """A vote on the tracks of a store, which it reads once to count what artists' tracks say.

    A track whose best umbrella is less sure than `threshold` gets none: it fills no cell. The
    genres of open metadata count unless `tags` is off.
    """
    ballot = votes.Voter(umbrellas, threshold=threshold)
    sources = {
        ("search", term): ballot.search(term, umbrella)
        for term, umbrella in catalogue.track_seeds(connection)
    }
    served = catalogue.playlist_searches(connection)
    for playlist_id, (name, _) in catalogue.playlists(connection).items():
        # SQLite may hold anything; what is no text says nothing.
        said = name if isinstance(name, str) else ""
        sources["playlist", playlist_id] = ballot.playlist(said, served.get(playlist_id, ()))

    def seen(track: Evidence) -> votes.Evidence:
        return votes.Evidence(
            name=track.name,
            album_name=track.album_name,
            artist_ids=track.artist_ids,
            artist_names=track.artist_names,
            genres=track.genres,
            # Of an album by one artist the artist's own tracks say all there is.
            album_id=track.album_id if track.compilation else None,
            sources=[sources[key] for key in track.sources if key in sources],
            tags=track.tags if tags else (),
        )

    def vote(track: Evidence) -> Vote:
        verdict = ballot.verdict(seen(track))
        return Vote(verdict.fills, str(verdict.origin), verdict.confidence)

    for track in evidence(connection):
        ballot.add(seen(track))
    return vote
