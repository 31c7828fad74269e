"""Which database a setting names, and how a person is told of it: never with its password."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from runclub_spider.config import Config, project_dir
from runclub_spider.errors import StoreError
from runclub_spider.store.db.address import database_url, scrubbed, shown
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive

NOWHERE = "127.0.0.1:1"


def at(url: str) -> Config:
    return Config(database_url=url)


def test_an_empty_url_means_the_default(tmp_path: Path) -> None:
    assert database_url(Config(cache_dir=tmp_path)).database == str(tmp_path / "runclub.sqlite")


def test_a_relative_file_begins_at_the_projects_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project_dir()
    for folder in (root, root / "tests" / "store"):
        monkeypatch.chdir(folder)
        assert database_url(at("sqlite:///songs.sqlite")).database == str(root / "songs.sqlite")
    assert database_url(at(f"sqlite:///{tmp_path}/s")).database == f"{tmp_path}/s"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://root:hunter2@h/db", "mysql"),
        ("sqlite://", "in memory"),
        ("sqlite:///", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file:songs?mode=memory&uri=true", "plain path"),
        ("sqlite:///songs.sqlite?password=hunter2", "plain path"),
        ("sqlite://u:hunter2@host/songs.sqlite", "plain path"),
        ("sqlite+aiosqlite:///songs.sqlite", "plain path"),
        (f"postgresql+nodriver://u:hunter2@{NOWHERE}/db", "DATABASE_URL"),
        (f"postgresql://u:hunter2@{NOWHERE}/db", "cannot be opened"),
        (f"postgresql://u@{NOWHERE}/db?password=hunter2", "cannot be opened"),
        (f"postgresql://u@{NOWHERE}/db?pass%77ord=hunter2", "cannot be opened"),
        (f"postgresql://u@{NOWHERE}/db?sslpassword=hunter2&sslmode=prefer", "cannot be opened"),
        (f"postgresql://u@{NOWHERE}/db?passwrod=hunter2", "cannot be opened"),
        (f"postgresql://u:hunter2@@{NOWHERE}/db", "cannot be opened"),
        (f"postgresql://u:p@hunter2@{NOWHERE}/db", "cannot be opened"),
        (f"postgresql://u:hunter2/x@{NOWHERE}/db", "cannot be opened"),
        (f"postgresql://u:%68unter2@{NOWHERE}/db", "cannot be opened"),
        ("postgresql://u:p:hunter2@host.invalid/db", "cannot be opened"),
        ("postgresql:///db?host=/nowhere&password=hunter2", "cannot be opened"),
    ],
)
def test_a_bad_url_is_one_line_without_password(url: str, said: str) -> None:
    for use in (lambda: Store.open(at(url)), lambda: exclusive(at(url), "x").__enter__()):
        with pytest.raises(StoreError, match=said) as caught:
            use()
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=5, max_size=20),
    st.sampled_from(["postgresql://runner:{}@localhost:5432/songs", "{}"]),
)
def test_a_password_is_told_in_no_form(password: str, form: str) -> None:
    marked = f"Zq{password}qZ"
    url = URL.create("postgresql", "runner", marked, "localhost", 5432, "songs")
    text = f"{form.format(marked)} {quote(marked)} {quote(marked, safe='')}"
    for told in (scrubbed(text, url), shown(url)):
        assert marked not in told
        assert "***" in told
    assert "localhost" in shown(url)


def test_what_is_no_secret_is_told() -> None:
    url = database_url(at("postgresql://runner@/songs?host=/run/pg&port=5433&options=-csecret"))
    assert shown(url) == "postgresql+psycopg://runner@/songs?host=%2Frun%2Fpg&port=5433"
    plain = database_url(at("postgresql://songs:songs@localhost/songs"))
    assert shown(plain) == "postgresql+psycopg://songs:***@localhost/songs"
