"""Which cells the tracks of answered pages fill, told from what the ledger knew at each page.

Artist genres stay out: they come with enrichment, whose pace must not change what is asked. A
page's tracks are judged by the searches and lists that had shown them when it was answered, so
that a run that goes on where another stopped sees what that one saw. What a content label rejects
or puts last, by names alone, fills no cell, and more of its artist is not wanted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from runclub_spider.catalog import votes
from runclub_spider.catalog.content.judge import labels_of
from runclub_spider.catalog.content.labels import ContentPolicy, Treatment
from runclub_spider.catalog.content.track import Track
from runclub_spider.catalog.dates import decade_of, release_year
from runclub_spider.catalog.families import knows_artists, station_of
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.frontier.choice import Found
from runclub_spider.store.queue.answered import AnsweredPage, ShownTrack

_Key = tuple[str, str]
_DEFAULT = ContentPolicy()


@dataclass(frozen=True, slots=True)
class Seen:
    """A page's tracks, and tracks of earlier pages whose umbrella became sure by it."""

    found: tuple[Found, ...]
    turned: tuple[Found, ...]


class CellJudge:
    """Judges tracks page by page, in the order in which the pages were planned."""

    def __init__(
        self, umbrellas: UmbrellaMap, threshold: float, content: ContentPolicy = _DEFAULT
    ) -> None:
        self._content = content
        self._ballot = votes.Voter(umbrellas, threshold=threshold)
        self._sources: dict[_Key, votes.Source] = {}
        # The searches that served each playlist so far.
        self._served: defaultdict[str, dict[tuple[str, str | None], None]] = defaultdict(dict)
        # The searches and lists that showed each track.
        self._shown_by: dict[str, tuple[_Key, ...]] = {}
        # Tracks without a sure umbrella, and those of each artist among them.
        self._loose: dict[str, ShownTrack] = {}
        self._loose_of: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def look(self, page: AnsweredPage) -> Seen:
        """What a page showed; tracks without a sure umbrella fill no cell."""
        for one in page.lists:
            self._served[one.playlist_id][page.source, page.umbrella] = None
        if page.tracks and page.provenance not in self._sources:
            self._sources[page.provenance] = self._source(page)
        for track in page.tracks:
            self._take(track, page.provenance)
        found = tuple(self._found(track) for track in page.tracks)
        here = {track.track_id for track in page.tracks}
        artists = dict.fromkeys(one for track in page.tracks for one in track.artist_ids)
        waiting = dict.fromkeys(one for artist in artists for one in self._loose_of[artist])
        again = [self._judge(self._loose[one]) for one in waiting if one not in here]
        return Seen(found, tuple(one for one in again if one.umbrella))

    def _source(self, page: AnsweredPage) -> votes.Source:
        """What a search says by its words, and a list by its name and what had served it.

        A search for one song of a station says nothing: its words are the song's.
        """
        kind, key = page.provenance
        if station_of(page.family):
            return votes.Source(())
        if kind == "search":
            known = knows_artists(page.family)
            return self._ballot.search(key, page.umbrella, known_artist=known)
        return self._ballot.playlist(page.name, tuple(self._served[key]))

    def _take(self, track: ShownTrack, source: _Key) -> None:
        """Count what a track says of its artists, in place of what it said before."""
        before = self._shown_by.get(track.track_id, ())
        if source in before:
            return
        if before:
            self._ballot.withdraw(self._evidence(track))
        self._shown_by[track.track_id] = (*before, source)
        self._ballot.add(self._evidence(track))

    def _found(self, track: ShownTrack) -> Found:
        named = labels_of(Track(track.name, track.artist_names, track.album_name))
        if self._content.severest(named)[0] is Treatment.KEEP:
            return self._judge(track)
        return Found(track.track_id, None, decade_of(release_year(track.release_date)))

    def _judge(self, track: ShownTrack) -> Found:
        name = track.track_id
        fills = self._ballot.verdict(self._evidence(track)).fills
        if not fills:
            self._loose[name] = track
            for artist in track.artist_ids:
                self._loose_of[artist][name] = None
        elif self._loose.pop(name, None):
            for artist in track.artist_ids:
                self._loose_of[artist].pop(name, None)
        return Found(
            name,
            fills[0] if fills else None,
            decade_of(release_year(track.release_date)),
            track.artist_names[0] if track.artist_names else None,
        )

    def _evidence(self, track: ShownTrack) -> votes.Evidence:
        return votes.Evidence(
            name=track.name,
            album_name=track.album_name,
            artist_ids=track.artist_ids,
            artist_names=track.artist_names,
            genres=((),) * len(track.artist_ids),
            album_id=None,
            sources=[self._sources[one] for one in self._shown_by[track.track_id]],
        )
