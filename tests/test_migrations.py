"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from runclub_spider.config import Config
from runclub_spider.store.engine import HEAD, MIGRATIONS, Store
from runclub_spider.store.tables import metadata


def test_head_is_the_newest_version() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [HEAD]
    files = sorted(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert files[-1].startswith(f"{HEAD}_")
    assert len(files) == len(list(scripts.walk_revisions()))


def test_a_new_store_equals_the_declared_tables(tmp_path: Path) -> None:
    store = Store.open(Config(cache_dir=tmp_path))
    with store.begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
    store.close()


def test_what_autogenerate_does_not_compare(tmp_path: Path) -> None:
    """Primary keys, NOT NULL, WITHOUT ROWID and partial indexes, as SQLite wrote them down."""
    store = Store.open(Config(cache_dir=tmp_path))
    declared = sa.create_engine("sqlite://")
    metadata.create_all(declared)
    query = sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")

    def words(connection: sa.Connection) -> dict[str, list[str]]:
        return {
            name: sorted(sql.replace(",", " ").replace("(", " ").replace(")", " ").split())
            for name, sql in connection.execute(query)
            if name != "alembic_version"
        }

    with store.begin() as made, declared.connect() as wanted:
        assert words(made) == words(wanted)
    store.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    Store.open(config).close()
    before = (tmp_path / "runclub.sqlite").read_bytes()
    Store.open(config, create=False).close()
    assert (tmp_path / "runclub.sqlite").read_bytes() == before
