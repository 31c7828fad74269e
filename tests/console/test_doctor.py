"""`scrapy doctor`: every trouble with its cause and its cure, in a table of 80 columns."""

from __future__ import annotations

import argparse
import calendar
import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import pytest
import requests
from scrapy.settings import Settings

from runclub_sandbox.testing import Sandbox
from runclub_spider.apis import http
from runclub_spider.apis.spotify.grant import App, Consent
from runclub_spider.config import Config
from runclub_spider.console import doctor as module
from runclub_spider.console.commands.doctor import Command
from runclub_spider.store.db.engine import Store
from runclub_spider.store.queue import quota
from testkit.places import Place, calls
from testkit.rawserver import Sent, answered, head, raw_server
from testkit.serving import Reply, Server, Visit, json_reply, serving

from .reading import Table, read, troubles

DAY = 86_400
Doctor = Callable[..., Table]


@pytest.fixture(scope="module")
def kexp() -> Iterator[Server]:
    with serving(json_reply({"results": []})) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


@pytest.fixture
def doctor(
    place: Place, sandbox: Sandbox, kexp: Server, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """`doctor(code=0, **env)`: the command in this process; the table it prints."""

    def run(code: int = 0, **env: str) -> Table:
        sandbox.reset_stats()
        kexp.seen.clear()
        more = {"KEXP_BASE_URL": kexp.url, "TOKEN_FILE": str(place.root / "token.json"), **env}
        given = place.env(sandbox, **more)
        command = Command()
        command.settings = Settings()
        command.settings.setmodule("runclub_spider.settings")
        command.settings.update({name: given[name] or None for name in Config.names()})
        command.run([], argparse.Namespace())
        out, err = capsys.readouterr()
        assert (command.exitcode, err) == (code, ""), out
        assert sum(asked(sandbox).values()) + len(kexp.seen) < 10
        return read(out, code)

    return run


def asked(sandbox: Sandbox) -> dict[str, int]:
    """Calls since the doctor began, those for tokens included, by family."""
    stats = sandbox.stats()
    tokens = stats["apis"].get("accounts", {"calls": 0})["calls"]
    return calls(stats) | ({"token": tokens} if tokens else {})


# --- usable


@pytest.mark.parametrize(
    ("regime", "search", "playlist", "enrich"),
    [
        ("extended", "50 rows", ("ok", "100 rows"), ("ok", "50 artists")),
        (
            "development",
            "10 rows",
            ("warning", "yields nothing"),
            ("warning", "no artists' genres"),
        ),
    ],
)
def test_what_each_spider_can_yield(
    regime: str,
    search: str,
    playlist: tuple[str, str],
    enrich: tuple[str, str],
    doctor: Doctor,
    sandbox: Sandbox,
) -> None:
    sandbox.configure(regime=regime)
    found = doctor()
    assert found["Spotify regime"] == ("ok", regime)
    assert search in found["spotify_search"][1]
    for name, (sign, said) in (("spotify_playlist", playlist), ("enrich", enrich)):
        assert found[name][0] == sign
        assert said in found[name][1]
    assert asked(sandbox) == {"token": 1, "search_track": 1, "recco_features": 1}
    assert found["ReccoBeats"] == found["KEXP"] == ("ok", "answers")


def test_its_requests_count(doctor: Doctor) -> None:
    doctor()
    assert doctor()["calls in 24 h"] == ("ok", "plays 1, features 1, search 1")


def test_without_a_user_client_credentials_do(doctor: Doctor) -> None:
    found = doctor(SPOTIFY_REFRESH_TOKEN="")
    assert found["Spotify key"] == ("ok", "a token was given, for the app")
    assert "user's consent" not in found


def test_a_missing_kexp_hinders_nothing(doctor: Doctor) -> None:
    found = doctor(KEXP_BASE_URL="http://127.0.0.1:1")
    assert found["KEXP"] == ("warning", "cannot connect to 127.0.0.1:1; check the network")


# --- the user's consent


def keep(place: Place, token: str, age_days: float, mode: int = 0o600) -> None:
    path = place.root / "token.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    granted = int(time.time() - age_days * DAY)
    content = {"client_id": "sandbox-client", "refresh_token": token, "granted_at": granted}
    path.write_text(json.dumps(content), encoding="utf-8")
    path.chmod(mode)


@pytest.mark.parametrize(
    ("age", "sign", "says"),
    [
        (10, "ok", "172 days left"),
        (151, "ok", "31 days left"),
        (153, "warning", "ends in 29 days; run `scrapy auth`"),
        (181, "warning", "ends in 1 days; run `scrapy auth`"),
        (190, "warning", "six months old and over; run `scrapy auth`"),
    ],
)
def test_its_end_is_told_a_month_before(
    age: int, sign: str, says: str, doctor: Doctor, place: Place
) -> None:
    keep(place, "sandbox-refresh", age)
    found = doctor(SPOTIFY_REFRESH_TOKEN="")
    assert found["user's consent"][0] == sign
    assert says in found["user's consent"][1]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_files_that_others_may_read(
    mode: int, doctor: Doctor, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets, and what whoever opens it could lock."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "scrapy.cfg").write_text("[settings]\n")
    monkeypatch.chdir(tmp_path / "project")
    Store.open(place.config()).close()
    keep(place, "sandbox-refresh", 1)
    env, lock = tmp_path / "project" / ".env", Path(f"{place.store}.lock")
    files = {".env": env, "lock": lock, "TOKEN_FILE": place.root / "token.json"}
    for path in (env, lock):
        path.touch(0o600)
    assert files.keys().isdisjoint(doctor(SPOTIFY_REFRESH_TOKEN=""))
    for name, path in files.items():
        path.chmod(mode)
        sign, said = doctor(SPOTIFY_REFRESH_TOKEN="")[name]
        assert sign == "warning"
        assert f"others may read {path}; run `chmod 600` on it".replace(" ", "") in (
            said.replace(" ", "")
        )


@pytest.mark.parametrize("kept", [True, False])
def test_an_expired_token(kept: bool, doctor: Doctor, place: Place, sandbox: Sandbox) -> None:
    if kept:
        keep(place, "t0k3n-of-the-user", 200)
    env = {"SPOTIFY_REFRESH_TOKEN": "" if kept else "t0k3n-of-the-user"}
    (said,) = troubles(doctor(2, **env)).values()
    assert "consent is over (six months)" in said
    assert "run `scrapy auth`" in said
    assert asked(sandbox) == {"token": 1, "recco_features": 1}


def test_a_token_that_spotify_rotates_is_not_lost(
    doctor: Doctor, place: Place, sandbox: Sandbox
) -> None:
    """Looking must not cost the consent."""
    consent = Consent(
        App(sandbox.accounts, "sandbox-client", "sandbox-secret"), "http://127.0.0.1/callback"
    )
    came = requests.get(consent.url, allow_redirects=False, timeout=10).headers["Location"]
    mine = consent.finish(came)
    keep(place, mine, 3)
    sandbox.configure(rotate_refresh_token=True)
    for _ in range(2):
        assert doctor(SPOTIFY_REFRESH_TOKEN="")["user's consent"] == ("ok", "179 days left")
    kept = json.loads((place.root / "token.json").read_bytes())
    assert kept["refresh_token"] != mine


# --- the key


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"SPOTIFY_CLIENT_SECRET": "pa55-w0rd"}, ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET")),
        ({"SPOTIFY_CLIENT_ID": "stranger"}, ("SPOTIFY_CLIENT_ID",)),
        ({"SPOTIFY_CLIENT_ID": ""}, ("SPOTIFY_CLIENT_ID", ".env")),
        (
            {"SPOTIFY_CLIENT_SECRET": "", "SPOTIFY_REFRESH_TOKEN": ""},
            ("SPOTIFY_CLIENT_SECRET", ".env"),
        ),
    ],
)
def test_a_wrong_or_missing_key(
    env: dict[str, str], says: tuple[str, ...], doctor: Doctor, sandbox: Sandbox
) -> None:
    found = troubles(doctor(2, **env))
    assert found.keys() == {"Spotify key"}
    assert [word for word in says if word not in found["Spotify key"]] == []
    assert "search_track" not in asked(sandbox)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("not-premium", ("403", "owner", "Premium")),
        ("not-allowlisted", ("403", "allow-list", "dashboard")),
    ],
)
@pytest.mark.parametrize("regime", ["extended", "development"])
def test_an_account_that_is_shut_out(
    state: str, says: tuple[str, ...], regime: str, doctor: Doctor, sandbox: Sandbox
) -> None:
    sandbox.configure(account_state=state, regime=regime)
    found = troubles(doctor(2))
    assert found.keys() == {"Spotify"}
    assert [word for word in says if word not in found["Spotify"]] == []


def test_the_app_needs_no_allow_list(doctor: Doctor, sandbox: Sandbox) -> None:
    sandbox.configure(account_state="not-allowlisted")
    assert troubles(doctor(SPOTIFY_REFRESH_TOKEN="")) == {}


def test_a_profile_that_promises_too_much(doctor: Doctor, sandbox: Sandbox) -> None:
    sandbox.configure(regime="development")
    found = troubles(doctor(2, SPOTIFY_PROFILE="extended"))
    assert "set it to auto" in found["SPOTIFY_PROFILE"]


# --- services


@pytest.mark.parametrize(
    ("fault", "what", "says", "tokens"),
    [
        ("accounts:503", "Spotify key", "503", 3),
        ("spotify:503", "Spotify", "503", 1),
        ("spotify:502", "Spotify", "502", 1),
        ("reccobeats:500", "ReccoBeats", "500", 1),
    ],
)
def test_a_service_that_fails_is_waited_for(
    fault: str, what: str, says: str, tokens: int, doctor: Doctor, sandbox: Sandbox
) -> None:
    sandbox.configure(faults={fault: 1})
    found = troubles(doctor(75))
    assert found.keys() == {what}
    assert says in found[what]
    assert asked(sandbox)["token"] == tokens


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("SPOTIFY_ACCOUNTS_BASE_URL", "Spotify key"),
        ("SPOTIFY_API_BASE_URL", "Spotify"),
        ("RECCOBEATS_BASE_URL", "ReccoBeats"),
    ],
)
def test_a_service_that_is_away_is_named(name: str, what: str, doctor: Doctor) -> None:
    found = troubles(doctor(75, **{name: "http://127.0.0.1:1"}))
    assert found.keys() == {what}
    assert "127.0.0.1:1" in found[what]


@pytest.mark.parametrize(
    ("name", "what"), [("SPOTIFY_API_BASE_URL", "Spotify"), ("RECCOBEATS_BASE_URL", "ReccoBeats")]
)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<!doctype html><title>Log in to this network</title>"),
        Reply(302, b"", {"Location": "http://127.0.0.1:1/login"}),
        Reply(404, b"Not found"),
        json_reply({"error": {"status": 500, "message": "odd"}}),
    ],
    ids=["portal", "redirect", "404", "other JSON"],
)
def test_a_service_that_is_another_one(name: str, what: str, reply: Reply, doctor: Doctor) -> None:
    """A login page that answers for everybody must not pass for an extended key."""
    with serving(reply) as other:
        found = troubles(doctor(2, **{name: other.url}))
        assert len(other.seen) == 1
    assert found.keys() == {what}
    assert name in found[what]


@pytest.mark.parametrize(
    "reply",
    [json_reply({}), json_reply([]), Reply(200, b"<html>Log in</html>"), Reply(200, b"{")],
    ids=["other JSON", "a list", "portal", "cut"],
)
def test_a_kexp_that_is_another_one(reply: Reply, doctor: Doctor) -> None:
    with serving(reply) as other:
        sign, said = doctor(KEXP_BASE_URL=other.url)["KEXP"]
    assert sign == "warning"
    assert "does not answer as KEXP does" in said
    assert "KEXP_BASE_URL" in said


PLAYS = b'{"next": null, "results": []}'


def test_a_packed_answer_is_read(doctor: Doctor, sandbox: Sandbox) -> None:
    def packed(visit: Visit) -> Reply:
        if visit.path.startswith("/kexp"):
            body = PLAYS
        else:
            found = requests.request(
                visit.method,
                sandbox.root + visit.target,
                data=visit.body,
                headers={k: v for k, v in visit.headers.items() if k not in {"host"}},
                timeout=10,
            )
            body = found.content
        return Reply(200, brotli.compress(body), {"content-encoding": "BR"})

    with serving(packed) as server:
        found = doctor(
            KEXP_BASE_URL=f"{server.url}/kexp/v2",
            SPOTIFY_API_BASE_URL=f"{server.url}/spotify/v1",
            SPOTIFY_ACCOUNTS_BASE_URL=f"{server.url}/accounts",
            RECCOBEATS_BASE_URL=f"{server.url}/reccobeats/v1",
        )
    assert found["Spotify regime"] == ("ok", "extended")
    assert found["ReccoBeats"] == found["KEXP"] == ("ok", "answers")


def test_a_service_that_trickles_or_floods_is_left(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = http.secured
    monkeypatch.setattr(module, "secured", lambda session: real(session, total=0.5))
    wire = head("Content-Length: 9999") + b"{" + b" " * 999
    with raw_server({"/audio-features": Sent(wire, drip=0.05)}) as server:
        before = time.monotonic()
        assert (
            "no whole answer in time"
            in troubles(doctor(75, RECCOBEATS_BASE_URL=server.url))["ReccoBeats"]
        )
        assert time.monotonic() - before < 10
    bomb = answered(gzip.compress(b" " * (99 << 20), 1), "Content-Encoding: gzip")
    with raw_server({"/audio-features": bomb}) as server:
        said = troubles(doctor(75, RECCOBEATS_BASE_URL=server.url))["ReccoBeats"]
    assert "an answer of more than" in said


def test_netrc_gives_nobody_anything(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login someone password pa55-w0rd\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(json_reply({"content": []})) as other:
        doctor(RECCOBEATS_BASE_URL=other.url)
    assert [visit.authorization for visit in other.seen] == [""]


@pytest.mark.parametrize("status", [200, 400, 403])
def test_what_a_server_says_moves_no_terminal(status: int, doctor: Doctor) -> None:
    said = "\x1b]0;owned\x07 \x1b[2J \x9b2J \u202e"
    body = {"error": {"status": status, "message": said}, "content": said}
    with serving(json_reply(body, status)) as other:
        found = doctor(
            2,
            SPOTIFY_API_BASE_URL=other.url,
            RECCOBEATS_BASE_URL=other.url,
            KEXP_BASE_URL=other.url,
        )
    assert all(text.isprintable() for _, text in found.values())


def test_what_a_server_says_is_shown_to_the_letter(doctor: Doctor) -> None:
    said = "[bold]no[/bold] :key: [::1]"
    with serving(json_reply({"error": {"status": 400, "message": said}}, 400)) as other:
        assert said in troubles(doctor(2, SPOTIFY_API_BASE_URL=other.url))["Spotify"]


@pytest.mark.parametrize(("api", "what"), [("spotify", "Spotify"), ("reccobeats", "ReccoBeats")])
@pytest.mark.parametrize("form", ["seconds", "date", "none"])
def test_a_long_refusal_holds(
    form: str, api: str, what: str, doctor: Doctor, sandbox: Sandbox
) -> None:
    sandbox.configure(faults={f"{api}:429": 1}, fault_retry_after=7200, retry_after_form=form)
    # Who names no time is asked again in an hour.
    wait = 3600 if form == "none" else 7200
    begin = time.time()
    first = troubles(doctor(75))
    assert first.keys() == {what}
    stated = re.search(r"until (\S+ \S+) UTC \(rate limit\)", first[what])
    assert stated, first
    until = calendar.timegm(time.strptime(stated[1], "%Y-%m-%d %H:%M"))
    # Told in whole minutes, of a wait in whole seconds, whatever minute begins in between.
    assert begin + wait - 62 < until < time.time() + wait + 2
    assert troubles(doctor(75)) == first
    # Nothing is sent inside the window, not even for a token.
    assert sandbox.stats()["apis"].get(api, {"calls": 0})["calls"] == 0
    assert ("token" in asked(sandbox)) is (api != "spotify")


def test_a_refusal_that_is_likelier_a_mistake(doctor: Doctor, place: Place) -> None:
    """Of an older program, which believed any time."""
    store = Store.open(place.config())
    with store.begin() as connection:
        far = quota.Block("spotify", "*", 10**12, "rate limit")
        quota.block(connection, far)
        quota.block(connection, quota.Block("reccobeats", "*", int(time.time()) + DAY, "ban"))
    store.close()
    found = troubles(doctor(75))
    assert "`scrapy status --lift spotify`" in found["Spotify"]
    assert "--lift" not in found["ReccoBeats"]


@pytest.mark.parametrize("value", ["1000000000000", "1e300", "Sat, 01 Jan 10000 00:00:00 GMT"])
def test_no_refusal_is_believed_for_longer_than_thirty_days(
    value: str, doctor: Doctor, place: Place
) -> None:
    with serving(Reply(429, b"", {"Retry-After": value})) as other:
        assert (
            "--lift reccobeats" in troubles(doctor(75, RECCOBEATS_BASE_URL=other.url))["ReccoBeats"]
        )
    (until,) = place.column("SELECT blocked_until FROM api_block")
    assert abs(until - time.time() - 30 * DAY) < 60


def test_a_short_refusal_is_only_told(doctor: Doctor, sandbox: Sandbox) -> None:
    sandbox.configure(faults={"spotify:429": 1}, fault_retry_after=7)
    assert "for 7 s (rate limit)" in troubles(doctor(75))["Spotify"]
    sandbox.configure(faults={}, reset_limits=True)
    assert troubles(doctor()) == {}


@pytest.mark.parametrize(
    ("family", "code", "sign"), [("search", 75, "wait"), ("playlist", 0, "warning")]
)
def test_a_spent_quota_is_one_familys(
    family: str, code: int, sign: str, doctor: Doctor, place: Place, sandbox: Sandbox
) -> None:
    store = Store.open(place.config())
    with store.begin() as connection:
        spent = quota.Block("spotify", family, int(time.time()) + 3600, "quota exceeded")
        quota.block(connection, spent)
    store.close()
    found = doctor(code)
    assert found[f"spotify {family}"][0] == sign
    assert "quota exceeded" in found[f"spotify {family}"][1]
    assert ("search_track" in asked(sandbox)) is (family != "search")


def test_a_quota_spent_by_the_probe_is_kept(doctor: Doctor, sandbox: Sandbox) -> None:
    sandbox.configure(daily_quota={"search": 0})
    assert "quota exceeded" in troubles(doctor(75))["Spotify"]
    assert "quota exceeded" in troubles(doctor(75))["spotify search"]
    assert "search_track" not in asked(sandbox)


# --- the store


def a_file(place: Place) -> Path:
    place.root.mkdir(parents=True, exist_ok=True)
    path = place.root / "file"
    path.write_text("not a folder\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"CACHE_DIR": "{file}/cache"}, "CACHE_DIR"),
        ({"EXPORT_DIR": "{file}/export"}, "EXPORT_DIR"),
        ({"DATABASE_URL": "sqlite:///{file}/a.sqlite"}, "store"),
        ({"DATABASE_URL": "postgresql://someone:pa55-w0rd@127.0.0.1:1/songs"}, "DATABASE_URL"),
    ],
)
def test_a_store_that_cannot_be_written(
    env: dict[str, str], says: str, doctor: Doctor, place: Place
) -> None:
    path = str(a_file(place))
    found = doctor(2, **{name: value.replace("{file}", path) for name, value in env.items()})
    assert troubles(found).keys() == {"store"}
    assert says in troubles(found)["store"]
    # The rest is looked at all the same.
    assert found["Spotify regime"] == ("ok", "extended")


def test_a_corrupt_store_stays_where_it_is(doctor: Doctor, place: Place) -> None:
    Store.open(place.config()).close()
    place.store.write_bytes(bytes(range(256)) * 64)
    before = {path.name: path.read_bytes() for path in place.cache.iterdir()}
    found = troubles(doctor(2))
    assert "corrupt" in found["store"]
    assert "good copy" in found["store"]
    assert {path.name: path.read_bytes() for path in place.cache.iterdir()} == before
