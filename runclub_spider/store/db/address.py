"""Where the store is: the configured URL, what may stand there, and how a person is told of it."""

from __future__ import annotations

import mmap
import re
import stat
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from runclub_spider.config import Config, project_dir
from runclub_spider.errors import StoreError

# What of a URL's query is no secret; a password may stand under any other name.
_TOLD = frozenset({"host", "hostaddr", "port", "dbname", "user", "sslmode"})
_HEADER = b"SQLite format 3\0"
# Tables of this project's stores, as the file's schema names them, that hardly another database
# has; two of them tell a store. A zero byte tells the file from its dump as text.
_TABLES = ("seed_playlist", "track_market", "feature_miss", "playlist_change", "api_block")
_ENOUGH = 2


def database_url(config: Config) -> URL:
    """The configured URL, else an SQLite file in the cache folder.

    A relative path of an SQLite file begins at the project's root, wherever the shell stands.

    Raises:
        StoreError: it is no URL of a file or a server that can hold a store.
    """
    if not config.database_url:
        return URL.create("sqlite", database=str(config.cache_dir / "runclub.sqlite"))
    try:
        url = make_url(config.database_url)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreError(
            "DATABASE_URL is not a database URL, such as sqlite:///songs.sqlite or "
            "postgresql://user@host/name"
        ) from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _file_url(url)
    if backend != "postgresql":
        raise StoreError(f"DATABASE_URL names {backend}; sqlite and postgresql are supported")
    return url


def made_engine(url: URL, **options: Any) -> sa.Engine:
    """An engine, which has not connected yet.

    Raises:
        StoreError: the URL names a driver that is not there.
    """
    try:
        return sa.create_engine(url, **options)
    except sa.exc.ArgumentError as error:
        raise StoreError(f"DATABASE_URL: {scrubbed(str(error), url)}") from None
    except ModuleNotFoundError as error:
        raise StoreError(f"DATABASE_URL needs the package {error.name}; install it") from None


def file_of(url: URL) -> Path | None:
    """The SQLite file; None for a server's database."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def exists(config: Config) -> bool:
    """Whether there is a store to open; a server's database always counts as one."""
    path = file_of(database_url(config))
    return path is None or path.exists()


def check_place(config: Config) -> None:
    """What stands in an SQLite store's place is a database or an empty file, or nothing.

    A damaged file passes where it was a store once: in the cache folder, or by its tables.

    Raises:
        StoreError: anything else is there, or no file can have that name. It is not touched.
    """
    path = file_of(database_url(config))
    if path is None:
        return
    try:
        mode = path.stat().st_mode
        with path.open("rb") if stat.S_ISREG(mode) else nullcontext(BytesIO()) as file:
            start = file.read(len(_HEADER))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # Told where it is opened or made.
        return
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "no file can have that name"
        raise _unusable(path, cause) from None
    if not stat.S_ISREG(mode):
        raise _unusable(path, "it is a folder" if stat.S_ISDIR(mode) else "it is no ordinary file")
    if start and start != _HEADER and not was_ours(config):
        raise _unusable(path, "it is no database")


def _unusable(path: Path, cause: str) -> StoreError:
    return StoreError(f"the store {path} cannot be opened: {cause}; mend CACHE_DIR or DATABASE_URL")


def was_ours(config: Config) -> bool:
    """Whether a file that cannot be read as a database was a store: by its place or tables."""
    path = file_of(database_url(config))
    if path is None or not config.database_url:
        return path is not None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = sum(content.find(f"CREATE TABLE {name}".encode()) >= 0 for name in _TABLES)
        return found >= _ENOUGH and content.find(b"\0") >= 0


def shown(url: URL) -> str:
    """A URL for people: without password, and without what else its query may hide."""
    told = url.set(query=_told(url)).render_as_string(hide_password=True)
    return scrubbed(told, url)


def without_secrets(url: URL) -> URL:
    """The same database as whoever knows its password can open it."""
    return URL.create(
        url.drivername, url.username, None, url.host, url.port, url.database, _told(url)
    )


def _told(url: URL) -> dict[str, str | tuple[str, ...]]:
    return {key: value for key, value in url.query.items() if key in _TOLD}


def scrubbed(text: str, url: URL) -> str:
    """A text, a driver's message say, without any part of the URL's password or hidden query.

    A password with an unescaped `@` or `/` is cut wrongly by every parser, and its pieces turn up
    as host, port or database; therefore all that stands between the user and the last `@` goes.
    """
    address = url.set(query={}).render_as_string(hide_password=False).partition("://")[2]
    secrets = {url.password or ""}
    if "@" in address:
        secrets |= set(re.split(r"[@:/]", address.rpartition("@")[0])[1:])
    for key, value in url.query.items():
        if key not in _TOLD:
            secrets |= {value} if isinstance(value, str) else set(value)
    secrets |= {unquote(secret) for secret in secrets}
    # Nobody can tell that a password is the same as what is told anyway.
    secrets -= {url.username, url.host, url.database}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) > 1:
            text = text.replace(secret, "***")
    return text


def _file_url(url: URL) -> URL:
    name = url.database or ""
    if name in {"", ":memory:"}:
        raise StoreError(
            "DATABASE_URL names a database in memory, which nothing survives: name a file, "
            "such as sqlite:///songs.sqlite"
        )
    plain = url.drivername in {"sqlite", "sqlite+pysqlite"} and not (url.query or url.host)
    if name.startswith("file:") or not plain or url.username or url.password:
        raise StoreError(
            "DATABASE_URL: name the SQLite file by its plain path, such as sqlite:///songs.sqlite"
        )
    return url.set(drivername="sqlite", database=str(project_dir() / name))
