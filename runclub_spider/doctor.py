"""What `scrapy doctor` looks at. At most six requests: a token, three probes, two pings."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import requests
from rich.console import Console
from rich.table import Table
from scrapy.settings import BaseSettings

from runclub_spider.apis.call import Api, Call, Family
from runclub_spider.apis.reccobeats.calls import ReccoBeatsCalls
from runclub_spider.apis.spotify.calls import SpotifyCalls
from runclub_spider.apis.spotify.regimes import (
    PROBE_LIMIT,
    REGIMES,
    Regime,
    refusal,
    regime_of_probe,
)
from runclub_spider.apis.spotify.token_file import WARN_DAYS, TokenFile, current_token
from runclub_spider.apis.spotify.tokens import TokenClient
from runclub_spider.config import Config, utc_now
from runclub_spider.errors import ConfigurationError, RunclubError
from runclub_spider.preflight import check_spotify_credentials, check_writable
from runclub_spider.runtime import regime_key
from runclub_spider.store import meta, overview, quota
from runclub_spider.store.engine import Store
from runclub_spider.text import moment

OK, WARN, BAD, WAIT = "ok", "warning", "mend", "wait"
_EXIT = {OK: 0, WARN: 0, WAIT: 75, BAD: 2}
_TIMEOUT = 15
# Any well-known track serves: a 200 with or without a row says that the service is there.
_KNOWN_TRACK = "4iV5W9uYEdYUVa79Axb7Rh"
_LOW_DISK = 1 << 30


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
        self._http = requests.Session()
        self._http.headers.update({"User-Agent": agent, "Accept": "application/json"})
        self._blocks: dict[str, quota.Block] = {}
        self._calls: dict[str, int] = {}

    def findings(self) -> Iterator[Finding]:
        """All findings."""
        yield from self._store()
        yield from self._disk()
        yield from self._spotify()
        yield self._ping_reccobeats()
        yield self._ping_kexp()
        yield self._open_metadata()
        self._count()

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
                self._blocks = {b.account: b for b in quota.blocks(connection, utc_now())}
                calls = overview.calls_since(connection, utc_now() - 86_400)
        except RunclubError as error:
            yield Finding("store", BAD, str(error))
            return
        finally:
            store.close()
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

    def _disk(self) -> Iterator[Finding]:
        if not self._config.cache_dir.exists():
            return
        free = shutil.disk_usage(self._config.cache_dir).free
        verdict = OK if free > _LOW_DISK else WARN
        yield Finding("disk", verdict, f"{free / (1 << 30):.1f} GiB free beside the store")

    def _spotify(self) -> Iterator[Finding]:
        config = self._config
        try:
            check_spotify_credentials(config)
        except ConfigurationError as error:
            yield Finding("Spotify key", BAD, str(error))
            return
        file = TokenFile(config.token_file)
        yield from self._token_age(file)
        if block := self._blocks.get(Api.SPOTIFY):
            yield Finding(
                "Spotify",
                WAIT,
                f"refuses requests until {moment(block.blocked_until)} ({block.reason})",
            )
            return
        client = TokenClient(
            config.spotify_accounts_base_url,
            config.spotify_client_id or "",
            config.spotify_client_secret,
            current_token(file, config.spotify_client_id or "", config.spotify_refresh_token),
        )
        try:
            token = client.fetch()
        except RunclubError as error:
            verdict = BAD if isinstance(error, ConfigurationError) else WAIT
            yield Finding("Spotify key", verdict, str(error))
            return
        yield Finding("Spotify key", OK, "a token was given")
        call = SpotifyCalls(config.spotify_api_base_url, config.market).search(
            "track", "year:2000", limit=PROBE_LIMIT, offset=0
        )
        answer = self._get(call, {"Authorization": f"Bearer {token.value}"})
        if isinstance(answer, str):
            yield Finding("Spotify", WAIT, answer)
            return
        regime = regime_of_probe(answer.status_code, answer.text)
        if regime is None:
            wait = answer.status_code in {429, 500, 502, 503, 504}
            yield Finding(
                "Spotify", WAIT if wait else BAD, refusal(answer.status_code, answer.content)
            )
            return
        yield from self._yields(regime)

    def _yields(self, regime: Regime) -> Iterator[Finding]:
        profile = self._config.spotify_profile
        if profile in REGIMES and profile != regime.name:
            yield Finding(
                "SPOTIFY_PROFILE",
                BAD,
                f"says {profile}, the key is {regime.name}; set it to auto",
            )
        self._remember(regime)
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

    def _token_age(self, file: TokenFile) -> Iterator[Finding]:
        grant = file.load(self._config.spotify_client_id or "")
        if grant is None:
            return
        left = grant.days_left(utc_now())
        if left < 0:
            yield Finding("user's consent", BAD, "is over (six months); run `scrapy auth`")
        elif left < WARN_DAYS:
            yield Finding("user's consent", WARN, f"ends in {left} days; run `scrapy auth`")
        else:
            yield Finding("user's consent", OK, f"{left} days left")

    def _ping_reccobeats(self) -> Finding:
        config = self._config
        if block := self._blocks.get(Api.RECCOBEATS):
            return Finding(
                "ReccoBeats",
                WAIT,
                f"refuses requests until {moment(block.blocked_until)} ({block.reason})",
            )
        calls = ReccoBeatsCalls(config.reccobeats_base_url, config.reccobeats_api_key)
        answer = self._get(calls.features([_KNOWN_TRACK]))
        return self._reached("ReccoBeats", answer)

    def _ping_kexp(self) -> Finding:
        url = f"{self._config.kexp_base_url}/plays/?limit=1"
        try:
            answer: requests.Response | str = self._http.get(
                url, timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException:
            answer = f"cannot connect to {url.split('/')[2]}"
        found = self._reached("KEXP", answer)
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
    def _reached(what: str, answer: requests.Response | str) -> Finding:
        if isinstance(answer, str):
            return Finding(what, WAIT, answer)
        if answer.status_code == 200:
            return Finding(what, OK, "answers")
        return Finding(what, WAIT, f"answers {answer.status_code}; try again later")

    def _get(self, call: Call, headers: dict[str, str] | None = None) -> requests.Response | str:
        """One GET, counted; a text when there was no answer."""
        family = call.family if call.family in set(Family) else Family.SEARCH
        self._calls[f"{call.api}/{family}"] = self._calls.get(f"{call.api}/{family}", 0) + 1
        try:
            return self._http.get(
                call.url,
                headers={**call.headers, **(headers or {})},
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException:
            return f"cannot connect to {call.base_url.split('/')[2]}; check the network"

    def _remember(self, regime: Regime) -> None:
        """A fresh look at the key saves the next crawl its probe."""
        store = Store.open(self._config)
        try:
            with store.begin() as connection:
                meta.put(connection, regime_key(self._config), f"{regime.name}|{utc_now()}")
        finally:
            store.close()

    def _count(self) -> None:
        """Put the probes into the quota ledger like any other call."""
        store = Store.open(self._config)
        try:
            with store.begin() as connection:
                for name, number in self._calls.items():
                    api, family = name.split("/")
                    quota.count(connection, api, {family: number}, utc_now())
        finally:
            store.close()


def examine(settings: BaseSettings) -> int:
    """Print the table and a one-line verdict; returns the exit code."""
    config = Config.from_settings(settings)
    table = Table(box=None, pad_edge=False)
    for column in ("what", "", "detail"):
        table.add_column(column, overflow="fold")
    found = []
    for finding in Doctor(config, settings["USER_AGENT"]).findings():
        found.append(finding)
        table.add_row(finding.what, finding.verdict, finding.detail)
    Console(file=sys.stdout, highlight=False).print(table)
    worst = max((f.verdict for f in found), key=(OK, WARN, WAIT, BAD).index)
    count = sum(f.verdict == worst for f in found)
    print(
        {
            OK: "Usable: everything answers.",
            WARN: f"Usable, with {count} warning{'' if count == 1 else 's'}.",
            WAIT: "Not usable now: wait, and run the same command again.",
            BAD: f"Not usable: mend {count} thing{'' if count == 1 else 's'} above.",
        }[worst],
        flush=True,
    )
    return _EXIT[worst]
