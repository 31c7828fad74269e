"""`scrapy auth` against the sandbox's consent page; the browser is a plain HTTP client."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from scrapy.settings import Settings

from runclub_sandbox.testing import Sandbox
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.apis.spotify.token_file import TokenFile, current_token
from runclub_spider.apis.spotify.tokens import TokenClient
from runclub_spider.config import Config
from runclub_spider.console import auth as authorizing
from runclub_spider.console.commands.auth import Command
from runclub_spider.crawl.run import Run
from runclub_spider.errors import ConfigurationError
from runclub_spider.spiders.search import SpotifySearchSpider
from tests.conftest import MakeCrawler

ROOT = Path(__file__).parents[2]
Browse = Callable[[str], None]


def consenting(url: str) -> None:
    """Opens the page, consents, and follows where it is sent."""
    requests.get(url, timeout=10)


@dataclass
class Auth:
    """Runs the command in this process."""

    sandbox: Sandbox
    path: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    out: str = ""
    err: str = ""
    opened: list[str] = field(default_factory=list)

    def settings(self, **changes: str | None) -> Settings:
        settings = Settings()
        settings.setmodule("runclub_spider.settings")
        for name in Config.names():
            settings.set(name, None)
        settings.update({**self.sandbox.env, "SPOTIFY_REFRESH_TOKEN": None})
        settings.update({"TOKEN_FILE": str(self.path), **changes})
        return settings

    def run(
        self,
        browse: Browse = consenting,
        *,
        paste: bool = False,
        timeout: float = 10,
        code: int = 0,
        **changes: str | None,
    ) -> dict[str, Any] | None:
        """The kept consent, None when there is no file; the exit code is checked."""

        def opened(url: str) -> bool:
            self.opened.append(url)
            threading.Thread(target=browse, args=(url,), daemon=True).start()
            return True

        self.monkeypatch.setattr(authorizing.webbrowser, "open", opened)
        command = Command()
        command.settings = self.settings(**changes)
        command.run([], argparse.Namespace(paste=paste, no_browser=False, timeout=timeout))
        self.out, self.err = self.capsys.readouterr()
        assert command.exitcode == code, self.out + self.err
        return self.kept()

    def pasted(self, answer: Callable[[str], str], code: int = 0, **changes: str) -> Any:
        """The same in paste mode: what is typed depends on the address that was printed."""
        asking = self

        class Typing(io.StringIO):
            def readline(self, _size: int | None = -1, /) -> str:
                shown = asking.capsys.readouterr().out
                return answer(address_in(shown)) + "\n"

        self.monkeypatch.setattr(sys, "stdin", Typing())
        return self.run(paste=True, code=code, **changes)

    def kept(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        found: dict[str, Any] = json.loads(self.path.read_bytes())
        return found

    def tokens_asked(self) -> int:
        families = self.sandbox.stats()["apis"].get("accounts", {"families": {}})["families"]
        return int(families.get("token", {"calls": 0})["calls"])


def address_in(text: str) -> str:
    (found,) = re.findall(r"^http\S+/authorize\S+$", text, re.MULTILINE)
    return str(found)


def came_back(url: str) -> str:
    """Where the consent page sends a browser that cannot reach this machine."""
    return requests.get(url, allow_redirects=False, timeout=10).headers["Location"]


@pytest.fixture
def auth(
    sandbox: Sandbox,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Auth:
    return Auth(sandbox, tmp_path / "config" / "spotify.json", capsys, monkeypatch)


def works(auth: Auth, token: str) -> bool:
    """Whether the sandbox gives an access token for it."""
    client = TokenClient(auth.sandbox.accounts, "sandbox-client", "sandbox-secret", token)
    try:
        return bool(client.fetch().value)
    except ConfigurationError:
        return False


# --- consent


def test_a_consent_is_kept_for_its_owner_alone(auth: Auth) -> None:
    before = int(time.time())
    kept = auth.run()
    assert kept is not None
    assert kept["client_id"] == "sandbox-client"
    assert before <= kept["granted_at"] <= time.time()
    assert stat.S_IMODE(auth.path.stat().st_mode) == 0o600
    assert works(auth, kept["refresh_token"])
    assert str(auth.path) in auth.out
    assert "6 months" in auth.out
    # Who cannot see a browser open gets the address as well, and nothing else of value.
    assert address_in(auth.out) == auth.opened[0]
    told = auth.out + auth.err
    assert kept["refresh_token"] not in told
    assert "sandbox-secret" not in told


def test_pkce_alone_is_enough(auth: Auth) -> None:
    kept = auth.run(SPOTIFY_CLIENT_SECRET=None)
    assert kept is not None
    assert works(auth, kept["refresh_token"])


def test_any_free_port_is_taken(auth: Auth) -> None:
    auth.run()
    auth.run()
    told = [parse_qs(urlsplit(url).query)["redirect_uri"][0] for url in auth.opened]
    assert all(re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", uri) for uri in told)


def test_the_configured_port_is_taken(auth: Auth) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    uri = f"http://127.0.0.1:{port}/back/here"
    assert auth.run(SPOTIFY_REDIRECT_URI=uri) is not None
    assert parse_qs(urlsplit(auth.opened[0]).query)["redirect_uri"] == [uri]


# --- no consent


def assert_nothing_kept(auth: Auth, cause: str, *, asked: int = 0) -> None:
    assert auth.kept() is None
    assert re.search(cause, auth.err), auth.err
    assert len(auth.err.splitlines()) == 1
    assert auth.err.startswith("scrapy auth: ")
    assert auth.tokens_asked() == asked


def test_the_users_refusal(auth: Auth) -> None:
    auth.sandbox.configure(deny_authorize=True)
    auth.run(code=2)
    assert_nothing_kept(auth, "consent was not given")


def test_another_attempts_answer_is_passed_over(auth: Auth) -> None:
    """A page elsewhere could send the browser here with a code of its own."""
    pages: list[requests.Response] = []

    def forged(url: str) -> None:
        real = came_back(url)
        pages.append(requests.get(re.sub(r"state=[^&]+", "state=mine", real), timeout=10))
        requests.get(real, timeout=10)

    kept = auth.run(forged)
    assert pages[0].status_code == 400
    assert kept is not None
    assert works(auth, kept["refresh_token"])


def test_a_code_of_another_challenge_is_refused(auth: Auth) -> None:
    """PKCE: who stole the code has not the verifier, and the accounts service checks it."""

    def challenged(url: str) -> None:
        consenting(re.sub(r"code_challenge=[^&]+", "code_challenge=" + "x" * 43, url))

    auth.run(challenged, code=2)
    assert_nothing_kept(auth, "refused the code", asked=1)


def test_nobody_consents_in_time(auth: Auth) -> None:
    auth.run(lambda url: None, timeout=0.3, code=2)
    assert_nothing_kept(auth, "nobody consented.*--paste")


def test_a_taken_port(auth: Auth) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        auth.run(SPOTIFY_REDIRECT_URI=f"http://127.0.0.1:{port}/callback", code=2)
    assert_nothing_kept(auth, f"cannot listen on 127.0.0.1:{port}.*SPOTIFY_REDIRECT_URI")
    assert auth.opened == []


@pytest.mark.parametrize("paste", [False, True])
@pytest.mark.parametrize("uri", ["http://localhost:8888/callback", "http://10.0.0.7:8888/callback"])
def test_localhost_and_other_hosts_are_refused_before_anything_opens(
    uri: str, paste: bool, auth: Auth
) -> None:
    auth.run(SPOTIFY_REDIRECT_URI=uri, paste=paste, code=2)
    assert_nothing_kept(auth, "SPOTIFY_REDIRECT_URI.*127.0.0.1:PORT")
    assert auth.opened == []


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"SPOTIFY_CLIENT_ID": None}, "SPOTIFY_CLIENT_ID"),
        ({"TOKEN_FILE": "/proc/nowhere/spotify.json"}, "TOKEN_FILE"),
    ],
)
def test_what_is_missing_is_told_before_anything_opens(
    changes: dict[str, str | None], cause: str, auth: Auth
) -> None:
    auth.run(code=2, **changes)
    assert cause in auth.err
    assert (auth.opened, auth.tokens_asked()) == ([], 0)


def test_a_wrong_secret(auth: Auth) -> None:
    auth.run(SPOTIFY_CLIENT_SECRET="wr0ng-secret", code=2)
    assert_nothing_kept(auth, "SPOTIFY_CLIENT_SECRET", asked=1)
    assert "wr0ng-secret" not in auth.out + auth.err


def test_an_accounts_service_that_fails_is_a_pause(auth: Auth) -> None:
    url_of: list[str] = []

    def browse(url: str) -> None:
        url_of.append(came_back(url))
        auth.sandbox.configure(faults={"accounts:503": 1})
        requests.get(url_of[0], timeout=10)

    auth.run(browse, code=75)
    assert_nothing_kept(auth, "again later", asked=1)


# --- paste mode


def test_the_address_can_be_pasted(auth: Auth) -> None:
    kept = auth.pasted(came_back)
    assert works(auth, kept["refresh_token"])
    assert auth.opened == []


def test_an_https_address_of_the_app_can_be_pasted(auth: Auth) -> None:
    """Spotify would send the browser there; the sandbox knows loopback only."""
    asked: list[str] = []

    def typed(url: str) -> str:
        asked.append(parse_qs(urlsplit(url).query)["redirect_uri"][0])
        return ""

    assert auth.pasted(typed, code=2, SPOTIFY_REDIRECT_URI="https://example.com/cb") is None
    assert asked == ["https://example.com/cb"]


@pytest.mark.parametrize(
    ("typed", "cause"),
    [
        (lambda url: "", "no address was pasted"),
        (lambda url: url, "state differs|no code"),
        (lambda url: parse_qs(urlsplit(came_back(url)).query)["code"][0], "state differs"),
        (lambda url: came_back(url).replace("state=", "state=x"), "state differs"),
        (lambda url: re.sub(r"code=[^&]+", "code=spent", came_back(url)), "refused the code"),
        (lambda url: re.sub(r"code=[^&]+&", "", came_back(url)), "no code"),
        (lambda url: "http://[::1", "no address"),
    ],
)
def test_a_wrong_address_is_refused(typed: Callable[[str], str], cause: str, auth: Auth) -> None:
    assert auth.pasted(typed, code=2) is None
    assert re.search(cause, auth.err), auth.err


# --- what is kept, and for how long


def test_a_new_consent_replaces_the_old_and_a_failed_one_does_not(auth: Auth) -> None:
    first = auth.run()
    auth.sandbox.configure(deny_authorize=True)
    assert auth.run(code=2) == first
    auth.sandbox.configure(deny_authorize=False)
    second = auth.run()
    assert first is not None
    assert second is not None
    assert first["refresh_token"] != second["refresh_token"]
    assert [path.name for path in auth.path.parent.iterdir()] == [auth.path.name]


def test_a_new_consent_goes_before_the_token_of_the_environment(auth: Auth) -> None:
    """`scrapy auth` is the cure for an expired SPOTIFY_REFRESH_TOKEN: it must not be in vain."""
    kept = auth.run(SPOTIFY_REFRESH_TOKEN="expired")
    assert kept is not None
    file = TokenFile(auth.path)
    assert current_token(file, "sandbox-client", "expired") == kept["refresh_token"]
    assert current_token(file, "sandbox-client", "set later") == "set later"


@pytest.mark.parametrize("rotates", [True, False])
def test_a_refresh_keeps_or_replaces_the_token_as_spotify_does(
    rotates: bool, auth: Auth, make_crawler: MakeCrawler
) -> None:
    first = auth.run()
    assert first is not None
    auth.sandbox.configure(rotate_refresh_token=rotates)
    env = {**auth.sandbox.env, "SPOTIFY_REFRESH_TOKEN": None, "TOKEN_FILE": str(auth.path)}
    crawler = make_crawler(SpotifySearchSpider, **env)
    for _ in range(2):
        Run.of(crawler).apis[Spotify].tokens.fetch()
    second = auth.kept()
    assert second is not None
    assert (second["refresh_token"] != first["refresh_token"]) is rotates
    assert second["granted_at"] == first["granted_at"]
    assert stat.S_IMODE(auth.path.stat().st_mode) == 0o600
    # The next run begins with the one that works.
    assert works(auth, second["refresh_token"])
    assert works(auth, first["refresh_token"]) is not rotates


# --- the command itself


def started(auth: Auth, *argv: str) -> subprocess.Popen[str]:
    unset = dict.fromkeys(Config.names(), "")
    here = {"SPOTIFY_REFRESH_TOKEN": "", "TOKEN_FILE": str(auth.path)}
    return subprocess.Popen(
        [sys.executable, "-m", "scrapy", "auth", *argv],
        cwd=ROOT,
        env={**os.environ, **unset, **auth.sandbox.env, **here},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the suite in the background may have had interrupts ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def printed_address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return next(line.strip() for line in process.stdout if "/authorize?" in line)


def test_from_a_shell(auth: Auth) -> None:
    with started(auth, "--no-browser") as process:
        consenting(printed_address(process))
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert str(auth.path) in out
    assert auth.kept() is not None


def test_from_a_shell_by_pasting(auth: Auth) -> None:
    with started(auth, "--paste") as process:
        out, err = process.communicate(came_back(printed_address(process)) + "\n", timeout=20)
    assert (process.returncode, err) == (0, ""), out
    assert auth.kept() is not None


def test_stopped_by_a_person(auth: Auth) -> None:
    with started(auth, "--no-browser") as process:
        printed_address(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (1, "scrapy auth: stopped; nothing was kept\n")
    assert auth.kept() is None


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_out_that_is_none(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    command = Command()
    command.settings = Settings()
    command.add_options(parser)
    with pytest.raises(SystemExit) as end:
        parser.parse_args(["--timeout", seconds])
    assert end.value.code == 2
    assert "--timeout" in capsys.readouterr().err
