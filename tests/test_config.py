"""The settings: each explained and read, bad values refused in one line, secrets kept."""

from __future__ import annotations

import ast
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings

from runclub_spider import config as module
from runclub_spider.apis.station import stations
from runclub_spider.catalog.content import ContentPolicy, Label, Treatment
from runclub_spider.config import (
    Config,
    check_base_url,
    environment,
    is_loopback,
    open_to_others,
    project_dir,
    read_env_file,
)
from runclub_spider.errors import ConfigurationError

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "runclub_spider"
# The contract's table of variables, copied by hand.
CONTRACT = {
    "SPOTIFY_CLIENT_ID": None,
    "SPOTIFY_CLIENT_SECRET": None,
    "SPOTIFY_REFRESH_TOKEN": None,
    "SPOTIFY_REDIRECT_URI": None,
    "SPOTIFY_API_BASE_URL": "https://api.spotify.com/v1",
    "SPOTIFY_ACCOUNTS_BASE_URL": "https://accounts.spotify.com",
    "SPOTIFY_PROFILE": "auto",
    "RECCOBEATS_BASE_URL": "https://api.reccobeats.com/v1",
    "RECCOBEATS_API_KEY": None,
    "KEXP_BASE_URL": "https://api.kexp.org/v2",
    "MUSICBRAINZ_BASE_URL": "https://musicbrainz.org/ws/2",
    "LISTENBRAINZ_BASE_URL": "https://api.listenbrainz.org/1",
    "OPEN_METADATA_CONTACT": None,
    "DATABASE_URL": None,
    "MARKET": "US",
    "PRIMARY_MARKETS": ("US", "CA", "GB", "AU"),
    "FRONTIER": "deficit",
    "CONTENT_POLICY": ContentPolicy(),
    "CACHE_DIR": Path(".cache"),
    "EXPORT_DIR": Path("export"),
    "SOURCE_DATE_EPOCH": None,
}
URLS = [name for name in CONTRACT if name.endswith("_BASE_URL")]


@cache
def read_by_the_package() -> frozenset[str]:
    """Every attribute that the package's code takes of anything, and what a station's is made of.

    A file at a time, and when asked: all of their nodes at once would be looked through by every
    pass of the collector, in each worker.
    """
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            if isinstance(node, ast.JoinedStr):
                parts = [part for part in node.values if isinstance(part, ast.Constant)]
                found.update(f"{one}{part.value}" for one in stations() for part in parts)
    return frozenset(found)


def read(**values: Any) -> Config:
    return Config.from_settings(Settings(values))


def refused(**values: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(**values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", Config.model_fields)
def test_every_setting_says_why_it_exists_and_is_read(name: str) -> None:
    field = Config.model_fields[name]
    assert field.description
    assert field.description.endswith(".")
    assert name in read_by_the_package()


def test_defaults_are_the_contracts() -> None:
    config = Config()
    assert {name: getattr(config, name.lower()) for name in CONTRACT} == CONTRACT


def test_the_example_lists_every_variable_of_the_contract() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^#?\s*([A-Z][A-Z_]+)=", text, re.MULTILINE)
    assert sorted(set(CONTRACT) - set(listed)) == []
    assert sorted(set(listed) - set(Config.names())) == []
    assert len(listed) == len(set(listed))


def test_the_example_is_a_valid_configuration_without_secrets() -> None:
    values = read_env_file(ROOT / ".env.example")
    config = read(**values)
    assert config.market == "US"
    assert config.spotify_client_secret is None
    assert config.spotify_refresh_token is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MARKET", "USA"),
        ("MARKET", "U1"),
        ("MARKET", "ÜS"),
        ("PRIMARY_MARKETS", "US,Canada"),
        ("PRIMARY_MARKETS", ","),
        ("FRONTIER", "random"),
        ("SPOTIFY_PROFILE", "developer"),
        ("GLOBAL_CAP", "many"),
        ("GLOBAL_CAP", "0"),
        ("GLOBAL_CAP", "1.5"),
        ("PAGE_SIZE", "101"),
        ("SPOTIFY_CONCURRENCY", "0"),
        ("API_RETRIES", "-1"),
        ("FEATURE_COVERAGE_MIN", "95"),
        ("FEATURE_COVERAGE_MIN", "nan"),
        ("YEAR_COVERAGE_MIN", "-0.1"),
        ("SOURCE_DATE_EPOCH", "-1"),
        ("SOURCE_DATE_EPOCH", "yesterday"),
        ("MISS_RETRY_DAYS", "0"),
        ("SEED_DEDUPE", "perhaps"),
        ("DEDUPE_POLICY", "isrc"),
        ("BACKFILL_ORDER", "luck"),
        ("CONTENT_POLICY", "karaoke"),
        ("CONTENT_POLICY", "karaoke=never"),
        ("CONTENT_POLICY", "opera=reject"),
        ("CONTENT_POLICY", "live=keep,live=last"),
        ("BACKFILL_ORDER", "soft,soft"),
        ("MARKET", "U\nS"),
    ],
)
def test_a_bad_value_is_one_line_naming_the_setting(name: str, value: str) -> None:
    said = refused(**{name: value})
    assert said.startswith(f"{name}: ")
    assert repr(value.strip())[1:-1] in said or name == "PRIMARY_MARKETS"


@pytest.mark.parametrize(
    "name", ["SEED_REFRESH_DAYS", "ARTIST_REFRESH_DAYS", "RAW_RETENTION_DAYS", "MISS_RETRY_DAYS"]
)
def test_an_endless_age_is_refused(name: str) -> None:
    # Whole seconds are reckoned from it in mid-run, which infinity has not.
    assert refused(**{name: "inf"}).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        ("decade, Soft", ("decade", "soft")),
        ("none", ()),
        ("", ("soft", "neighbour", "decade")),
    ],
)
def test_the_order_of_help_for_thin_cells(value: str, steps: tuple[str, ...]) -> None:
    assert read(BACKFILL_ORDER=value).backfill_order == steps


def test_what_becomes_of_content_is_read_label_by_label() -> None:
    policy = read(CONTENT_POLICY="karaoke=last, live=reject").content_policy
    assert (policy.of(Label.KARAOKE), policy.of(Label.LIVE)) == (Treatment.LAST, Treatment.REJECT)
    assert policy.of(Label.NOISE) is Treatment.REJECT
    assert read(CONTENT_POLICY="").content_policy == ContentPolicy()
    assert read(CONTENT_POLICY="live=keep").policy.content == ContentPolicy()


def test_several_bad_values_are_all_named() -> None:
    said = refused(MARKET="USA", GLOBAL_CAP="x")
    assert "MARKET: " in said
    assert "GLOBAL_CAP: " in said


def test_durations_the_wrong_way_round() -> None:
    said = refused(MIN_DURATION_MS="300000", MAX_DURATION_MS="200000")
    assert said.startswith("MIN_DURATION_MS")
    assert "MAX_DURATION_MS" in said


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/v1",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://192.168.0.1",
        "http://[2001:db8::1]/",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "example.org",
        "https://",
        "https://user:hunter2@example.org",
        "https://example.org/?key=hunter2",
        "https://example.org/#hunter2",
        "ftp://user:hunter2@example.org",
    ],
)
def test_an_unsafe_url_is_refused_and_its_secret_not_told(name: str, url: str) -> None:
    said = refused(**{name: url})
    assert said.startswith(f"{name}: ")
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/v1/", "https://example.org/v1"),
        (" http://127.0.0.1:8790/v1 ", "http://127.0.0.1:8790/v1"),
        ("http://localhost:8790", "http://localhost:8790"),
        ("http://[::1]:8790/v1", "http://[::1]:8790/v1"),
        ("http://127.1.2.3", "http://127.1.2.3"),
    ],
)
def test_good_urls(url: str, kept: str) -> None:
    assert check_base_url(url) == kept


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "10.0.0.1", "localhost.evil.org", "127.0.0.1.org"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://api.spotify.com/v1", "spotify"),
        ("http://127.0.0.1:8790/v1", "sandbox"),
        ("https://proxy.example.org/v1", "proxy.example.org"),
        ("https://api.spotify.com.evil.org/v1", "api.spotify.com.evil.org"),
    ],
)
def test_where_data_comes_from(url: str, source: str) -> None:
    assert Config(spotify_api_base_url=url).source_of("spotify_api_base_url") == source


SECRETS = {
    "SPOTIFY_CLIENT_SECRET": "hunter2",
    "SPOTIFY_REFRESH_TOKEN": "hunter2",
    "RECCOBEATS_API_KEY": "hunter2",
    "DATABASE_URL": "postgresql://me:hunter2@host/db",
}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_not_shown(name: str) -> None:
    config = read(**{name: SECRETS[name]})
    assert getattr(config, name.lower()) == SECRETS[name]
    assert "hunter2" not in repr(config)
    assert "hunter2" not in str(config)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_the_wrong_type_is_not_shown(name: str) -> None:
    said = refused(**{name: ["hunter2"]})
    assert said.startswith(f"{name}: ")
    assert "hunter2" not in said


def test_empty_means_the_default() -> None:
    assert read(MARKET="", DATABASE_URL="").market == "US"
    assert read(DATABASE_URL="").database_url is None


@pytest.mark.parametrize(
    "name", ["CACHE_DIR", "EXPORT_DIR", "SPOTIFY_CLIENT_SECRET", "DATABASE_URL"]
)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (os.fsdecode(b"/tmp/caf\xe9"), "not UTF-8"),
        ("/tmp/a\0b", "control character"),
        ("/tmp/a\nb", "control character"),
        ("/tmp/a\x1b[2Jb", "control character"),
    ],
)
def test_a_value_that_is_no_line_of_text(name: str, value: str, said: str) -> None:
    told = refused(**{name: value})
    assert told.startswith(f"{name}: ")
    assert said in told
    assert told.isprintable()
    assert ("tmp" in told) is name.endswith("_DIR")


@pytest.mark.parametrize("value", ["x" * 256, "é" * 128, "/tmp" * 1000])
def test_a_name_that_no_folder_can_have(value: str) -> None:
    assert "so long a name" in refused(CACHE_DIR=value)


def test_spelling_is_forgiven() -> None:
    config = read(MARKET=" se ", PRIMARY_MARKETS="us, ca ,", SEED_DEDUPE="0")
    assert (config.market, config.primary_markets) == ("SE", ("US", "CA"))
    assert config.seed_dedupe is False


def test_relative_folders_are_beside_scrapy_cfg() -> None:
    config = read(CACHE_DIR="mine", EXPORT_DIR="/abs")
    assert config.cache_dir == project_dir() / "mine"
    assert config.export_dir == Path("/abs")


def test_a_problem_found_while_loading_is_told() -> None:
    assert refused(CONFIG_PROBLEM=".env line 3: not NAME=value") == ".env line 3: not NAME=value"


# --- .env


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "project_dir", lambda: tmp_path)
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("MARKET=US\nnonsense\n", 2),
        ("just words here\n", 1),
        ("\n\n# a note\n\nMARKET\nGLOBAL_CAP=5\n", 5),
        ("MARKET=US\n\n\nA='open\n", 4),
        ("MARKET=US\r\n=5\r\n", 2),
    ],
)
def test_a_malformed_line_is_named(env_file: Path, text: str, line: int) -> None:
    env_file.write_bytes(text.encode())
    with pytest.raises(ConfigurationError, match=rf"^\.env line {line}: ") as caught:
        read_env_file(env_file)
    assert "\n" not in str(caught.value)


def test_a_malformed_line_does_not_tell_its_secret(env_file: Path) -> None:
    env_file.write_text("SPOTIFY_CLIENT_SECRET hunter2\n")
    with pytest.raises(ConfigurationError) as caught:
        read_env_file(env_file)
    assert "hunter2" not in str(caught.value)


def test_a_good_file(env_file: Path) -> None:
    env_file.write_bytes(
        b"\xef\xbb\xbf# note\nMARKET=SE\nexport GLOBAL_CAP=5 # five\n"
        b"SPOTIFY_CLIENT_SECRET='a#b c'\nEXPORT_DIR=\n"
    )
    assert read_env_file(env_file) == {
        "MARKET": "SE",
        "GLOBAL_CAP": "5",
        "SPOTIFY_CLIENT_SECRET": "a#b c",
        "EXPORT_DIR": "",
    }


def test_values_are_taken_as_they_stand(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/elsewhere")
    env_file.write_text("A=pa${HOME}ss\nB='x$HOME'\nC=\"${NONE:-y}\"\nD=${A}\n")
    assert read_env_file(env_file) == {
        "A": "pa${HOME}ss",
        "B": "x$HOME",
        "C": "${NONE:-y}",
        "D": "${A}",
    }


@pytest.mark.parametrize(
    "first", ["MARKET=SE", "export MARKET=SE", " MARKET = 'SE'", "\nMARKET=SE"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_hides_no_name(env_file: Path, first: str, end: str) -> None:
    env_file.write_bytes(b"\xef\xbb\xbf" + f"{first}\nGLOBAL_CAP=5\n".replace("\n", end).encode())
    assert read_env_file(env_file) == {"MARKET": "SE", "GLOBAL_CAP": "5"}


@pytest.mark.parametrize(
    ("mode", "is_open"),
    [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o622, True), (0o666, True)],
)
def test_a_file_that_others_may_read_is_noticed(env_file: Path, mode: int, is_open: bool) -> None:
    assert not open_to_others(env_file)
    env_file.write_text("A=1\n")
    env_file.chmod(mode)
    assert open_to_others(env_file) is is_open


@pytest.mark.parametrize("data", [b"\xff\xfeM\0", b"MARKET=U\0S\n"])
def test_a_file_that_is_no_text(env_file: Path, data: bytes) -> None:
    env_file.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"^\.env "):
        read_env_file(env_file)


def test_no_file(env_file: Path) -> None:
    assert read_env_file(env_file) == {}
    env_file.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_env_file(env_file)


def test_the_environment_wins_over_the_file(env_file: Path) -> None:
    env_file.write_text("MARKET=SE\nGLOBAL_CAP=5\nUNRELATED=1\n")
    found = environment(Config.names(), {"MARKET": "NO", "PATH": "/bin", "FRONTIER": "rotation"})
    assert found == {"MARKET": "NO", "GLOBAL_CAP": "5", "FRONTIER": "rotation"}


def test_settings_given_on_the_command_line_win_over_both() -> None:
    settings = Settings({"MARKET": "NO"})
    settings.set("MARKET", "SE", priority="cmdline")
    settings.set("MARKET", "FI", priority="project")
    assert Config.from_settings(settings).market == "SE"
