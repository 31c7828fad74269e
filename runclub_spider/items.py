"""What the spiders hand to the pipelines: whole pages, so that a page is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from runclub_spider.apis.wire import Oddities
from runclub_spider.catalog.models import FoundTrack, Playlist, Row
from runclub_spider.catalog.plays import StoredPlay
from runclub_spider.store.queue.pages import PageTask


@dataclass(slots=True)
class DiscoveredPage:
    """One answered page.

    The parser fills the first block; the pipelines fill the second, each its own field.
    `more` says whether the query goes on behind this page, `following` are pages it made
    known. `snapshot` is the version a playlist's rows belong to. `refused` names why the API
    gave nothing (404, 403), None otherwise.
    """

    task: PageTask
    rows: list[Row] = field(default_factory=list)
    playlists: list[Playlist] = field(default_factory=list)
    snapshot: str | None = None
    following: list[PageTask] = field(default_factory=list)
    more: bool = False
    refused: str | None = None
    odd: Oddities = field(default_factory=Oddities)

    judged: list[FoundTrack] = field(default_factory=list)
    # What the stages that complete tracks are to ask, by the stage's name.
    pending: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredPlays:
    """One answered page of a station: those of its plays that were not stored before."""

    plays: Sequence[StoredPlay]
