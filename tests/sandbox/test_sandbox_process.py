"""The process: flags, output, exit codes, runtime changes, real tables."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from runclub_sandbox.options import SandboxOptions, parse
from runclub_sandbox.testing import running_sandbox
from testkit.sandboxes import Sandboxes

from .asking import Client, ask

ROOT = Path(__file__).parents[2]
MODULE = [sys.executable, "-m", "runclub_sandbox"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30
    )


def test_options_survive_their_command_line() -> None:
    options = SandboxOptions(
        port=0,
        regime="development",
        seed=9,
        rate_limit=20,
        daily_quota={"search": 600, "*": 5},
        faults={"500": 0.05, "accounts:503": 0.1},
        withhold={"track.is_playable": 1.0, "audio_features.tempo": 0.25},
        filter_forms=("single", "bare"),
        plain_apostrophes=True,
        rotate_refresh_token=True,
        ready_file=Path("ready"),
    )
    assert parse(options.arguments()) == options


@pytest.mark.parametrize(
    "arguments",
    [["--port", "abc"], ["--port", "99999"], ["--regime", "old"], ["--fault", "500"],
     ["--fault", "999=0.1"], ["--fault", "500=2"], ["--daily-quota", "songs=1"],
     ["--rate-limit", "0"], ["--data", "no-such-directory"], ["--token-lifetime", "0"],
     ["--retry-after-form", "soon"], ["--withhold", "track"], ["--withhold", "song.name"],
     ["--withhold", "track.name=2"], ["--filter-forms", "double,curly"], ["--no-such-flag"]],
)  # fmt: skip
def test_wrong_options_are_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(arguments)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Traceback" not in said


def test_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("--port", str(port))
    assert ended.returncode == 2
    assert ended.stderr == f"sandbox: port {port} on 127.0.0.1 is taken\n"


def test_scrapy_command_prints_and_stops(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "scrapy", "sandbox", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip() for _ in range(11)]
        assert "sandbox" in lines[0]
        assert "made-up" in lines[0]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines[2:])
        assert set(exported) == {
            "SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET", "SPOTIFY_REFRESH_TOKEN",
            "SPOTIFY_API_BASE_URL", "SPOTIFY_ACCOUNTS_BASE_URL", "RECCOBEATS_BASE_URL",
            "KEXP_BASE_URL",
            "MUSICBRAINZ_BASE_URL", "LISTENBRAINZ_BASE_URL",
        }  # fmt: skip
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        written = dict(line.split("=", 1) for line in ready.read_text().splitlines())
        assert written == exported
    finally:
        process.kill()
        process.wait()


def test_scrapy_command_refuses_in_one_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "scrapy", "sandbox", "--port", "abc"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1


def test_context_manager_stops_and_reports_failures() -> None:
    with running_sandbox(SandboxOptions(port=0, seed=2)) as sandbox:
        assert sandbox.health()["world"] == "builtin-2"
    assert sandbox.process.returncode == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = SandboxOptions(port=taken.getsockname()[1])
        with pytest.raises(RuntimeError, match="is taken"), running_sandbox(options):
            pass


def test_world_changes_at_runtime(sandboxes: Sandboxes) -> None:
    with sandboxes.running() as sandbox:
        client = Client(sandbox)
        lists = [row for row in client.search("running", "playlist", limit=50)["items"] if row]
        sizes = sandbox.health()["sizes"]
        changed = sandbox.change_world(0.01, 7)
        assert changed["world"] == "builtin-1.g1"
        assert changed["changed"]["new_tracks"] == round(sizes["tracks"] * 0.01)
        assert (
            sandbox.health()["sizes"]["tracks"]
            == sizes["tracks"] + changed["changed"]["new_tracks"]
        )
        again = [row for row in client.search("running", "playlist", limit=50)["items"] if row]
        same = sum(a["snapshot_id"] == b["snapshot_id"] for a, b in zip(lists, again, strict=True))
        assert len(lists) * 0.8 < same
        answer = ask(f"{sandbox.root}/__health")
        assert answer.headers["X-RunClub-Sandbox"] == "builtin-1.g1"


def test_bad_runtime_changes_change_nothing(client: Client) -> None:
    for changes in (
        {"port": 1},
        {"regime": "old"},
        {"change": 2},
        {"faults": {"500": "x"}},
        {"latency_ms": "inf"},
        {"rate_window": "1e999"},
        {"kexp": {"remove": -1}},
        {"kexp": {"arrive": 10**9}},
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            client.sandbox.configure(**changes)
        assert refused.value.code == 400
        assert "error" in json.load(refused.value)
    assert client.sandbox.health()["regime"] == "extended"


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "text/plain"}, {"Content-Type": "Text/Plain; charset=utf-8"},
     {"Content-Type": "multipart/form-data; boundary=x"},
     {"Content-Type": "application/json", "Origin": "http://evil.example"},
     {"Content-Type": "application/json", "Origin": "null"},
     {"Content-Type": "application/json", "Origin": "http://127.0.0.1:1"},
     {"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"},
     {"Content-Type": "application/json", "Host": "evil.example"},
     {"Content-Type": "application/json", "Host": "[::1"}],
)  # fmt: skip
@pytest.mark.parametrize("path", ["__faults", "__world", "__stats/reset"])
def test_control_pages_are_for_this_machine(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    body = b'{"regime": "development", "change": 0.5}'
    client.search("rock")
    answer = ask(f"{client.sandbox.root}/{path}", headers=headers, body=body)
    assert answer.status == 403
    assert answer.json["error"]
    assert client.sandbox.health()["regime"] == "extended"
    assert client.sandbox.health()["world"] == "builtin-1"
    assert client.sandbox.stats()["apis"]


def test_control_pages_serve_their_own_origin_and_scripts(client: Client) -> None:
    for headers in (
        {"Origin": client.sandbox.root, "Content-Type": "application/json"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
    ):
        answer = ask(f"{client.sandbox.root}/__faults", headers=headers, body=b"{}")
        assert answer.status == 200
        assert answer.json["options"]["regime"] == "extended"


@pytest.mark.parametrize("path", ["musicbrainz/ws/2/recording?query=isrc:A&limit=%C2%B2&offset=x",
     "musicbrainz/ws/2/genre/all?offset=%C2%B2", "kexp/v2/plays/?limit=%C2%B2&offset=-1",
     "kexp/v2/plays/?limit=" + "9" * 5000])  # fmt: skip
def test_numbers_that_are_none_are_left_out(client: Client, path: str) -> None:
    client.sandbox.configure(musicbrainz_busy=0)
    answer = ask(f"{client.sandbox.root}/{path}", headers={"User-Agent": "RunClub/1 (test)"})
    assert answer.status == 200
