"""The migrations make exactly the tables that the code declares, and a new store has at once."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from runclub_spider.config import Config
from runclub_spider.store.db.engine import HEAD, MIGRATIONS, Store
from runclub_spider.store.db.tables import metadata
from testkit.postgres import running_postgres


def test_head_is_the_newest_version() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [HEAD]
    files = sorted(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert files[-1].startswith(f"{HEAD}_")
    assert len(files) == len(list(scripts.walk_revisions()))


def migrate(connection: sa.Connection, version: str) -> None:
    """Through the migrations up to a version, or back to it."""
    alembic = AlembicConfig()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    alembic.attributes["connection"] = connection
    back = (MigrationContext.configure(connection).get_current_revision() or "") > version
    (command.downgrade if back else command.upgrade)(alembic, version)


def migrated(url: str) -> sa.Engine:
    """An empty database through every migration."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate(connection, HEAD)
    return engine


def check(connection: sa.Connection) -> None:
    """The tables are those declared, and the version is the newest."""
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    assert compare_metadata(context, metadata) == []
    assert context.get_current_revision() == HEAD


def test_all_migrations_together_equal_the_declared_tables(tmp_path: Path) -> None:
    with migrated(f"sqlite:///{tmp_path}/old.sqlite").connect() as connection:
        check(connection)
    store = Store.open(Config(cache_dir=tmp_path))
    with store.begin() as connection:
        check(connection)
    store.close()


def test_what_autogenerate_does_not_compare(tmp_path: Path) -> None:
    """Primary keys, NOT NULL, WITHOUT ROWID and partial indexes, as SQLite wrote them down."""
    store = Store.open(Config(cache_dir=tmp_path))
    query = sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")

    def words(connection: sa.Connection) -> dict[str, list[str]]:
        return {
            name: sorted(sql.replace(",", " ").replace("(", " ").replace(")", " ").split())
            for name, sql in connection.execute(query)
        }

    old = migrated(f"sqlite:///{tmp_path}/old.sqlite")
    with store.begin() as new, old.connect() as made:
        assert words(new) == words(made)
    store.close()


def test_tables_are_made_anew_there_and_back(tmp_path: Path) -> None:
    """With their columns and indexes, whatever order SQLite keeps their rows in."""
    store = Store.open(Config(cache_dir=tmp_path))
    store.close()
    query = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'track' ORDER BY name"
    engine = sa.create_engine(f"sqlite:///{tmp_path}/runclub.sqlite")
    with engine.begin() as connection:
        new = dict(map(tuple, connection.exec_driver_sql(query)))
        migrate(connection, "0013")
        old = dict(map(tuple, connection.exec_driver_sql(query)))
        assert "WITHOUT ROWID" in old["track"]
        assert "track_without_features" in old
        migrate(connection, HEAD)
        again = dict(map(tuple, connection.exec_driver_sql(query)))
        assert {name: str(sql).split() for name, sql in again.items()} == {
            name: str(sql).split() for name, sql in new.items()
        }
        check(connection)


def test_on_postgresql_too() -> None:
    with running_postgres() as url:
        engine = migrated(url.replace("postgresql://", "postgresql+psycopg://", 1))
        with engine.connect() as connection:
            check(connection)
        engine.dispose()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    Store.open(config).close()
    before = (tmp_path / "runclub.sqlite").read_bytes()
    Store.open(config, create=False).close()
    assert (tmp_path / "runclub.sqlite").read_bytes() == before


EDGES = [
    # track, kind of source, its key, when seen
    ("a", "kexp", "song", 5),
    ("a", "search", "rock", 5),
    ("a", "playlist", "list", 5),
    # Found by one term under two markets.
    ("b", "kexp", "song", 5),
    ("b", "search", "song", 6),
    ("c", "kexp", "song", 6),
    ("c", "search", "song", 5),
    ("d", "kexp", "song", 5),
    ("d", "search", "song", 5),
]
SEARCHED = [
    ("a", "playlist", "list", None),
    ("a", "search", "rock", None),
    ("a", "search", "song", "kexp"),
    ("b", "search", "song", "kexp"),
    ("c", "search", "song", None),
    ("d", "search", "song", "kexp"),
]


def check_edges(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate(connection, "0008")
        for one in "abcd":
            connection.exec_driver_sql(
                "INSERT INTO track (track_id, name, duration_ms, explicit, album_name, "
                f"first_seen_at, updated_at) VALUES ('{one}', '', 0, '0', '', 0, 0)"
            )
        for one, kind, key, seen in EDGES:
            connection.exec_driver_sql(
                "INSERT INTO track_source (track_id, source_type, source_key, position, "
                f"first_seen_at, run_id) VALUES ('{one}', '{kind}', '{key}', 0, {seen}, 1)"
            )
        migrate(connection, "0009")
        columns = "track_id, source_type, source_key, station"
        query = f"SELECT {columns} FROM track_source ORDER BY track_id, source_type, source_key"
        assert [tuple(row) for row in connection.exec_driver_sql(query)] == SEARCHED
        migrate(connection, "0008")
        query = "SELECT count(*) FROM track_source WHERE source_type = 'kexp'"
        assert connection.exec_driver_sql(query).scalar() == 3
    engine.dispose()


def test_edges_of_a_station_become_those_of_searches(tmp_path: Path) -> None:
    check_edges(f"sqlite:///{tmp_path}/old.sqlite")


def test_edges_on_postgresql_too() -> None:
    with running_postgres() as url:
        check_edges(url.replace("postgresql://", "postgresql+psycopg://", 1))
