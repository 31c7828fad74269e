"""What `scrapy doctor` looks at.

At most three tries for a token, and one request each to Spotify, ReccoBeats and each station.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from runclub_spider.apis.call import AnswerError, Api, Call, Family
from runclub_spider.apis.guard import ALL, UNNAMED_BLOCK_SECONDS, retry_after
from runclub_spider.apis.http import secured
from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH, ReccoBeatsCalls
from runclub_spider.apis.reccobeats.parser import parse_features
from runclub_spider.apis.spotify.answers import PASSING, Problem, problem_of
from runclub_spider.apis.spotify.calls import SpotifyCalls
from runclub_spider.apis.spotify.probe import Probe
from runclub_spider.apis.spotify.regimes import REGIMES, Regime
from runclub_spider.apis.spotify.token_file import (
    WARN_DAYS,
    Grant,
    TokenFile,
    current_grant,
    keep_rotated,
)
from runclub_spider.apis.spotify.tokens import AccessToken, TokenClient
from runclub_spider.apis.station import Station, stations
from runclub_spider.catalog.coverage import Order, Reading
from runclub_spider.config import Config, env_file, open_to_others, utc_now
from runclub_spider.crawl.preflight import check_spotify_credentials, check_writable
from runclub_spider.crawl.regime import regime_key
from runclub_spider.errors import ConfigurationError, RunclubError
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url
from runclub_spider.store.db.engine import Store
from runclub_spider.store.queue import quota
from runclub_spider.store.read import overview
from runclub_spider.text import DAY, moment

OK, WARN, BAD, WAIT = "ok", "warning", "mend", "wait"
_EXIT = {OK: 0, WARN: 0, WAIT: 75, BAD: 2}
# Beyond this many seconds a refusal is likelier a mistake than a ban.
_ODD_BLOCK = 7 * DAY
# Any well-known track serves: a 200 with or without a row says that the service is there.
_KNOWN_TRACK = "4iV5W9uYEdYUVa79Axb7Rh"
_LOW_DISK = 1 << 30
# What comes next with an empty store, a small run to look at, and with one that holds tracks.
_LATER_RUN = "scrapy crawl spotify_search"
_FIRST_RUN = f"{_LATER_RUN} -a budget=50"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    what: str
    verdict: str
    detail: str


class Doctor:
    """Examines one configuration; findings come in the order a person would mend them."""

    def __init__(self, config: Config, agent: str) -> None:
        self._config = config
        self._http = secured(requests.Session())
        self._http.headers.update({"User-Agent": agent, "Accept": "application/json"})
        self._blocks: dict[tuple[str, str], quota.Block] = {}
        # What the probes showed; written into the store at the end, if there is one.
        self._calls: Counter[tuple[str, str]] = Counter()
        self._refused: list[quota.Block] = []
        self._regime: Regime | None = None
        # Tracks in the store; None where it could not be read.
        self.tracks: int | None = None

    def findings(self) -> Iterator[Finding]:
        """All findings."""
        usable = True
        for finding in self._store():
            usable = usable and finding.verdict != BAD
            yield finding
        yield from self._disk()
        yield from self._private()
        yield from self._spotify()
        yield self._ping_reccobeats()
        for station in stations().values():
            yield self._ping_station(station)
        yield self._open_metadata()
        if usable:
            yield from self._remember()

    def _store(self) -> Iterator[Finding]:
        try:
            check_writable(self._config.cache_dir, "CACHE_DIR")
            check_writable(self._config.export_dir, "EXPORT_DIR")
            store = Store.open(self._config, set_aside=False)
        except RunclubError as error:
            yield Finding("store", BAD, str(error))
            return
        try:
            with store.reading() as connection:
                version, problems = overview.health(connection)
                numbers = overview.counts(connection)
                found = quota.blocks(connection, utc_now())
                calls = overview.calls_since(connection, utc_now() - DAY)
        except RunclubError as error:
            yield Finding("store", BAD, str(error))
            return
        finally:
            store.close()
        self._blocks = {(block.account, block.family): block for block in found}
        self.tracks = numbers["tracks"]
        if problems:
            yield Finding("store", BAD, f"damaged: {problems[0]}; put a good copy in its place")
        else:
            yield Finding(
                "store",
                OK,
                f"version {version}, {numbers['tracks']:,} tracks, "
                f"{numbers['pages open']:,} pages open",
            )
        spent = ", ".join(f"{family} {number:,}" for _, family, number in calls) or "none"
        yield Finding("calls in 24 h", OK, spent)
        for block in found:
            if block.family != ALL:
                yield Finding(
                    f"{block.account} {block.family}",
                    # Every crawl begins with searches.
                    WAIT if block.family == Family.SEARCH else WARN,
                    _refuses(block),
                )

    def _disk(self) -> Iterator[Finding]:
        if not self._config.cache_dir.exists():
            return
        free = shutil.disk_usage(self._config.cache_dir).free
        verdict = OK if free > _LOW_DISK else WARN
        yield Finding("disk", verdict, f"{free / (1 << 30):.1f} GiB free beside the store")

    def _private(self) -> Iterator[Finding]:
        """Files that hold a secret, or that whoever can open them could lock."""
        files = {".env": env_file(), "TOKEN_FILE": self._config.token_file}
        try:
            database = database_url(self._config).database
        except ConfigurationError:
            database = None
        if database:
            files["lock"] = Path(f"{database}.lock")
        for what, path in files.items():
            if open_to_others(path):
                said = f"others may read {path}; run `chmod 600` on it"
                yield Finding(what, WARN, said)

    def _spotify(self) -> Iterator[Finding]:
        config = self._config
        try:
            check_spotify_credentials(config)
        except ConfigurationError as error:
            yield Finding("Spotify key", BAD, str(error))
            return
        file = TokenFile(config.token_file)
        grant = current_grant(file, config.spotify_client_id or "", config.spotify_refresh_token)
        yield from self._consent(grant)
        if block := self._blocks.get((Api.SPOTIFY, ALL)):
            yield Finding("Spotify", WAIT, _refuses(block))
            return
        client = TokenClient(
            config.spotify_accounts_base_url,
            config.spotify_client_id or "",
            config.spotify_client_secret,
            grant.refresh_token if grant else None,
            rotated=partial(keep_rotated, file, config.spotify_client_id or ""),
        )
        try:
            token = client.fetch()
        except RunclubError as error:
            verdict = BAD if isinstance(error, ConfigurationError) else WAIT
            yield Finding("Spotify key", verdict, str(error))
            return
        who = "for a user" if grant else "for the app"
        yield Finding("Spotify key", OK, f"a token was given, {who}")
        if (Api.SPOTIFY, Family.SEARCH) not in self._blocks:
            yield from self._probe(token)

    def _probe(self, token: AccessToken) -> Iterator[Finding]:
        """What one search tells of the key."""
        config, probe = self._config, Probe()
        calls = SpotifyCalls(config.spotify_api_base_url, config.market)
        while probe.found is None:
            call = calls.search("track", probe.term, limit=probe.rows, offset=0)
            got = self._get(call, {"Authorization": f"Bearer {token.value}"})
            if isinstance(got, str):
                yield Finding("Spotify", WAIT, got)
                return
            refused = probe.take(got.status_code, got.content, market=config.market)
            if refused is not None:
                problem, said = refused
                if got.status_code == 429:
                    said = self._refusal(call, got)
                yield Finding("Spotify", WAIT if problem in PASSING else BAD, said)
                return
        self._regime = probe.found
        yield from self._yields(probe.found)

    def _yields(self, regime: Regime) -> Iterator[Finding]:
        profile = self._config.spotify_profile
        if profile in REGIMES and profile != regime.name:
            yield Finding(
                "SPOTIFY_PROFILE",
                BAD,
                f"says {profile}, the key is {regime.name}; set it to auto",
            )
        yield Finding("Spotify regime", OK, regime.name)
        yield Finding("spotify_search", OK, f"{regime.search_rows} rows a request")
        if regime.reads_foreign_playlists:
            yield Finding("spotify_playlist", OK, f"{regime.playlist_rows} rows a request")
        else:
            yield Finding(
                "spotify_playlist",
                WARN,
                "yields nothing: this key may not open other people's playlists",
            )
        features = f"audio features of {FEATURES_BATCH} tracks a request"
        if regime.artist_batch and regime.artist_genres:
            yield Finding("enrich", OK, f"{regime.artist_batch} artists, {features}")
        else:
            yield Finding(
                "enrich",
                WARN,
                f"{features}; no artists' genres: umbrellas come from the seeds that found a track",
            )

    def _consent(self, grant: Grant | None) -> Iterator[Finding]:
        if grant is None:
            return
        left = grant.days_left(utc_now())
        if left is None:
            known = "SPOTIFY_REFRESH_TOKEN is used; it lives six months from the user's consent"
            yield Finding("user's consent", OK, known)
        elif left < 0:
            yield Finding("user's consent", WARN, "is six months old and over; run `scrapy auth`")
        elif left < WARN_DAYS:
            yield Finding("user's consent", WARN, f"ends in {left} days; run `scrapy auth`")
        else:
            yield Finding("user's consent", OK, f"{left} days left")

    def _ping_reccobeats(self) -> Finding:
        config = self._config
        if block := self._blocks.get((Api.RECCOBEATS, ALL)):
            return Finding("ReccoBeats", WAIT, _refuses(block))
        calls = ReccoBeatsCalls(config.reccobeats_base_url, config.reccobeats_api_key)
        call = calls.features([_KNOWN_TRACK])
        answer = self._get(call)
        if isinstance(answer, requests.Response):
            if answer.status_code == 429:
                return Finding("ReccoBeats", WAIT, self._refusal(call, answer))
            if answer.status_code == 200:
                try:
                    parse_features(answer.content, [_KNOWN_TRACK])
                except AnswerError as error:
                    said = f"does not answer as ReccoBeats does ({error})"
                    return Finding("ReccoBeats", BAD, f"{said}; check RECCOBEATS_BASE_URL")
        return self._reached("ReccoBeats", "RECCOBEATS_BASE_URL", answer)

    def _ping_station(self, station: Station) -> Finding:
        newest = Reading(station.first_play, None, Order.DOWN)
        answer = self._get(station.calls_of(self._config).plays(newest, 1))
        setting = station.base_url.upper()
        found = self._reached(station.title, setting, answer)
        if found.verdict == OK and isinstance(answer, requests.Response):
            try:
                station.parse(answer.content)
            except AnswerError as error:
                said = f"does not answer as {station.title} does ({error})"
                found = Finding(station.title, BAD, f"{said}; check {setting}")
        # Only its own spider needs it.
        return Finding(found.what, WARN if found.verdict != OK else OK, found.detail)

    def _open_metadata(self) -> Finding:
        config = self._config
        hosts = " and ".join(
            url.split("/")[2] for url in (config.musicbrainz_base_url, config.listenbrainz_base_url)
        )
        if not config.open_metadata_contact:
            return Finding("open metadata", OK, f"off: no OPEN_METADATA_CONTACT for {hosts}")
        return Finding("open metadata", OK, f"{hosts}, contact {config.open_metadata_contact}")

    @staticmethod
    def _reached(what: str, setting: str, answer: requests.Response | str) -> Finding:
        if isinstance(answer, str):
            return Finding(what, WAIT, answer)
        status = answer.status_code
        if status == 200:
            return Finding(what, OK, "answers")
        if status == 429 or status >= 500:
            return Finding(what, WAIT, f"answers {status}; try again later")
        return Finding(what, BAD, f"answers {status}; check {setting}")

    def _refusal(self, call: Call, answer: requests.Response) -> str:
        """A 429: how long the API wants to be left alone, kept for every later command."""
        now = utc_now()
        wait = retry_after(answer.headers.get("Retry-After"), now)
        over_quota = problem_of(429, answer.content) is Problem.QUOTA
        reason = "quota exceeded" if over_quota else "rate limit"
        if not over_quota and wait is not None and wait <= self._config.max_wait_seconds:
            return f"refuses requests for {wait:.0f} s ({reason}); try again then"
        until = now + (UNNAMED_BLOCK_SECONDS if wait is None else wait)
        block = quota.Block(call.api, call.family if over_quota else ALL, math.ceil(until), reason)
        self._refused.append(block)
        return _refuses(block)

    def _get(self, call: Call, headers: dict[str, str] | None = None) -> requests.Response | str:
        """One GET, counted; a text when there was no answer."""
        self._calls[call.api, call.family] += 1
        host = call.base_url.split("/")[2]
        try:
            return self._http.get(
                call.url,
                headers={**call.headers, **(headers or {})},
            )
        except requests.exceptions.ContentDecodingError as error:
            return f"{error} from {host}; try again later"
        except requests.Timeout:
            return f"no whole answer in time from {host}; try again later"
        except requests.RequestException:
            return f"cannot connect to {host}; check the network"

    def _remember(self) -> Iterator[Finding]:
        """The probes count like any call, their refusals hold, and the next crawl need not probe.

        Yields something only if the store does not take it.
        """
        try:
            store = Store.open(self._config, set_aside=False)
            try:
                with store.begin() as connection:
                    quota.shorten(connection, utc_now())
                    for (api, family), number in self._calls.items():
                        quota.count(connection, api, {family: number}, utc_now())
                    for block in self._refused:
                        quota.block(connection, block)
                    if self._regime is not None:
                        known = f"{self._regime.name}|{utc_now()}"
                        meta.put(connection, regime_key(self._config), known)
            finally:
                store.close()
        except RunclubError as error:
            yield Finding("store", BAD, str(error))


def _refuses(block: quota.Block) -> str:
    said = f"refuses requests until {moment(block.blocked_until)} ({block.reason})"
    if block.blocked_until - utc_now() > _ODD_BLOCK:
        said += f"; if that is a mistake, `scrapy status --lift {block.account}` ends it"
    return said


def _shown(text: str) -> str:
    """Without what would move a terminal: some of it came from servers and files."""
    return "".join(c if c.isprintable() else " " for c in text)


def examine(config: Config, user_agent: str) -> int:
    """Print the table and a one-line verdict; returns the exit code."""
    table = Table(box=None, pad_edge=False)
    for column in ("what", "", "detail"):
        table.add_column(column, overflow="fold")
    found, doctor = list[Finding](), Doctor(config, user_agent)
    for finding in doctor.findings():
        found.append(finding)
        table.add_row(finding.what, finding.verdict, _shown(finding.detail))
    Console(file=sys.stdout, highlight=False, markup=False, emoji=False).print(table)
    worst = max((f.verdict for f in found), key=(OK, WARN, WAIT, BAD).index)
    count = sum(f.verdict == worst for f in found)
    step = _LATER_RUN if doctor.tracks else _FIRST_RUN
    print(
        {
            OK: f"Usable: everything answers. Next: {step}",
            WARN: f"Usable, with {count} warning{'' if count == 1 else 's'}. Next: {step}",
            WAIT: "Not usable now: wait, and run the same command again.",
            BAD: f"Not usable: mend {count} thing{'' if count == 1 else 's'} above, "
            "and run it again.",
        }[worst],
        flush=True,
    )
    return _EXIT[worst]
