"""Publishing: the store's tracks into `export/<version>`, then `latest` in one swap."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runclub_spider import __version__
from runclub_spider.catalog.dates import DECADES, release_year
from runclub_spider.catalog.rules import Policy, failing_rules
from runclub_spider.catalog.umbrellas import UmbrellaFileError, UmbrellaMap
from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError, GateFailed, RunclubError
from runclub_spider.publish import gates, manifest
from runclub_spider.publish.exporters import CatalogLinesExporter
from runclub_spider.publish.files import fsync, fsync_tree, gzip_copy, sha256, swap_link
from runclub_spider.publish.rows import (
    ArtistRow,
    SourceRow,
    artist_row,
    features_row,
    track_row,
    wide_row,
)
from runclub_spider.publish.select import Candidate, Selection, Targets, select
from runclub_spider.store import catalogue, meta, pages
from runclub_spider.store.engine import Store
from runclub_spider.store.pages import PageKind
from runclub_spider.store.tracks import market_playability
from runclub_spider.text import timestamp

SCHEMAS = Path(__file__).parent / "schemas"
_ROW_PAGES = (PageKind.TRACK_SEARCH, PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS)
# An umbrella with less than this share of a track's votes is not worth naming.
_MINOR_VOTE = 0.2


@dataclass(slots=True)
class _Written:
    """What writing the data files showed."""

    tracks: int = 0
    artists: int = 0
    features: int = 0
    with_decade: int = 0
    newest: int = 0


def publish(config: Config) -> str:
    """Make a release of what the store holds; returns one line saying what was done.

    An empty store publishes nothing; neither does input that was published already.

    Raises:
        GateFailed: a gate refused it; `latest` is untouched and the report says why.
        ConfigurationError: the export folder holds a real release and this store sandbox data.
    """
    store = Store.open(config)
    try:
        with store.begin() as connection:
            return _publish(config, connection)
    except OSError as error:
        raise RunclubError(
            f"cannot write the release to {config.export_dir.name}: {error.strerror or error}; "
            "the last one is untouched, mend the cause and run the same command again"
        ) from None
    finally:
        store.close()


def _publish(config: Config, connection: sa.Connection) -> str:
    _clear_staging(config.export_dir)
    if not catalogue.track_count(connection):
        return "Nothing to publish: the store holds no track yet."
    umbrellas = _umbrellas(config)
    inputs = _input_digest(config, connection, umbrellas)
    if (known := _published(config, connection, inputs)) is not None:
        return f"Nothing new to publish: {config.export_dir.name}/latest is {known}."
    source = meta.get(connection, "source|spotify") or "unknown"
    selection, votes = _select(config, connection, umbrellas)
    account = manifest.accounting(
        selection, pages.row_totals(connection, _ROW_PAGES), catalogue.track_count(connection)
    )
    if selection.pending and not selection.cells:
        return (
            f"Nothing to publish yet: {selection.pending:,} tracks wait for their features; "
            "run `scrapy crawl enrich`."
        )
    if problem := manifest.imbalance(account):
        raise RunclubError(f"the accounting does not add up: {problem}; please report this")
    with _staging(config.export_dir) as staging:
        written = _write_data(config, connection, staging, selection, votes)
        hashes = {name: sha256(staging / name) for name in manifest.DATA_FILES}
        digest = manifest.data_digest(hashes)
        version = manifest.version_of(timestamp(written.newest)[:10], digest, source)
        target = config.export_dir / version
        document, checks = _describe(
            config, connection, umbrellas, source, version, selection, account, written
        )
        failed = [gate for gate in checks if not gate.passed]
        if failed:
            _write_rest(staging, document)
            _keep_failure(config.export_dir, version, staging)
            raise GateFailed(
                f"release refused: {'; '.join(map(str, failed))}; "
                f"see {config.export_dir.name}/failed-{version}/report.html, latest is untouched"
            )
        if _is_current(config.export_dir, target, digest):
            _remember(config, connection, version, inputs, digest, selection)
            return f"Nothing new to publish: {config.export_dir.name}/latest is {version}."
        _refuse_mixing(config.export_dir, source)
        _write_rest(staging, document)
        ready = staging.rename(staging.with_name(version))
        _verify(config.export_dir, ready)
        fsync_tree(ready)
        if target.exists():
            shutil.rmtree(target)
        ready.rename(target)
        fsync(config.export_dir)
        swap_link(config.export_dir / "latest", version)
        _remember(config, connection, version, inputs, digest, selection)
        _prune(config, version)
    return (
        f"Released {version}: {written.tracks:,} tracks, {written.artists:,} artists, "
        f"{written.features:,} with features, in {config.export_dir.name}/latest"
    )


def coverage(config: Config, connection: sa.Connection) -> dict[str, dict[str, int]]:
    """The grid umbrella -> decade -> tracks that a release made now would hold."""
    umbrellas = _umbrellas(config)
    selection, _ = _select(config, connection, umbrellas)
    return manifest.grid(selection, umbrellas.labels)


def _input_digest(config: Config, connection: sa.Connection, umbrellas: UmbrellaMap) -> str:
    """What a release depends on, in one number: content, configuration, genre map and code."""
    policy = config.model_dump(
        mode="json",
        include={
            "market",
            "primary_markets",
            "min_duration_ms",
            "max_duration_ms",
            "dedupe_policy",
            "global_cap",
            "cell_minimum",
            "cell_target",
            "feature_coverage_min",
            "year_coverage_min",
            "min_tracks",
        },
    )
    parts = [meta.revision(connection), policy, umbrellas.digest, __version__]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _published(config: Config, connection: sa.Connection, inputs: str) -> str | None:
    """The release made from the same input, if it still is `latest`, whole."""
    for version, data in catalogue.releases_of(connection, inputs):
        if _is_current(config.export_dir, config.export_dir / version, data):
            return version
    return None


def _umbrellas(config: Config) -> UmbrellaMap:
    try:
        return UmbrellaMap.load(config.seeds_dir / "umbrellas.yaml")
    except UmbrellaFileError as error:
        raise ConfigurationError(str(error)) from None


def _select(
    config: Config, connection: sa.Connection, umbrellas: UmbrellaMap
) -> tuple[Selection, dict[str, tuple[tuple[str, ...], str, float]]]:
    """The selection, and per chosen track its umbrellas, their source and confidence."""
    votes: dict[str, tuple[tuple[str, ...], str, float]] = {}
    policy = Policy(config.market, config.min_duration_ms, config.max_duration_ms)
    genres = {
        row.artist_id: catalogue.genres_of(row.genres) for row in catalogue.artists(connection)
    }
    of_source = catalogue.seed_umbrellas(connection)
    artists = _Merge(catalogue.artists_of_tracks(connection))
    sources = _Merge(catalogue.sources_of_tracks(connection))

    def candidates() -> Iterator[Candidate]:
        for row in catalogue.candidates(connection, config.market):
            ids = [a.artist_id for a in artists.of(row.track_id)]
            seen = [(s.source_type, s.source_key) for s in sources.of(row.track_id)]
            voted = umbrellas.of_artists([genres.get(i, ()) for i in ids])
            origin = "artist_genres"
            if not voted:
                voted, origin = _provenance(seen, of_source, umbrellas.labels), "provenance"
            names = tuple(label for label, weight in voted if weight >= _MINOR_VOTE)
            votes[row.track_id] = (
                names,
                origin if names else "none",
                round(voted[0][1], 4) if names else 0.0,
            )
            rules = failing_rules(
                name=row.name,
                artists=len(ids),
                duration_ms=row.duration_ms,
                playable=market_playability(row.playable, row.available_markets, config.market),
                policy=policy,
            )
            yield Candidate(
                track_id=row.track_id,
                isrc=row.isrc,
                linked_from=row.linked_from,
                duration_ms=row.duration_ms,
                year=release_year(row.release_date),
                popularity=row.popularity,
                has_features=row.features is not None,
                asked_features=row.tries is not None,
                umbrellas=names,
                rule=rules[0] if rules else None,
            )

    possible = max(1, len(umbrellas.possible_cells(DECADES)))
    targets = Targets(
        cap=config.global_cap,
        cell_target=min(config.cell_target, config.global_cap // possible),
        coverage=Fraction(str(config.feature_coverage_min)),
        collapse_isrc=config.dedupe_policy == "id+isrc",
    )
    selection = select(candidates(), targets, catalogue.previous_canonicals(connection))
    return selection, {i: votes[i] for i in selection.cells}


def _provenance(
    sources: list[tuple[str, str]], of_source: dict[tuple[str, str], Any], labels: tuple[str, ...]
) -> tuple[tuple[str, float], ...]:
    """Umbrella votes of the seeds and playlists that found a track; each source weighs 1."""
    weights: dict[str, float] = {}
    for source in sources:
        counter = of_source.get(source)
        if counter:
            for label, number in counter.items():
                weights[label] = weights.get(label, 0.0) + number / counter.total()
    total = sum(weights[label] for label in sorted(weights))
    known = [label for label in labels if label in weights]
    order = sorted(known, key=lambda label: (-round(weights[label], 9), labels.index(label)))
    return tuple((label, weights[label] / total) for label in order)


def _write_data(
    config: Config,
    connection: sa.Connection,
    folder: Path,
    selection: Selection,
    votes: dict[str, tuple[tuple[str, ...], str, float]],
) -> _Written:
    """The four data files, in one pass over the chosen tracks."""
    written = _Written()
    people = {row.artist_id: _artist(row) for row in catalogue.artists(connection)}
    lists = catalogue.playlists(connection)
    terms = catalogue.playlist_terms(connection)
    merged_into: dict[str, list[str]] = {}
    for lost, kept in sorted(selection.merged.items()):
        merged_into.setdefault(kept, []).append(lost)
    primary = tuple(dict.fromkeys((*config.primary_markets, config.market)))
    artists = _Merge(catalogue.artists_of_tracks(connection))
    sources = _Merge(catalogue.sources_of_tracks(connection))
    markets = _Merge(catalogue.markets_of_tracks(connection))
    used: set[str] = set()
    with ExitStack() as stack:
        wide_file, track_file, feature_file, artist_file = (
            stack.enter_context(_lines(folder / name)) for name in manifest.DATA_FILES
        )
        for row in catalogue.wide(connection):
            ids = [a.artist_id for a in artists.of(row.track_id)]
            seen = [
                SourceRow(s.source_type, s.source_key, *lists.get(s.source_key, (None, None)))
                if s.source_type == "playlist"
                else SourceRow(s.source_type, s.source_key)
                for s in sources.of(row.track_id)
            ]
            probed = {m.market: (m.playable, m.basis) for m in markets.of(row.track_id)}
            if row.track_id not in selection.cells:
                continue
            umbrella = selection.cells[row.track_id][0]
            names, origin, confidence = votes[row.track_id]
            names = tuple(sorted(names, key=lambda name: name != umbrella))
            wide = wide_row(
                row._asdict(),
                [people[i] for i in ids],
                seen,
                markets=probed,
                primary_markets=primary,
                extra={
                    "umbrellas": list(names),
                    "umbrella_source": origin,
                    "umbrella_confidence": confidence,
                    "album_id": row.album_id,
                    "album_type": row.album_type,
                    "linked_from": row.linked_from,
                    "merged_track_ids": merged_into.get(row.track_id, []),
                    "features_source": "reccobeats" if row.features_of else None,
                },
            )
            source = wide["sources"][0]
            query = (
                terms.get(source["playlist_id"])
                if source["type"] == "playlist"
                else (source["term"])
            )
            wide_file.export_item(wide)
            track_file.export_item(track_row(wide, market=config.market, query=query))
            if (features := features_row(wide)) is not None:
                feature_file.export_item(features)
                written.features += 1
            used.update(ids)
            written.tracks += 1
            written.with_decade += wide["album_decade_label"] is not None
            written.newest = max(written.newest, row.updated_at)
        for artist_id in sorted(used):
            artist_file.export_item(artist_row(people[artist_id]))
    written.artists = len(used)
    return written


def _artist(row: Any) -> ArtistRow:
    return ArtistRow(
        row.artist_id, row.name, catalogue.genres_of(row.genres), row.popularity, row.image_url
    )


def _describe(
    config: Config,
    connection: sa.Connection,
    umbrellas: UmbrellaMap,
    source: str,
    version: str,
    selection: Selection,
    account: dict[str, Any],
    written: _Written,
) -> tuple[dict[str, Any], list[gates.Gate]]:
    """The manifest without file hashes, and the gates."""
    profile = meta.get(connection, "profile")
    runs = catalogue.run_totals(connection)
    checks = gates.check(
        gates.Measures(written.tracks, written.features, written.with_decade),
        feature_coverage=config.feature_coverage_min,
        year_coverage=config.year_coverage_min,
        min_tracks=config.min_tracks,
    )
    seeds = catalogue.seed_summary(connection)
    row_counts = pages.row_totals(connection, (PageKind.TRACK_SEARCH,))
    list_counts = pages.row_totals(connection, (PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS))
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
                f"{row.search_type}/{row.family}": {
                    "seeds": row.seeds,
                    "asked": row.asked,
                    "requests": row.requests,
                    "rows": row.rows,
                    "newTracks": row.new_tracks,
                    "eligibleNew": row.eligible_new,
                }
                for row in seeds
            },
            "searchCounts": {
                "requests": sum(r.requests for r in seeds),
                "trackRows": row_counts.track_rows,
                "newTracks": row_counts.new_tracks,
            },
            "playlistCounts": {
                "byState": catalogue.playlist_states(connection),
                "rows": list_counts.rows,
                "newTracks": list_counts.new_tracks,
            },
        },
        reccobeats={
            "source": meta.get(connection, "source|reccobeats") or "unknown",
            "featureCoveragePct": round(100 * written.features / max(written.tracks, 1), 2),
            "errors": runs["reccobeats/errors"] + runs["reccobeats/refused"],
            "retries": runs["reccobeats/retries"],
        },
        totals={
            "tracks": written.tracks,
            "artists": written.artists,
            "audioFeatures": written.features,
            "byUmbrellaAndDecade": manifest.grid(selection, umbrellas.labels),
        },
        config=config,
        hashes={},
        account=account,
        gates=checks,
        note_lines=manifest.notes(config, source, profile),
    )
    return document, checks


def _write_rest(folder: Path, document: dict[str, Any]) -> None:
    """Compressed copies, tables, schemas and report, and last the manifest that proves them."""
    # Here, not above: a run that finds nothing new to publish does without these imports.
    from runclub_spider.publish.report import render
    from runclub_spider.publish.tables import write_tables

    for name in manifest.DATA_FILES:
        gzip_copy(folder / name)
    columns = list(json.loads((SCHEMAS / "catalog_wide.schema.json").read_bytes())["properties"])
    write_tables(
        folder / "catalog_wide.jsonl",
        columns,
        parquet=folder / "catalog.parquet",
        csv=folder / "catalog.csv",
    )
    (folder / "schemas").mkdir()
    for schema in sorted(SCHEMAS.glob("*.schema.json")):
        shutil.copyfile(schema, folder / "schemas" / schema.name)
    (folder / "report.html").write_text(render(document), encoding="utf-8", newline="\n")
    document["fileHashes"] = {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    (folder / "manifest.json").write_text(
        json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n"
    )


def _verify(export: Path, folder: Path) -> None:
    """The independent check that users have too; a writer's mistake stops here."""
    from runclub_spider.publish.verify import verify_release

    # Coverage is the gates' business: they know what the configuration allows.
    problems = [p for p in verify_release(folder) if not p.rule.endswith("-coverage")]
    if problems:
        _keep_failure(export, folder.name, folder)
        raise GateFailed(
            f"release refused: it does not verify ({len(problems)} problems, the first: "
            f"{problems[0]}); latest is untouched"
        )


def _is_current(export: Path, target: Path, digest: str) -> bool:
    """Whether `latest` already is this release, whole."""
    latest = export / "latest"
    if not (latest.is_symlink() and target.is_dir() and latest.resolve() == target.resolve()):
        return False
    try:
        document = json.loads((target / "manifest.json").read_bytes())
        hashes = document["fileHashes"]
        whole = all(sha256(target / name) == known for name, known in hashes.items())
        return whole and manifest.data_digest(hashes) == digest
    except (OSError, ValueError, KeyError):
        return False


def _refuse_mixing(export: Path, source: str) -> None:
    """A made-up release never takes the place of a real one."""
    try:
        document = json.loads((export / "latest" / "manifest.json").read_bytes())
        there = document["spotify"]["source"]
    except (OSError, ValueError, KeyError):
        return
    if there == "spotify" != source:
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
    selection: Selection,
) -> None:
    catalogue.remember_release(
        connection,
        version=version,
        created_at=int(config.source_date_epoch or time.time()),
        input_digest=inputs,
        data_digest=digest,
        cells=[(i, *cell) for i, cell in selection.cells.items()],
        canonicals=selection.canonicals,
    )


def _keep_failure(export: Path, version: str, staging: Path) -> None:
    """Report and manifest of a refused release, for the person who must mend it."""
    folder = export / f"failed-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("manifest.json", "report.html"):
        shutil.copyfile(staging / name, folder / name)


def _prune(config: Config, version: str) -> None:
    """Drop releases beyond the newest `keep_releases`."""
    releases = [
        path
        for path in config.export_dir.iterdir()
        if path.is_dir()
        and not path.is_symlink()
        and (path / "manifest.json").is_file()
        and not path.name.startswith(("failed-", "."))
    ]
    releases.sort(key=lambda path: (path.name == version, path.stat().st_mtime), reverse=True)
    for path in releases[config.keep_releases :]:
        # Renamed first: a half-deleted folder must not look like a release.
        gone = path.rename(path.with_name(f".staging-old-{path.name}"))
        shutil.rmtree(gone)


def _clear_staging(export: Path) -> None:
    """Remove what a killed run left; the store's lock says that no other is at work."""
    for stale in export.glob(".staging-*"):
        shutil.rmtree(stale)


@contextmanager
def _staging(export: Path) -> Iterator[Path]:
    """A folder beside the releases; whatever is left in it at the end is removed."""
    export.mkdir(parents=True, exist_ok=True)
    outer = export / f".staging-{os.getpid()}"
    inner = outer / "release"
    inner.mkdir(parents=True)
    try:
        yield inner
    finally:
        shutil.rmtree(outer, ignore_errors=True)


@contextmanager
def _lines(path: Path) -> Iterator[CatalogLinesExporter]:
    with path.open("wb") as file:
        exporter = CatalogLinesExporter(file)
        exporter.start_exporting()
        yield exporter
        exporter.finish_exporting()


class _Merge:
    """Walks a stream sorted by track id beside another: `of(id)` gives the rows of that id."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, key=lambda row: row.track_id)
        self._next = next(self._groups, None)

    def of(self, track_id: str) -> list[Any]:
        """The rows of an id; ids must be asked in ascending order."""
        while self._next is not None and self._next[0] < track_id:
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != track_id:
            return []
        rows = list(self._next[1])
        self._next = next(self._groups, None)
        return rows
