"""Publishing: the store's tracks into `export/<version>`, then `latest` in one swap."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runclub_spider import resources
from runclub_spider.catalog.content.labels import Label, of_mask
from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.families import load_policies
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.votes import Voter
from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError, GateFailed, RunclubError
from runclub_spider.publish.account import changes, discovery, exhaustion, figures, gates, manifest
from runclub_spider.publish.account.discovery import Discovery
from runclub_spider.publish.account.kept import Kept, Stopwatch, keep
from runclub_spider.publish.choose import unsound
from runclub_spider.publish.choose.balance import Targets
from runclub_spider.publish.choose.canonical import (
    Canonicals,
    Log,
    canonicals,
    remembered,
    to_remember,
)
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.part import Asked, read_part, spans
from runclub_spider.publish.choose.pool import NONE, Pool, Previous
from runclub_spider.publish.choose.select import Selection, select
from runclub_spider.publish.choose.voting import names_of_sources, votes_of_sources
from runclub_spider.publish.cluster import Cluster
from runclub_spider.publish.files import fsync_tree, read_json
from runclub_spider.publish.memory import give_back
from runclub_spider.publish.packing import Packing
from runclub_spider.publish.parts import Workers, snapshot_of, workers
from runclub_spider.publish.write import folder, up_to_date
from runclub_spider.publish.write.document import write_document
from runclub_spider.publish.write.lines import lines
from runclub_spider.publish.write.part import (
    FEATURE_LINES,
    TRACKS,
    TRACKS_OF_PART,
    WIDE,
    Chosen,
    Share,
    Shared,
    Written,
    write_part,
)
from runclub_spider.publish.write.profile import Profile, cut
from runclub_spider.publish.write.rows import artist_of, artist_row
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.upsert import chunks
from runclub_spider.store.facts import sharers
from runclub_spider.store.queue import pages
from runclub_spider.store.queue.pages import PageKind
from runclub_spider.store.read import brought, catalogue
from runclub_spider.store.read.brought import Brought
from runclub_spider.terminal import SILENT, Progress
from runclub_spider.text import timestamp

SCHEMAS = resources.folder("publish/schemas")
_ROW_PAGES = (PageKind.TRACK_SEARCH, PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS)
# How often a release is made again without the rows that its making or `verify` named.
_MOST_REPEATS = 3


@dataclass(frozen=True, slots=True)
class _Task:
    """What a release is made of, and what may fail."""

    config: Config
    connection: sa.Connection
    umbrellas: UmbrellaMap
    source: str
    inputs: str
    accepted: Mapping[str, str]
    progress: Progress
    snapshot: str | None
    profile: Profile
    cluster: Cluster | None


class _RowsUnsoundError(Exception):
    """Rows that cannot be written or do not verify, and why, by track id; `made` is a folder."""

    def __init__(self, rows: Mapping[str, str], made: Path) -> None:
        super().__init__(f"{len(rows)} rows are unsound")
        self.rows = rows
        self.made = made


@dataclass(frozen=True, slots=True)
class _Against:
    """What a release says of the one before: changed canonical ids, shares, changed tracks."""

    log: Log
    before: gates.Before
    changed: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Made:
    """A release whose data files are written: its manifest, gates and numbers of rows."""

    version: str
    digest: str
    document: dict[str, Any]
    gates: Sequence[gates.Gate]
    tracks: int
    artists: int
    features: int
    with_tempo: int
    unsound: int
    parts: Sequence[Path]


def publish(
    config: Config,
    accepted: Mapping[str, str] | None = None,
    *,
    what: str = "scrapy publish",
    progress: Progress = SILENT,
    profile: Profile = Profile.FULL,
    cluster: Cluster | None = None,
) -> str:
    """Make a release of what the store holds; returns one line saying what was done.

    An empty store publishes nothing; neither does input that was published already.

    Args:
        config: of the store and the export folder.
        accepted: gates that may fail, with the owner's reasons, which the manifest records.
        what: the command's words, for another that wants the same export folder.
        progress: told of each step.
        profile: which fields it may hold; any but the full one goes to a folder of its own, and
            neither `latest` nor the store's memory changes.
        cluster: that the parts are worked on by; this machine's processes without.

    Raises:
        GateFailed: a gate refused it; `latest` is untouched and the report says why.
        ConfigurationError: the export folder holds a real release and this store sandbox data,
            or something that is no release where a release belongs.
        RunPaused: another process publishes to the export folder.
    """
    store = Store.open(config)
    try:
        with folder.held(config.export_dir, what), store.begin() as connection:
            return catalogue.reading_anything(
                connection,
                lambda: _publish(config, connection, accepted or {}, progress, profile, cluster),
            )
    except OSError as error:
        raise RunclubError(
            f"cannot write the release to {config.export_dir.name}: {error.strerror or error}; "
            "the last one is untouched, mend the cause and run the same command again"
        ) from None
    finally:
        store.close()


def _publish(
    config: Config,
    connection: sa.Connection,
    accepted: Mapping[str, str],
    progress: Progress,
    profile: Profile,
    cluster: Cluster | None,
) -> str:
    folder.check_latest(config.export_dir)
    if not catalogue.track_count(connection):
        return "Nothing to publish: the store holds no track yet."
    umbrellas = load_umbrellas(config.seeds_dir)
    inputs = up_to_date.input_digest(config, connection, umbrellas)
    if (known := up_to_date.published(config, connection, inputs)) is not None:
        if profile is not Profile.FULL:
            return _cut(config, config.export_dir / known, profile)
        return up_to_date.nothing_new(config, known)
    source = meta.get(connection, "source|spotify") or "unknown"
    task = _Task(
        config,
        connection,
        umbrellas,
        source,
        inputs,
        accepted,
        progress,
        snapshot_of(connection),
        profile,
        cluster,
    )
    with folder.staging(config.export_dir) as outer:
        left_out: dict[str, str] = {}
        for attempt in range(_MOST_REPEATS + 1):
            made = outer / f"release-{attempt}"
            try:
                # What is remembered of a release that does not verify is taken back, and so is
                # that of one of which only a profile is put in place.
                with connection.begin_nested() as remembered_here:
                    said = _attempt(task, made, left_out)
                    if profile is not Profile.FULL:
                        remembered_here.rollback()
                    return said
            except _RowsUnsoundError as found:
                if attempt == _MOST_REPEATS:
                    raise _refused_for(found, config.export_dir, left_out) from None
                left_out |= found.rows
                shutil.rmtree(found.made)
                shutil.rmtree(_parts_of(made), ignore_errors=True)
    raise AssertionError("the last attempt returns or raises")


def _attempt(task: _Task, staging: Path, left_out: Mapping[str, str]) -> str:
    """Make and verify a release without some rows, and put it in place.

    Raises:
        _RowsUnsoundError: more rows cannot be written, or do not verify.
    """
    with Packing() as packing:
        return _packed(task, staging, left_out, packing)


def _packed(task: _Task, staging: Path, left_out: Mapping[str, str], packing: Packing) -> str:
    config, export = task.config, task.config.export_dir
    staging.mkdir()
    ours = catalogue.releases(task.connection)
    made = _make(task, staging, left_out, packing)
    if isinstance(made, str):
        return made
    # Verifying takes processes of its own.
    give_back()
    version, target = made.version, export / made.version
    failed = [gate for gate in made.gates if gate.refuses]
    if not failed and up_to_date.is_current(export, target, made.digest):
        if task.profile is not Profile.FULL:
            return _cut(config, target, task.profile)
        return up_to_date.nothing_new(config, version)
    if not failed:
        _refuse_mixing(export, task.source)
    task.progress.step("packing and tables", made.tracks)
    _write_rest(staging, made.parts, made.document, packing)
    # A worker that was given up may write there still; the rest goes with all that is staged.
    shutil.rmtree(_parts_of(staging), ignore_errors=True)
    ready = staging.rename(staging.with_name(version))
    task.progress.step("verifying", made.tracks)
    _verify(task, ready, failed)
    if task.profile is not Profile.FULL:
        return _cut(config, ready, task.profile)
    fsync_tree(ready)
    folder.put_in_place(ready, export, known=ours)
    folder.prune(
        export, ready.parent, known=ours | {version}, current=version, keep=config.keep_releases
    )
    said = "".join(f"\nWarning: {gate}." for gate in made.gates if not gate.passed)
    if made.unsound:
        said = (
            f"\nWarning: {made.unsound:,} tracks were left out as unsound; the report names "
            f"them, and `scrapy explain ID` says why.{said}"
        )
    return (
        f"Released {version}: {made.tracks:,} tracks, {made.artists:,} artists, "
        f"{made.features:,} with features ({made.with_tempo:,} with a tempo), "
        f"in {export.name}/latest{said}"
    )


def _cut(config: Config, release: Path, profile: Profile) -> str:
    """Put a profile of a full release beside the releases.

    Raises:
        GateFailed: it does not verify.
        ConfigurationError: something that is no release has its name.
    """
    from runclub_spider.publish.verify import verify_release

    export = config.export_dir
    with folder.staging(export) as outer:
        made = outer / f"{release.name}-{profile}"
        made.mkdir()
        cut(release, profile, made)
        if problems := verify_release(made):
            raise GateFailed(f"the profile {profile} does not verify: {problems[0]}")
        fsync_tree(made)
        folder.put_beside(made, export)
    tracks = read_json(export / made.name / folder.MANIFEST)["totals"]["tracks"]
    return f"Released {made.name}: {tracks:,} tracks, in {export.name}/{made.name}"


def _make(task: _Task, staging: Path, left_out: Mapping[str, str], packing: Packing) -> _Made | str:
    """Choose, write the data files and remember the release; why not, if there is none to make.

    What is remembered is committed only when the release is in place. The selection ends here:
    a million tracks of it are not kept while tables are written and verified.
    """
    connection = task.connection
    watch = Stopwatch()
    tracks = catalogue.track_count(connection)
    task.progress.step("choosing", tracks)
    with (
        workers(connection, tracks, task.snapshot, coming=(read_part, write_part))
        if task.cluster is None
        else task.cluster.workers(
            connection, task.snapshot, staging.with_name(f"{staging.name}-handed")
        )
    ) as hands:
        return _make_by(hands, task, staging, left_out, packing, watch)


def _make_by(
    hands: Workers,
    task: _Task,
    staging: Path,
    left_out: Mapping[str, str],
    packing: Packing,
    watch: Stopwatch,
) -> _Made | str:
    config, connection = task.config, task.connection
    selection = choose(config, connection, task.umbrellas, unsound=left_out, workers=hands)
    give_back()
    keep(config, connection, selection, watch.seconds).close()
    entries = canonicals(selection, catalogue.canonicals(connection))
    account = manifest.accounting(
        selection, pages.row_totals(connection, _ROW_PAGES), catalogue.track_count(connection)
    )
    pending = selection.count(Fate.PENDING)
    if pending and not selection.count(Fate.EXPORTED):
        return (
            f"Nothing to publish yet: {pending:,} tracks wait for their features; "
            "run `scrapy crawl enrich`."
        )
    if problem := manifest.imbalance(account):
        raise RunclubError(f"the accounting does not add up: {problem}; please report this")
    written, parts = _write_data(task, staging, selection, hands, packing)
    packing.take([staging / name for name in up_to_date.DATA_FILES])
    digest = up_to_date.data_digest(
        {name: packing.digest(staging / name) for name in up_to_date.DATA_FILES}
    )
    version = manifest.version_of(timestamp(written.newest)[:10], digest, task.source)
    held = _Against(
        entries.log or remembered(meta.get(connection, meta.CANONICAL_LOG), digest),
        _before(connection, digest),
        _changes(connection, selection, digest),
    )
    sums = brought.read(connection)
    found = discovery.discover(connection, selection, config.market, sums)
    document, checks = _describe(
        config,
        connection,
        task.source,
        version,
        selection,
        account,
        written,
        entries,
        held,
        found,
        sums,
    )
    discovery.write(found, staging / "discovery.csv")
    checks = gates.accept(checks, task.accepted)
    document["gates"] = [gate.as_json() for gate in checks]
    _remember(config, connection, version, task.inputs, digest, entries, held)
    return _Made(
        version,
        digest,
        document,
        checks,
        written.tracks,
        len(written.artists),
        written.features,
        written.measures.with_tempo,
        len(selection.pool.unsound),
        parts,
    )


def _searched(
    config: Config, connection: sa.Connection, selection: Selection, sums: Brought
) -> dict[tuple[str, str], exhaustion.Certificate]:
    """How far the searches for each cell were read."""
    return exhaustion.certificates(
        connection,
        exhaustion.found_in(selection),
        config.market,
        cap=config.max_results_per_seed,
        brought=sums,
    )


def prospect(config: Config, connection: sa.Connection) -> Selection:
    """The selection that a release made now would be.

    Rows that the last publish found unsound stay out; the next one looks at them anew.
    """
    known = unsound.remembered(meta.get(connection, meta.UNSOUND))
    umbrellas = load_umbrellas(config.seeds_dir)

    def chosen() -> Selection:
        tracks = catalogue.track_count(connection)
        seen = snapshot_of(connection)
        with workers(connection, tracks, seen, coming=(read_part,)) as hands:
            return choose(config, connection, umbrellas, unsound=known, workers=hands)

    return catalogue.reading_anything(connection, chosen)


def prospect_kept(
    config: Config, connection: sa.Connection, progress: Progress = SILENT
) -> tuple[Selection, Kept]:
    """`prospect`, kept for the next question; to be closed."""
    watch = Stopwatch()
    progress.step("choosing", catalogue.track_count(connection))
    selection = prospect(config, connection)
    return selection, keep(config, connection, selection, watch.seconds)


def choose(
    config: Config,
    connection: sa.Connection,
    umbrellas: UmbrellaMap,
    *,
    unsound: Mapping[str, str] | None = None,
    workers: Workers | None = None,
) -> Selection:
    """What a release made now would hold, and where all other tracks went.

    Args:
        config: policies and targets.
        connection: of the store.
        umbrellas: the genre map.
        unsound: tracks known to be unsound, and why.
        workers: that read the store; this thread alone without.
    """
    voter = Voter(umbrellas, threshold=config.vote_confidence_min)
    asked = Asked(
        policy=config.policy,
        umbrellas=umbrellas,
        threshold=config.vote_confidence_min,
        tags=config.open_metadata_tags,
        soft=config.dedupe_policy.endswith("+soft"),
        decade_from=config.decade_from,
        policies=load_policies(config.seeds_dir),
        votes=votes_of_sources(connection, voter),
        families=catalogue.source_families(connection),
        lists=names_of_sources(connection),
        unsound=unsound or {},
    )
    previous = Previous(
        catalogue.previous_release(connection),
        (track_id for _, track_id in catalogue.canonicals(connection)),
    )
    reading = partial(read_part, asked=asked)
    parts = list((workers or Workers(connection)).run(reading, spans(connection)))
    look_up = partial(sharers.editions, connection)
    pool = Pool.of(parts, voter, look_up, previous, config.content_policy)
    return select(pool, targets(config, umbrellas))


def targets(config: Config, umbrellas: UmbrellaMap) -> Targets:
    """What the configuration and the genre map make a release aim at."""
    return Targets(
        cap=config.global_cap,
        cell_target=config.cell_target,
        cell_minimum=config.cell_minimum,
        coverage=Fraction(str(config.feature_coverage_min)),
        cells=umbrellas.possible_cells(DECADES),
        neighbours={label: umbrellas.neighbours(label) for label in umbrellas.labels},
        backfill=config.backfill_order,
        dedupe=config.dedupe_policy,
    )


def _write_data(
    task: _Task, made: Path, selection: Selection, workers: Workers, packing: Packing
) -> tuple[Written, list[Path]]:
    """The four data files, in one pass over the chosen tracks, and the parts that tables follow of.

    Raises:
        _RowsUnsoundError: some rows cannot be written.
    """
    config, connection = task.config, task.connection
    shares = _shares(_parts_of(made), selection)
    writing = partial(write_part, shared=_shared(config, connection))
    task.progress.step("writing", len(selection.chosen))
    written = Written()
    for share, part in zip(shares, workers.run(writing, shares), strict=True):
        written.add(part)
        task.progress.advance(len(share.tracks.track_id))
    parts = [share.folder for share in shares]
    joined = [made / name for name in (WIDE, TRACKS, FEATURE_LINES)]
    for path in joined:
        packing.join([part / path.name for part in parts], path)
    artists: dict[str, str] = {}
    with lines(made / "cached_artists.jsonl") as write:
        for some in chunks(sorted(written.artists)):
            for row in catalogue.artists(connection, some):
                try:
                    write(artist_row(artist_of(*tuple(row))))
                except (OSError, MemoryError):
                    raise
                except Exception as error:  # noqa: BLE001 -- any value may be of any type
                    artists[row.artist_id] = unsound.words_of(error)
    # They are whole.
    packing.digests(joined)
    if written.faults or artists:
        # Those that were written may be at fault as well: all at once, for repeats are few.
        more = _faults_of_rows(connection, made, written.newest)
        raise _RowsUnsoundError(more | _with_tracks_of(connection, written.faults, artists), made)
    if written.table_fault is not None:
        # Without a row at fault it is a fault of ours, and goes on as such.
        rows = _faults_of_rows(connection, made, 0)
        raise _RowsUnsoundError(rows, made) if rows else written.table_fault
    return written, parts


def _parts_of(made: Path) -> Path:
    """Where the parts of a release lie that is being made."""
    return made.with_name(f"{made.name}-parts")


def _shared(config: Config, connection: sa.Connection) -> Shared:
    """What all parts are written by."""
    return Shared(
        market=config.market,
        primary=tuple(dict.fromkeys((*config.primary_markets, config.market))),
        tags=config.open_metadata_tags,
        durations=(config.min_duration_ms, config.max_duration_ms),
        lists={
            playlist_id: (unsound.tidy(name), unsound.tidy(owner))
            for playlist_id, (name, owner) in catalogue.playlists(connection).items()
        },
        terms=catalogue.playlist_terms(connection),
        document=json.loads((SCHEMAS / "catalog_wide.schema.json").read_bytes()),
    )


def _shares(folder: Path, selection: Selection) -> list[Share]:
    """The chosen tracks in parts, by id; one without tracks if there are none."""
    folder.mkdir()
    tracks = _chosen(selection)
    return [
        Share(folder / f"{start:08}", tracks.cut(slice(start, start + TRACKS_OF_PART)))
        for start in range(0, len(tracks.track_id) or 1, TRACKS_OF_PART)
    ]


def _chosen(selection: Selection) -> Chosen:
    """The tracks of the release, by id, and what choosing said of them."""
    pool, chosen = selection.pool, selection.chosen
    places, cells = chosen.tolist(), list(selection.cells())
    merged, sharing = _merged(selection), selection.sharing()
    helps = map(selection.choice.backfill.get, places)
    stands_for = [merged.get(at, ((), ())) for at in places]

    @cache
    def named(names: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(pool.labels[at] for at in names if at != NONE)

    return Chosen(
        track_id=[track_id for track_id, _ in cells],
        cell=[cell for _, cell in cells],
        umbrellas=[named(tuple(names)) for names in pool.names[chosen].tolist()],
        origin=[pool.origins[at] for at in pool.origin[chosen].tolist()],
        confidence=pool.confidence[chosen].tolist(),
        suitability=pool.suitability[chosen].tolist(),
        backfill=[None if one is None else (*one.cell, one.step) for one in helps],
        merged=[same for same, _ in stands_for],
        soft_merged=[soft for _, soft in stands_for],
        labels=list(map(cache(of_mask), pool.content[chosen].tolist())),
        sharers=[sharing.get(at, ()) for at in places],
    )


def _faults_of_rows(connection: sa.Connection, made: Path, newest: int) -> dict[str, str]:
    """What `verify` says of the rows of data files, by track; `newest` is their version's time."""
    from runclub_spider.publish.verify import inspect_rows

    latest_year = int(timestamp(newest)[:4]) + 1 if newest else None
    findings = inspect_rows(made, latest_year)
    return _with_tracks_of(connection, findings.tracks, findings.artists)


def _with_tracks_of(
    connection: sa.Connection, tracks: Mapping[str, str], artists: Mapping[str, str]
) -> dict[str, str]:
    """Faults by track, those of an artist among the faults of each of its tracks."""
    found = dict(tracks)
    for part in chunks(sorted(artists)):
        for track_id, artist_id in catalogue.tracks_of_artists(connection, part):
            found.setdefault(track_id, f"artist {artist_id}: {artists[artist_id]}")
    return found


def _merged(selection: Selection) -> dict[int, tuple[list[str], list[str]]]:
    """By chosen track the ids it stands for: the same recording, and soft duplicates."""
    found: dict[int, tuple[list[str], list[str]]] = {}
    for lost, kept, same_recording in selection.merged():
        if selection.fate[kept] == Fate.EXPORTED:
            lists = found.setdefault(kept, ([], []))
            lists[0 if same_recording else 1].append(selection.pool.id_of(lost))
    return found


def _describe(
    config: Config,
    connection: sa.Connection,
    source: str,
    version: str,
    selection: Selection,
    account: dict[str, Any],
    written: Written,
    entries: Canonicals,
    held: _Against,
    found: Discovery,
    sums: Brought,
) -> tuple[dict[str, Any], list[gates.Gate]]:
    """The manifest without file hashes, and the gates."""
    profile = meta.get(connection, "profile")
    runs = catalogue.run_totals(connection)
    checks = gates.check(written.measures, config, held.before)
    row_counts = pages.row_totals(connection, (PageKind.TRACK_SEARCH,))
    list_counts = pages.row_totals(connection, (PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS))
    imports = manifest.imports(written.imported, written.licences)
    document = manifest.build(
        version=version,
        created_at=timestamp(
            time.time() if config.source_date_epoch is None else config.source_date_epoch
        ),
        spotify={
            "source": source,
            "market": config.market,
            "profile": profile,
            "seedsSummary": {
                f"{kind}/{family}": discovery.summary(counts)
                for (kind, family), counts in found.families.items()
            },
            "searchCounts": {
                "requests": sum(counts["requests"] for counts in found.families.values()),
                "trackRows": row_counts.track_rows,
                "newTracks": sums.kinds[PageKind.TRACK_SEARCH],
            },
            "playlistCounts": {
                "byState": catalogue.playlist_states(connection),
                "rows": list_counts.rows,
                "newTracks": (sums.kinds[PageKind.PLAYLIST] + sums.kinds[PageKind.PLAYLIST_ITEMS]),
            },
        },
        reccobeats={
            "source": meta.get(connection, "source|reccobeats") or "unknown",
            "featureCoveragePct": round(100 * written.features / max(written.tracks, 1), 2),
            "tempoCoveragePct": round(
                100 * written.measures.with_tempo / max(written.tracks, 1), 2
            ),
            "errors": runs["reccobeats/errors"] + runs["reccobeats/refused"],
            "retries": runs["reccobeats/retries"],
        },
        totals={
            "tracks": written.tracks,
            "artists": len(written.artists),
            "audioFeatures": written.features,
            "byUmbrellaAndDecade": manifest.grid(selection),
            "byContentLabel": {str(one): n for one in Label if (n := written.by_label[one])},
        },
        config=config,
        hashes={},
        schema_version=up_to_date.FORM,
        account=account,
        left_out=unsound.as_json(selection.pool.unsound),
        balance=manifest.balance(selection),
        exhaustion=exhaustion.as_json(
            _searched(config, connection, selection, sums), config.cell_minimum
        ),
        canonical={
            "isrcs": len(entries),
            "divided": {
                "isrcs": len(entries.divided),
                "tracks": sum(entries.divided.values()),
                "rows": len(selection.sharing()),
            },
            **held.log.as_json(),
        },
        figures={
            **written.figures.as_json(),
            "seeds": figures.seeds(found),
            "calls": figures.calls(connection),
            "limits": figures.limits(connection),
        },
        imported=imports,
        tempo_buckets=manifest.tempo_buckets(written.buckets, selection.pool.labels),
        changes=held.changed,
        decades=manifest.decades(
            config, written.by_album, written.by_original, written.with_original
        ),
        gates=checks,
        note_lines=[
            *manifest.notes(config, source, profile, time_signatures=written.with_time_signature),
            *manifest.open_notes(config, catalogue.open_counts(connection)),
            *manifest.import_notes(imports),
        ],
    )
    return document, checks


def _changes(connection: sa.Connection, selection: Selection, digest: str) -> dict[str, Any]:
    """What the release changes against the last one; of equal data what that one said itself."""
    text = meta.get(connection, meta.CHANGES)
    if (known := changes.remembered(text, digest)) is not None:
        return known
    last = changes.last_of(text)
    if last is None and (row := catalogue.last_release(connection)) is not None:
        # Made before the store took notes: the hour of publishing stands in.
        last = changes.Last(row.version, row.tracks, row.created_at)
    return changes.changes(
        selection,
        last,
        catalogue.previous_cells(connection),
        catalogue.changed_since(connection, last.moment) if last else (),
    ).as_json()


def _write_rest(
    made: Path, parts: Sequence[Path], document: dict[str, Any], packing: Packing
) -> None:
    """Copies, tables, schemas, pages and card; last the manifest and the sums that prove them."""
    # Here, not above: a run that finds nothing new to publish does without these imports.
    from runclub_spider.publish.write import explore, package
    from runclub_spider.publish.write.report import render
    from runclub_spider.publish.write.tables import join_tables

    join_tables(
        parts,
        json.loads((SCHEMAS / "catalog_wide.schema.json").read_bytes()),
        parquet=made / "catalog.parquet",
        csv=made / "catalog.csv",
    )
    write_document(made / "tempo_buckets.json", document["tempoBuckets"])
    (made / "schemas").mkdir()
    for schema in sorted(SCHEMAS.glob("*.schema.json")):
        shutil.copyfile(schema, made / "schemas" / schema.name)
    (made / "report.html").write_text(render(document), encoding="utf-8", newline="\n")
    explore.write(parts, document, made / "explore.html")
    package.write_package(made, document, packing.digest)
    package.write_card(made, document)
    packing.finish()
    files = [path for path in sorted(made.rglob("*")) if path.is_file()]
    document["fileHashes"] = {
        path.relative_to(made).as_posix(): told
        for path, told in zip(files, packing.digests(files), strict=True)
    }
    write_document(made / "manifest.json", document)
    package.write_sums(made, document["fileHashes"])


def _verify(task: _Task, ready: Path, failed: Sequence[gates.Gate]) -> None:
    """The independent check that users have too; a writer's mistake stops here.

    Raises:
        _RowsUnsoundError: rows are at fault.
        GateFailed: no row is, or a gate failed and no row that could be left out is at fault.
    """
    from runclub_spider.publish.verify import inspect_release

    export = task.config.export_dir
    findings = inspect_release(ready)
    rows = _with_tracks_of(task.connection, findings.tracks, findings.artists)
    if rows:
        raise _RowsUnsoundError(rows, ready)
    if failed:
        kept = folder.keep_failure(export, ready.name, ready)
        raise GateFailed(
            f"release refused: {'; '.join(map(str, failed))}; "
            f"see {export.name}/{kept.name}/report.html, latest is untouched"
        )
    # Coverage is the gates' business: they know what the configuration allows.
    problems = [p for p in findings.problems if not p.rule.endswith("-coverage")]
    if problems:
        _note_problems(ready, problems)
        kept = folder.keep_failure(export, ready.name, ready)
        raise GateFailed(
            "release refused: it does not verify, and no row is to blame: a defect of this "
            f"program, not of your data ({sum(p.count for p in problems):,} problems, the first: "
            f"{problems[0]}); latest is untouched, please report it with "
            f"{export.name}/{kept.name}/problems.txt"
        )


def _refused_for(found: _RowsUnsoundError, export: Path, left_out: Mapping[str, str]) -> GateFailed:
    """The refusal of a release that has unsound rows still after the last repeat."""
    track_id, problem = min(found.rows.items())
    lines = [f"{one}: {why}" for one, why in sorted({**left_out, **found.rows}.items())]
    _note_problems(found.made, lines)
    named = folder.VERSION.fullmatch(found.made.name)
    kept = folder.keep_failure(export, named[0] if named else "unsound", found.made)
    return GateFailed(
        f"release refused: {len(left_out):,} unsound tracks were left out, and "
        f"{len(found.rows):,} more do not verify ({track_id}: {problem}); latest is untouched, "
        f"{export.name}/{kept.name}/problems.txt names them: `scrapy forget --track ID` takes "
        "them out of the store, the next crawl may bring them back sound"
    )


def _note_problems(made: Path, problems: Iterable[object]) -> None:
    text = "".join(f"{unsound.plain(str(one))}\n" for one in problems)
    (made / "problems.txt").write_text(text, encoding="utf-8", newline="\n")


def _refuse_mixing(export: Path, source: str) -> None:
    """A made-up release never takes the place of a real one."""
    if source == "spotify" or not folder.holds_real(export):
        return
    raise ConfigurationError(
        f"{export.name}/latest is a real release and this store holds {source} data: "
        "set EXPORT_DIR to another folder"
    )


def _remember(
    config: Config,
    connection: sa.Connection,
    version: str,
    inputs: str,
    digest: str,
    entries: Canonicals,
    held: _Against,
) -> None:
    selection = entries.selection
    last = changes.Last(
        version, selection.count(Fate.EXPORTED), catalogue.newest_change(connection)
    )
    catalogue.remember_release(
        connection,
        version=version,
        created_at=int(config.source_date_epoch or time.time()),
        input_digest=inputs,
        data_digest=digest,
        tracks=last.tracks,
        cells=((i, *cell) for i, cell in selection.cells()),
        canonicals=entries.rows(),
    )
    meta.put(connection, meta.UNSOUND, unsound.to_remember(selection.pool.unsound))
    # Publishing the same data again finds nothing changed, and must say the same.
    meta.put(connection, meta.CANONICAL_LOG, to_remember(held.log, digest))
    meta.put(connection, meta.CHANGES, changes.to_remember(last, digest, held.changed))
    meta.put(connection, meta.GATES_BEFORE, json.dumps({"data": digest, **asdict(held.before)}))


def _before(connection: sa.Connection, digest: str) -> gates.Before:
    """The last release's shares; for data that is published already, what it was held against."""
    kept = json.loads(meta.get(connection, meta.GATES_BEFORE) or "{}")
    if kept.pop("data", None) == digest:
        return gates.Before(**kept)
    decades, umbrellas = Counter[str](), Counter[str]()
    for umbrella, decade, number in catalogue.previous_shares(connection):
        decades[decade or ""] += number
        umbrellas[umbrella or ""] += number
    return gates.Before(dict(decades), dict(umbrellas))
