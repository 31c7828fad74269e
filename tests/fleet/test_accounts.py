"""The file of accounts: what it takes, and each mistake in one line that holds no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError
from runclub_spider.fleet.accounts import Account, accounts, read

SECRET = "s3cr3t-of-nobody"
GOOD = f"""\
- name: first
  client_id: 0123456789
  client_secret: {SECRET}
- name: second.one
  client_id: 12e45
  refresh_token: "{SECRET}2"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.yaml"


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def told(path: Path, text: str, mode: int = 0o600) -> str:
    with pytest.raises(ConfigurationError) as error:
        read(written(path, text, mode))
    line = str(error.value)
    assert "\n" not in line
    assert SECRET not in line
    assert line.startswith("SPOTIFY_ACCOUNTS_FILE ")
    return line.removeprefix(f"SPOTIFY_ACCOUNTS_FILE {path}")


def test_values_are_taken_as_they_are_written(path: Path) -> None:
    first, second = read(written(path, GOOD))
    assert (first.name, first.client_id) == ("first", "0123456789")
    assert (second.name, second.client_id) == ("second.one", "12e45")
    assert first.client_secret is not None
    assert first.client_secret.get_secret_value() == SECRET
    assert SECRET not in repr([first, second])
    assert SECRET not in str(first.model_dump())


def test_no_file_no_accounts(path: Path) -> None:
    assert accounts(Config()) == ()
    assert len(accounts(Config(spotify_accounts_file=written(path, GOOD)))) == 2


def test_an_account_brings_its_own_key_and_nobody_elses(path: Path, tmp_path: Path) -> None:
    config = Config(
        spotify_client_secret="another's",
        spotify_refresh_token="another's",
        token_file=tmp_path / "spotify.json",
    )
    first, second = read(written(path, GOOD))
    assert first.environment(config) == {
        "SPOTIFY_ACCOUNT": "first",
        "SPOTIFY_CLIENT_ID": "0123456789",
        "SPOTIFY_CLIENT_SECRET": SECRET,
        "SPOTIFY_REFRESH_TOKEN": "",
        "TOKEN_FILE": str(tmp_path / "spotify-first.json"),
    }
    assert second.environment(config)["SPOTIFY_CLIENT_SECRET"] == ""
    changed = config.model_copy(update=second.changes(config))
    assert changed.spotify_client_secret is None
    assert changed.spotify_refresh_token == f"{SECRET}2"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read(path: Path, mode: int) -> None:
    assert told(path, GOOD, mode).endswith(f"run `chmod 600 {path}`")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ": it holds no list of accounts"),
        ("[]", ": it holds no list of accounts"),
        ("name: first\n", ": it holds no list of accounts"),
        (f"- {SECRET}\n", ":1: an account is no map"),
        (f"- name: a\n  client_secret: b: {SECRET}\n", ":2: not valid YAML"),
        (f"- name: a\n  client_secret: *{SECRET}\n", ":2: not valid YAML"),
        (f"- name: a\n  client_secret: {SECRET}\n", ":1: the account has no client_id; add it"),
        (f"- client_id: a\n  client_secret: {SECRET}\n", ":1: the account has no name; add it"),
        ("- name: a\n  client_id: b\n", ":1: it has no client_secret (nor a refresh_token)"),
        ("- name: a\n  client_id: b\n  client_secret: ~\n", ":1: it has no client_secret"),
        ('- name: a\n  client_id: b\n  client_secret: ""\n', ":1: it has no client_secret"),
        (f"- name: a\n  secret: {SECRET}\n", ":2: an account has name, client_id, client_secret"),
        (f"- name: a\n  {SECRET}: a\n", ":2: an account has name, client_id, client_secret"),
        ("- name: a\n  ? [b]\n  : c\n", ":2: an account has name"),
        (f"- name: a\n  name: b\n  client_id: {SECRET}\n", ":2: name stands twice; keep one"),
        (f"- name: a\n  client_id: {{b: {SECRET}}}\n", ":2: client_id is no text"),
        (
            f"- name: a b\n  client_id: b\n  client_secret: {SECRET}\n",
            ":1: its name is to be 1 to 40 letters",
        ),
        (
            f"- name: a|b\n  client_id: b\n  client_secret: {SECRET}\n",
            ":1: its name is to be 1 to 40 letters",
        ),
        (
            f'- name: a\n  client_id: "b{SECRET} "\n  client_secret: c\n',
            ":1: client_id holds what no key does",
        ),
        (
            f"{GOOD}- name: first\n  client_id: b\n  client_secret: c\n",
            ":7: the same name as the account of line 1",
        ),
        (
            f"{GOOD}- name: third\n  client_id: 12e45\n  client_secret: c\n",
            ":7: the same client_id as the account of line 4",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(path: Path, text: str, line: str) -> None:
    assert told(path, text).startswith(line)


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^SPOTIFY_ACCOUNTS_FILE .*no such file"):
        read(path)


@given(
    damage=st.text(max_size=12),
    at=st.integers(0, len(GOOD)),
    cut=st.integers(0, 30),
)
def test_no_damage_makes_a_message_tell_a_secret(
    tmp_path_factory: pytest.TempPathFactory, damage: str, at: int, cut: int
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "accounts.yaml"
    text = (GOOD[:at] + damage + GOOD[at + cut :]).encode(errors="surrogatepass")
    path.write_bytes(text)
    path.chmod(0o600)
    try:
        found, said = read(path), ""
    except ConfigurationError as error:
        found, said = (), str(error)
    assert SECRET[4:] not in said
    assert "\n" not in said
    assert all(isinstance(one, Account) for one in found)
