"""What must be right before the first request. Each failure is one line with the cure."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from scrapy.settings import BaseSettings

from runclub_spider.apis.service import Service
from runclub_spider.apis.spotify.token_file import TokenFile
from runclub_spider.config import SANDBOX, Config, utc_now
from runclub_spider.errors import ConfigurationError, RunPaused
from runclub_spider.store.db import clock, meta
from runclub_spider.store.queue import quota, runs
from runclub_spider.text import DAY, moment

# Seconds that a store may lie unused before its clock is doubted.
_LONG_UNUSED = 3 * 365 * DAY


def check_open_metadata(config: Config) -> None:
    """Somebody to write to, and a source to ask."""
    if not config.open_metadata_contact:
        raise ConfigurationError(
            "OPEN_METADATA_CONTACT is not set: MusicBrainz wants a mail address or a URL in the "
            "User-Agent; put one into .env"
        )
    if not config.open_metadata_sources:
        raise ConfigurationError("OPEN_METADATA_SOURCES is none: name musicbrainz or listenbrainz")


def check_spotify_credentials(config: Config) -> None:
    """A client id, and a secret or a refresh token."""
    if not config.spotify_client_id:
        raise ConfigurationError(
            "SPOTIFY_CLIENT_ID is not set: put it into .env (see .env.example), or try "
            "`make demo`, which needs no key"
        )
    kept = TokenFile(config.token_file).load(config.spotify_client_id)
    if not (config.spotify_client_secret or config.spotify_refresh_token or kept):
        raise ConfigurationError(
            "SPOTIFY_CLIENT_SECRET is not set (nor SPOTIFY_REFRESH_TOKEN): put it into .env"
        )


def check_writable(folder: Path, name: str) -> None:
    """The folder exists or can be made, and takes files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {name} {_shown(folder)}: {error.strerror}; "
            "mend its permissions or choose another folder"
        ) from None


def check_feeds(uris: Iterable[str]) -> None:
    """Files that `-o` names take what will be written; Scrapy tries it when the run has begun."""
    for uri in uris:
        parts = urlsplit(uri)
        # Another service, standard output, or a name that is known only later.
        if parts.scheme not in {"", "file"} or uri == "-" or "%(" in uri:
            continue
        path = Path(unquote(parts.path)) if parts.scheme else Path(uri)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab"):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the file of -o, {path}: {error.strerror}; choose another"
            ) from None


def check_settings(settings: BaseSettings) -> None:
    """What Scrapy's own settings name can be written to."""
    check_feeds(settings.getdict("FEEDS"))
    if jobs := settings.get("JOBDIR"):
        check_writable(Path(jobs), "JOBDIR")


def rows_to_stdout(settings: BaseSettings) -> bool:
    """Whether `-o -` has rows on stdout."""
    return any(uri == "-" or uri.startswith("stdout:") for uri in settings.getdict("FEEDS"))


def check_command(settings: BaseSettings, spider: str) -> None:
    """`scrapy runspider` knows no spider by its name, and its runs are nobody's to resume."""
    loader = settings.get("SPIDER_LOADER_CLASS")
    if getattr(loader, "__name__", str(loader)).endswith("DummySpiderLoader"):
        raise ConfigurationError(f"{spider} is run by `scrapy crawl {spider}`; nothing was sent")


def check_store(
    connection: sa.Connection,
    config: Config,
    services: Sequence[type[Service]],
    asked: Mapping[str, Sequence[str]],
) -> None:
    """The store holds data of the same sources, and no API the run cannot do without is blocked.

    `asked` names these by account, with the endpoint families of each.

    Raises:
        ConfigurationError: real and made-up data would mix, or the clock is wrong.
        RunPaused: an earlier refusal is still in force; nothing is sent.
    """
    wanted = [service for service in services if service.wanted(config)]
    for service in wanted:
        here = config.source_of(service.setting)
        there = meta.get(connection, f"source|{service.name}")
        if there is not None and there != here:
            raise ConfigurationError(
                f"the store holds {service.name} data from {there}, {service.setting.upper()} now "
                f"points at {here}: use another CACHE_DIR or DATABASE_URL, they must not mix"
            )
    _check_made_up(connection, config, wanted)
    now = utc_now()
    _check_clock(connection, config, now)
    mark_sources(connection, config, wanted)
    quota.shorten(connection, now)
    families = {config.ledger_of(account): found for account, found in asked.items()}
    for block in quota.blocks(connection, now):
        if block.family in families.get(block.account, ()):
            sooner = f", or lift it: scrapy status --lift {block.account}"
            raise RunPaused(
                f"{block.account} refuses requests until {moment(block.blocked_until)} "
                f"({block.reason}); nothing was sent, run the same command then"
                f"{sooner if block.blocked_until > now + quota.DAY else ''}"
            )


def mark_sources(
    connection: sa.Connection, config: Config, services: Sequence[type[Service]]
) -> None:
    """Note where the store's data come from, before any of it does."""
    for service in services:
        key, here = f"source|{service.name}", config.source_of(service.setting)
        if meta.get(connection, key) != here:
            meta.put(connection, key, here)


def _check_clock(connection: sa.Connection, config: Config, now: int) -> None:
    """What is written under a wrong clock would be wrong for as long as the store is kept."""
    last = runs.last_seen(connection)
    if last is None:
        return
    if last > now and config.clock_repair:
        clock.pull_back(connection, now)
    elif last > now + quota.DAY:
        raise ConfigurationError(
            f"the clock says {moment(now)}, and the store was last used on {moment(last)}: set "
            "the clock right, or, if it was ahead then, have the store's moments pulled back by "
            "-s CLOCK_REPAIR=1"
        )
    elif last < now - _LONG_UNUSED:
        print(
            f"scrapy crawl: the clock says {moment(now)}, long after the store was last used "
            f"({moment(last)}): if it is ahead, stop this run and set it",
            file=sys.stderr,
        )


def _check_made_up(
    connection: sa.Connection, config: Config, services: Sequence[type[Service]]
) -> None:
    """Made-up songs do not go into a store of real ones, nor the other way round."""
    mine = {service.name for service in services}
    for key, there in meta.starting_with(connection, "source|").items():
        name = key.removeprefix("source|")
        if name in mine:
            continue
        for service in services:
            here = config.source_of(service.setting)
            if (here == SANDBOX) != (there == SANDBOX):
                raise ConfigurationError(
                    f"the store holds {name} data from {there}, {service.setting.upper()} points "
                    f"at {here}: use another CACHE_DIR or DATABASE_URL, they must not mix"
                )


def _shown(path: Path) -> str:
    """A path as short as it can be told."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return os.fspath(path)
