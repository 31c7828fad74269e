"""A budgeted run rehearsed without a server: the spiders' chooser and judge over a world.

What a page shows is judged as the spiders judge it, from the searches alone, and a new track costs
the requests that completing it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.frontier.cell_judge import CellJudge
from runclub_spider.frontier.choice import Aim, Choice, Chooser, Gain, Kind, Sizes
from runclub_spider.frontier.deficit import Forecast, foretell, nearly, promised_by, result_of
from runclub_spider.frontier.planners import LEAST_NEW, rank
from runclub_spider.frontier.templates import Kind as SeedKind
from runclub_spider.frontier.templates import Seed
from runclub_spider.spiders.promise import pilot_requests
from runclub_spider.store.queue.answered import AnsweredPage, ShownTrack
from runclub_spider.store.queue.pages import PageKind
from runclub_spider.store.queue.playlists import ListedPlaylist
from testkit.worlds import TOP_LISTS, Sight

#: Pages of one round: the spiders' default.
ROUND = 32


@dataclass(slots=True)
class Rehearsal:
    """How a run went.

    Attributes:
        gains: of each page.
        spent: requests after each page.
        told: what the forecast said after the pilot; None when the run ended before.
        piloted: pages of the pilot.
        promised: what a page promised after it, as `promised_by` has it.
        left: requests that were left when nothing promised enough.
    """

    gains: list[Gain] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    told: Forecast | None = None
    piloted: int = 0
    promised: tuple[float, float] = (0.0, 0.0)
    left: float = 0.0

    @property
    def filled(self) -> int:
        """Tracks for cells that lacked them."""
        return sum(gain.tracks for gain in self.gains)

    @property
    def expected(self) -> tuple[float, float, float]:
        """Tracks that were foretold with those of the pilot, and the interval."""
        assert self.told is not None
        pilot = sum(gain.tracks for gain in self.gains[: self.piloted])
        return self.told.tracks + pilot, self.told.low + pilot, self.told.high + pilot

    @property
    def idle(self) -> float:
        """The share of pages that filled nothing, of those that could."""
        asked = [gain for gain in self.gains if gain.kind is not Kind.PLAYLISTS]
        return sum(gain.idle for gain in asked) / max(1, len(asked))


class _Answers:
    """Pages of a world as the store would have them."""

    def __init__(self, sight: Sight, regime: Regime) -> None:
        self._sight, self._regime = sight, regime
        self._shown: dict[int, ShownTrack] = {}

    def page(self, choice: Choice, ordinal: int) -> AnsweredPage:
        sight, seed = self._sight, choice.seed
        end = choice.first_row + choice.row_count
        lists: tuple[ListedPlaylist, ...] = ()
        tracks: tuple[ShownTrack, ...] = ()
        name, total = choice.key, None
        if choice.kind is Kind.PLAYLISTS:
            kind = PageKind.PLAYLIST_SEARCH
            served = sight.lists(choice.key, self._regime.name)[:end]
            lists = tuple(
                ListedPlaylist(one.playlist_id, one.name, one.owner, None, at, None,
                               one.total, "new", None, None, 0)
                for at, one in enumerate(served) if one is not None
            )  # fmt: skip
            rows, more = len(served), False
        else:
            searched = choice.kind is Kind.TRACKS
            kind = PageKind.TRACK_SEARCH if searched else PageKind.PLAYLIST_ITEMS
            every = sight.search(choice.key) if searched else sight.items(choice.key)
            part = every[choice.first_row : end].tolist()
            tracks = tuple(self._track(row) for row in part if row >= 0)
            rows, more = len(part), end < len(every)
            if not searched:
                name, total = sight.world.playlists[choice.key].name, len(every)
        return AnsweredPage(
            kind=kind,
            source=choice.key,
            name=name,
            umbrella=seed.umbrella if seed else None,
            ordinal=ordinal,
            first_row=choice.first_row,
            row_count=choice.row_count,
            rows=rows,
            more=more,
            current=True,
            total=total,
            tracks=tracks,
            lists=lists,
            family=seed.family if seed else None,
        )

    def _track(self, row: int) -> ShownTrack:
        known = self._shown.get(row)
        if known is None:
            track = self._sight.track(row)
            album = self._sight.world.albums[track.album_id]
            known = self._shown[row] = ShownTrack(
                track_id=track.id,
                position=0,
                name=track.name,
                album_name=album.name,
                release_date=str(album.year) if album.year else None,
                artist_ids=tuple(track.artist_ids),
                artist_names=tuple(self._sight.world.artists[one].name for one in track.artist_ids),
            )
        return known


def rehearse(
    sight: Sight,
    seeds: Sequence[Seed],
    aim: Aim,
    sizes: Sizes,
    regime: Regime,
    budget: int,
    *,
    vote_confidence: float,
) -> Rehearsal:
    """A run of one spider with a budget, from an empty store.

    Args:
        sight: the world.
        seeds: of one kind.
        aim: what is wanted.
        sizes: of pages, as the spider has them.
        regime: of the key.
        budget: requests.
        vote_confidence: the setting of that name.
    """
    umbrellas: UmbrellaMap = sight.umbrellas
    chooser, run = Chooser(seeds, aim, sizes), Rehearsal()
    judge, answers = CellJudge(umbrellas, nearly(vote_confidence)), _Answers(sight, regime)
    rows = sizes.search_rows if seeds[0].kind == "track" else sizes.item_rows
    a_page = 1 + rows * sizes.track_cost
    run.piloted = max(1, int(pilot_requests(budget) / a_page))
    spent = 0.0
    while (count := min(ROUND, int((budget - spent) / a_page))) > 0:
        asked = len(run.gains)
        if asked < run.piloted:
            count = min(count, run.piloted - asked)
        elif run.told is None:
            run.promised = promised_by(chooser.choose(ROUND))
            run.told = foretell(chooser, run.gains, sizes, budget - spent)
        choices = chooser.choose(count, least=LEAST_NEW)
        if not choices:
            run.left = budget - spent
            break
        for choice in choices:
            page = answers.page(choice, len(run.gains) + 1)
            chooser.observe([result_of(page, judge.look(page), _best)])
            run.gains += chooser.absorb()
            spent += 1 + sizes.track_cost * run.gains[-1].new
            run.spent.append(spent)
    return run


def _best(listed: Sequence[ListedPlaylist]) -> list[ListedPlaylist]:
    return rank(listed)[:TOP_LISTS]


def sizes_of(kind: SeedKind, regime: Regime, depth: int, items: int, cost: float) -> Sizes:
    """The sizes that the spider of a kind of seeds reckons with."""
    if kind == "track":
        return Sizes(regime.search_rows, depth, track_cost=cost)
    rows = regime.search_rows
    return Sizes(rows, rows, regime.embedded_rows, items, cost)
