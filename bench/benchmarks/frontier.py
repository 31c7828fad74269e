"""Requests that choosing pages needs to fill the cells, beside other ways to order them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from bench.context import Context
from bench.table import Row, Table, times, verdict
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.regimes.development import REGIME as DEVELOPMENT
from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from runclub_spider.catalog.votes import Voter, plain_name
from runclub_spider.config import project_dir
from runclub_spider.frontier.choice import Aim, Sizes
from runclub_spider.frontier.cost import track_cost
from runclub_spider.frontier.templates import Seed, load_seeds
from testkit.planning import (
    KNOWN_ARTISTS,
    MARKS,
    Floats,
    Game,
    at_random,
    clairvoyant,
    fair_rotation,
    goal_of,
    greedy_new,
    ours,
    seconds_a_page,
    template,
    ucb1,
)
from testkit.worlds import QUICK_TRACKS, SHAPES, TRACKS, Sight, made_up, real

#: Seconds that one more world should find left.
_LEAST = 45.0
_OPEN_SEEDS, _MILLISECONDS = 25_000, 2.0
_KNOWN_RIGHT = 0.9
_MOST_OVER_CLAIRVOYANT, _ROTATIONS, _TEMPLATES = 1.3, 3, 10


def run(context: Context) -> Table:
    config, folder = context.config, project_dir() / "seeds"
    umbrellas = UmbrellaMap.load(folder / "umbrellas.yaml")
    seeds = load_seeds(folder, umbrellas)
    templates = [seed for seed in seeds if seed.family != KNOWN_ARTISTS]
    known = [seed for seed in seeds if seed.family == KNOWN_ARTISTS]
    aim = Aim(umbrellas.possible_cells(DECADE_LABELS), config.cell_minimum)
    policy = config.policy
    table = Table("frontier: requests to 50, 80, 90, 95 % of what the seeds reach", "theirs ÷ ours")
    _choosing(context, table, seeds, aim)
    tracks = QUICK_TRACKS if context.options.quick else TRACKS
    worlds: list[Callable[[], Sight]] = [
        lambda shape=shape: made_up(shape, umbrellas, policy, tracks)  # type: ignore[misc]
        for shape in SHAPES
    ]
    if (data := context.options.data) and not context.options.quick:
        worlds.insert(0, lambda: real(data, umbrellas, policy))
    for number, world in enumerate(worlds, 1):
        if context.left < _LEAST:
            table.heading(f"{len(worlds) - number + 1} worlds not measured: out of time")
            break
        context.say(f"making world {number} of {len(worlds)}")
        sight = world()
        if not sight.world.made_up:
            _known_artists(table, sight, known)
        for regime in (DEVELOPMENT, EXTENDED):
            context.say(f"{sight.name}, {regime.name}")
            sizes = _sizes(regime, config.max_results_per_seed, config.max_items_per_playlist)
            plan = [s for s in templates if s.kind == "track" or regime.reads_foreign_playlists]
            _compare(table, Game(sight, plan, aim, sizes, regime.name, known))
    table.notes += _NOTES
    return table


def _sizes(regime: Regime, depth: int, items: int) -> Sizes:
    return Sizes(regime.search_rows, depth, regime.playlist_rows, items, track_cost(regime))


def _compare(table: Table, game: Game) -> None:
    """Both tables of one world: all the ways, over the thinnest quarter and over all cells."""
    ways = {
        "template order": template(game),
        "fair rotation": fair_rotation(game),
        "random": at_random(game),
        "UCB1 over seeds": ucb1(game),
        "greedy new rows": greedy_new(game),
        "clairvoyant, by lack": clairvoyant(game, _lack(game)),
        "clairvoyant, our weights": clairvoyant(game, _our_weights(game)),
        "clairvoyant, this quarter": clairvoyant(game, _this_quarter(game)),
    }
    mine = ours(game)
    ways["ours"] = mine.score
    if game.regime == DEVELOPMENT.name:
        ways["ours, genres hidden"] = ours(game, umbrellas_seen=False).score
    where = f"{game.sight.name}, {game.regime}"
    every = frozenset(range(len(game.reach)))
    for part, cells, marks in (
        ("thinnest quarter", game.thin, lambda score: score.thin.at),
        ("all cells", every, lambda score: score.all.at),
    ):
        number = sum(bool(game.reach[cell]) for cell in cells)
        table.heading(f"{where}: {part}, {goal_of(game, cells):,} tracks in {number} cells")
        for name, score in ways.items():
            if name == "clairvoyant, this quarter" and cells is every:
                continue
            table.rows.append(_row(name, marks(score), marks(mine.score), thin=cells is game.thin))


def _row(name: str, theirs: list[int], mine: list[int], *, thin: bool) -> Row:
    at = MARKS.index(0.8)
    value = " ".join(
        f"{theirs[mark]:,}".rjust(6) if mark < len(theirs) else "–".rjust(6)
        for mark in range(len(MARKS))
    )
    if name == "ours" or len(theirs) <= at or len(mine) <= at:
        return Row(name, value)
    ratio = theirs[at] / mine[at]
    target = ""
    if name == "fair rotation":
        worst = min(t / m for t, m in zip(theirs, mine, strict=False))
        enough = worst >= 1 and (ratio >= _ROTATIONS or not thin)
        target = verdict(f"≥ {_ROTATIONS}" if thin else "all ≥ 1", enough)
    elif thin and name == "template order":
        target = verdict(f"≥ {_TEMPLATES}", ratio >= _TEMPLATES)
    elif thin and name.startswith("clairvoyant"):
        target = verdict(f"≥ 1/{_MOST_OVER_CLAIRVOYANT}", ratio >= 1 / _MOST_OVER_CLAIRVOYANT)
    return Row(name, value, times(theirs[at], mine[at]), "", target)


def _lack(game: Game) -> Callable[[np.ndarray], Floats]:
    """A track is worth what share of its minimum a cell lacks; elsewhere next to nothing."""
    return lambda held: np.maximum(0.0, 1 - held / game.aim.minimum) + 1e-6


def _our_weights(game: Game) -> Callable[[np.ndarray], Floats]:
    """What the chooser aims at, with the true room of each cell."""
    room = np.clip(game.reach, 15, game.aim.minimum)
    scarcity = (20 / (20 + room)) ** 2
    return lambda held: (
        scarcity * np.maximum(0.0, 1 - held / game.aim.minimum) * 20 / (20 + held) + 1e-6
    )


def _this_quarter(game: Game) -> Callable[[np.ndarray], Floats]:
    """Only the cells that are measured count, which nobody can know beforehand."""
    weights = np.array([float(cell in game.thin) for cell in range(len(game.reach))])
    return lambda held: weights * (held < game.reach)


def _choosing(context: Context, table: Table, seeds: tuple[Seed, ...], aim: Aim) -> None:
    """The cost of a choice with many seeds open: the plan, and copies under other words."""
    context.say("choosing among 25,000 seeds")
    tracks = [seed for seed in seeds if seed.kind == "track"]
    many = [
        Seed(f"{seed.term} {chr(97 + copy) * 5}" if copy else seed.term, *_rest(seed))
        for copy in range(-(-_OPEN_SEEDS // len(tracks)))
        for seed in tracks
    ]
    rounds = 20 if context.options.quick else 100
    spent = 1000 * seconds_a_page(many, aim, Sizes(10, 200), rounds)
    met = verdict(f"< {_MILLISECONDS:.0f} ms", spent < _MILLISECONDS)
    table.add(f"choosing a page, {len(many):,} seeds open", f"{spent:.2f} ms", "", "", met)


def _known_artists(table: Table, sight: Sight, known: Sequence[Seed]) -> None:
    """How many of the artists that the seeds name a world has, and what these play there."""
    genres: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for one in sight.world.artists.values():
        genres[plain_name(one.name)].append(tuple(one.genres))
    voter = Voter(sight.umbrellas)
    names = {(seed.umbrella, _name(seed)) for seed in known}
    there = [(label, genres[name]) for label, name in names if name in genres]
    votes = [
        (label, [said[0].fills for one in found if (said := voter.of_genres([one]))])
        for label, found in there
    ]
    voting = [(label, fills) for label, fills in votes if fills]
    right = sum(any(label in fill for fill in fills) for label, fills in voting)
    share = right / max(1, len(voting))
    table.add(f"known artists in {sight.name}", f"{len(there):,} of {len(names):,}")
    table.add(
        "… with genres that let them fill their umbrella's cells",
        f"{right:,} of {len(voting):,}, {share:.1%}",
        "",
        "",
        verdict(f"≥ {_KNOWN_RIGHT:.0%}", share >= _KNOWN_RIGHT),
    )
    cells: Counter[tuple[str | None, str | None]] = Counter()
    for seed in known:
        rows = sight.search(seed.term)
        cells[seed.umbrella, seed.decade] += bool((rows >= 0).any())
    empty = sum(not cells[cell] for cell in cells)
    table.add("… searches with rows", f"{cells.total():,} of {len(known):,}")
    table.add("… cells in which none has any", f"{empty} of {len(cells)}")


def _name(seed: Seed) -> str:
    return plain_name(seed.term.split('"')[1])


def _rest(seed: Seed) -> tuple[str, str, str | None, str | None]:
    return (seed.kind, seed.family, seed.umbrella, seed.decade)


_NOTES = [
    "Cells: umbrella × decade of the first artist's genres and the album's year, those that",
    "umbrellas.yaml calls possible. Reached: eligible tracks on the first MAX_RESULTS_PER_SEED",
    "rows of the track seeds, and under the extended regime on the 5 playlists that each",
    "playlist seed leads to. A cell counts up to what the seeds reach there, whichever",
    "query found the tracks: only ours also asks for artists and years, and for the artists that",
    "the seeds name, of which made-up worlds hold none. The thinnest",
    "quarter: of the cells that hold any, those with fewest reached tracks.",
    "10 rows a call (development), 50 and playlists (extended); enrichment is not counted.",
    "Clairvoyants know every answer of the seeds and take the best next pages of one seed",
    "(greedy cover, 5 ahead). By lack: a track is worth the share of its minimum that the",
    "cell lacks. Our weights: the same aim as ours. This quarter: only the measured cells",
    "count. Ours chooses 32 pages at a time and learns after each round.",
    "Genres hidden: a track counts for the umbrella that its search names.",
    "Choosing: processor time, without learning from the answers.",
]
