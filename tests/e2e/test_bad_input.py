"""Wrong use: one line with culprit and cure, the contract's exit code, no request, no change."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Child, Launcher
from testkit.places import Place

from .running import (
    ROOT,
    Done,
    asked,
    bare_environment,
    launched,
    one_line,
    scrapy,
    untouched,
)

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search")
PLAYLIST = ("crawl", "spotify_playlist")
SECRET = "pa55-w0rd"
AT_ONCE = 4
BASE_URLS = (
    "SPOTIFY_API_BASE_URL",
    "SPOTIFY_ACCOUNTS_BASE_URL",
    "RECCOBEATS_BASE_URL",
    "KEXP_BASE_URL",
    "MUSICBRAINZ_BASE_URL",
    "LISTENBRAINZ_BASE_URL",
)


@dataclass(frozen=True)
class Case:
    """A wrong command, and words its one line must hold (`{root}` is the case's folder)."""

    id: str
    argv: tuple[str, ...]
    says: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    # Makes the files the case needs, below the folder it is given.
    prepare: Callable[[Path], None] = lambda root: None
    code: int = 2


def argument(text: str, *says: str, spider: tuple[str, ...] = SEARCH) -> Case:
    return Case(f"{spider[1]} {text}", (*spider, "-a", text), (text.partition("=")[0], *says))


def setting(name: str, value: str, *says: str, argv: tuple[str, ...] = SEARCH) -> Case:
    return Case(f"{argv[-1]} -s {name}={value}", (*argv, "-s", f"{name}={value}"), (name, *says))


def environment(title: str, name: str, value: str, *says: str) -> Case:
    return Case(title, SEARCH, says, {name: value})


def seeds(title: str, content: bytes | None, *says: str, name: str = "mine.txt") -> Case:
    def prepare(root: Path) -> None:
        if content is not None:
            (root / name).write_bytes(content)

    return Case(
        f"seeds file {title}", (*SEARCH, "-a", f"seeds={{root}}/{name}"), (name, *says), {}, prepare
    )


def a_file(root: Path) -> None:
    (root / "file").write_text("not a folder\n", encoding="utf-8")


CASES = [
    # Spiders and their arguments
    Case("unknown spider", ("crawl", "nope"), ("'nope'", "spotify_search", "spotify_playlist")),
    argument("colour=blue", "no such argument", "max_seeds"),
    argument("max_seeds=abc", "integer", "abc"),
    argument("max_seeds=0", "greater than or equal to 1"),
    argument("max_seeds=-1", "greater than or equal to 1"),
    argument("max_seeds=2.5", "integer"),
    argument("max_seeds=", "integer"),
    argument("budget=x", "integer"),
    argument("budget=0", "greater than or equal to 1"),
    argument(f"budget={10**23}", "less than or equal to 2147483647"),
    argument(f"max_seeds={2**31}", "less than or equal to 2147483647"),
    argument(f"limit={10**23}", "less than or equal to", spider=("crawl", "kexp")),
    argument("budget=1e400", "integer", spider=("crawl", "enrich")),
    argument("market=USA", "USA", "two-letter"),
    argument("market=", "two-letter"),
    argument("market=UK", "no market of Spotify", "use GB"),
    argument("market=ZZ", "no market of Spotify", "such as", spider=PLAYLIST),
    argument("family=nope", "nope", "editorial"),
    argument("family=nope", "nope", spider=PLAYLIST),
    argument("max_results=5000", "1000"),
    argument("max_results=10", "no such argument", "top_playlists", spider=PLAYLIST),
    argument("top_playlists=51", "50", spider=PLAYLIST),
    argument("max_items=0", "greater than or equal to 1", spider=PLAYLIST),
    argument("max_items=11001", "11000", spider=PLAYLIST),
    argument("force=everything", "everything", "features"),
    argument("deftafetch_reset=1", "no such argument", "deltafetch_reset"),
    argument("deltafetch_reset=perhaps", "perhaps"),
    argument("max_seeds=3", "no such argument", "budget", spider=("crawl", "enrich")),
    Case(
        "two wrong arguments in one line",
        (*SEARCH, "-a", "max_seeds=abc", "-a", "colour=blue"),
        ("max_seeds", "colour"),
    ),
    # Credentials
    Case("no client id", SEARCH, ("SPOTIFY_CLIENT_ID", ".env"), {"SPOTIFY_CLIENT_ID": ""}),
    Case(
        "no secret",
        SEARCH,
        ("SPOTIFY_CLIENT_SECRET", ".env"),
        {"SPOTIFY_CLIENT_SECRET": "", "SPOTIFY_REFRESH_TOKEN": ""},
    ),
    Case(
        "no client id for enrich",
        ("crawl", "enrich"),
        ("SPOTIFY_CLIENT_ID",),
        {"SPOTIFY_CLIENT_ID": ""},
    ),
    # Base URLs
    *(
        environment(f"{name} in the clear", name, "http://api.example.com/v1", name, "https://")
        for name in BASE_URLS
    ),
    *(
        environment(
            f"{name} with a user",
            name,
            f"https://someone:{SECRET}@api.example.com/v1",
            name,
            "user",
        )
        for name in BASE_URLS
    ),
    environment(
        "a host that begins like loopback",
        "SPOTIFY_API_BASE_URL",
        "http://127.0.0.1.example.com/v1",
        "SPOTIFY_API_BASE_URL",
        "https://",
    ),
    environment("no URL", "SPOTIFY_API_BASE_URL", "spotify", "SPOTIFY_API_BASE_URL", "URL"),
    environment("file URL", "RECCOBEATS_BASE_URL", "file:///etc", "RECCOBEATS_BASE_URL", "URL"),
    environment(
        "broken URL", "RECCOBEATS_BASE_URL", "http://[::1/v1", "RECCOBEATS_BASE_URL", "URL"
    ),
    # Seeds files
    seeds("missing", None),
    seeds("not UTF-8", "café\nnoël\n".encode("latin-1"), "UTF-8"),
    seeds("empty", b""),
    seeds("of comments only", b"# one\n\n# two\n"),
    seeds("with a NUL byte", b"rock\0roll\n"),
    seeds("of bad YAML", b"track: [unclosed\n", "line", name="mine.yaml"),
    seeds("of YAML that is no mapping", b"- rock\n- soul\n", name="mine.yaml"),
    seeds("of YAML with an unknown key", b"tracks: []\n", "tracks", name="mine.yaml"),
    seeds("of empty YAML", b"", name="mine.yaml"),
    Case(
        "seeds file is a folder",
        (*SEARCH, "-a", "seeds={root}/folder"),
        ("folder",),
        {},
        lambda root: (root / "folder").mkdir(),
    ),
    Case(
        "seeds file inside a file",
        (*SEARCH, "-a", "seeds={root}/file/mine.txt"),
        ("mine.txt",),
        {},
        a_file,
    ),
    Case("seeds without a name", (*SEARCH, "-a", "seeds="), ("seeds", "name a seeds file")),
    Case("no seeds folder", SEARCH, ("umbrellas.yaml",), {"SEEDS_DIR": "{root}/nowhere"}),
    # Settings
    setting("MARKET", "USA", "USA", "two-letter"),
    setting("PRIMARY_MARKETS", "US,GBR", "GBR"),
    setting("PRIMARY_MARKETS", ",", "at least 1"),
    setting("MARKET", "UK", "'UK'", "use GB"),
    setting("PRIMARY_MARKETS", "US,EN", "'EN'", "use GB"),
    setting("MARKET", "UK", "use GB", argv=("publish",)),
    setting("PAGE_SIZE", "abc", "abc", "integer"),
    setting("PAGE_SIZE", "101", "100"),
    setting("MIN_DURATION_MS", "400000", "MAX_DURATION_MS"),
    setting("FRONTIER", "magic", "magic", "deficit"),
    setting("SPOTIFY_PROFILE", "gold", "gold", "extended"),
    setting("SPOTIFY_CONCURRENCY", "0", "greater than or equal to 1"),
    setting("FEATURE_COVERAGE_MIN", "1.5", "less than or equal to 1"),
    setting("FEATURE_COVERAGE_MIN", "nan"),
    setting("SEED_DEDUPE", "perhaps", "perhaps"),
    setting("SOURCE_DATE_EPOCH", "yesterday", "yesterday"),
    setting("MARKET", "USA", "two-letter", argv=("publish",)),
    setting("SOURCE_DATE_EPOCH", "yesterday", argv=("publish",)),
    # The store
    Case("store URL is none", SEARCH, ("DATABASE_URL", "sqlite://"), {"DATABASE_URL": "garbage"}),
    Case(
        "store of another kind",
        SEARCH,
        ("DATABASE_URL", "mysql", "postgresql"),
        {"DATABASE_URL": f"mysql://someone:{SECRET}@db.example.com/songs"},
    ),
    Case(
        "store URL with a broken port",
        SEARCH,
        ("DATABASE_URL",),
        {"DATABASE_URL": f"postgresql://someone:{SECRET}@db:port/songs"},
    ),
    Case(
        "store server away",
        SEARCH,
        ("DATABASE_URL",),
        {"DATABASE_URL": f"postgresql://someone:{SECRET}@127.0.0.1:1/songs"},
    ),
    Case(
        "publish with the store server away",
        ("publish",),
        ("DATABASE_URL",),
        {"DATABASE_URL": f"postgresql://someone:{SECRET}@127.0.0.1:1/songs"},
    ),
    Case(
        "store inside a file",
        SEARCH,
        ("store",),
        {"DATABASE_URL": "sqlite:///{root}/file/a.sqlite"},
        a_file,
    ),
    Case(
        "store is a folder",
        SEARCH,
        ("store",),
        {"DATABASE_URL": "sqlite:///{root}/folder"},
        lambda root: (root / "folder").mkdir(),
    ),
    # Folders
    Case(
        "export inside a file",
        SEARCH,
        ("EXPORT_DIR", "Not a directory"),
        {"EXPORT_DIR": "{root}/file/export"},
        a_file,
    ),
    Case("export is a file", SEARCH, ("EXPORT_DIR",), {"EXPORT_DIR": "{root}/file"}, a_file),
    Case(
        "publish inside a file",
        ("publish",),
        ("EXPORT_DIR",),
        {"EXPORT_DIR": "{root}/file/export"},
        a_file,
    ),
    Case(
        "cache inside a file",
        SEARCH,
        ("CACHE_DIR", "Not a directory"),
        {"CACHE_DIR": "{root}/file/cache"},
        a_file,
    ),
    Case(
        "publish, cache inside a file",
        ("publish",),
        ("CACHE_DIR",),
        {"CACHE_DIR": "{root}/file/cache"},
        a_file,
    ),
    # Other commands
    Case("verify nothing", ("verify",), ("verify", "export/latest")),
    Case("verify a missing folder", ("verify", "{root}/nowhere"), ("nowhere", "does not exist")),
    Case("verify a file", ("verify", "{root}/file"), ("file", "no folder"), {}, a_file),
    Case("verify two folders", ("verify", "a", "b"), ("verify", "one")),
    Case("report of nothing", ("report", "{root}/nowhere"), ("nowhere",)),
    Case("sandbox on a bad port", ("sandbox", "--port", "abc"), ("--port", "abc")),
    Case("sandbox of no regime", ("sandbox", "--regime", "gold"), ("--regime", "extended")),
    Case("sandbox without data", ("sandbox", "--data", "{root}"), ("--data", "spotify")),
]


@dataclass(frozen=True)
class Answer:
    """What a case did."""

    done: Done
    place: Place
    before: dict[str, str]


@pytest.fixture(scope="module")
def answers(
    request: pytest.FixtureRequest,
    served: Sandbox,
    small: Place,
    launcher: Launcher,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Answer]:
    """The selected cases, a few at once."""
    wanted = [
        item.callspec.params["case"]
        for item in request.session.items
        if item.path == request.path and "case" in getattr(item, "fixturenames", ())
    ]
    folder = tmp_path_factory.mktemp("bad")
    found: dict[str, Answer] = {}

    def start(case: Case) -> tuple[Case, Child, Place, dict[str, str]]:
        root = folder / f"case-{CASES.index(case):03d}"
        root.mkdir()
        place = small.copy(root / "place")
        case.prepare(root)
        before = untouched(place)
        env = {name: value.replace("{root}", str(root)) for name, value in case.env.items()}
        argv = [part.replace("{root}", str(root)) for part in case.argv]
        return case, launcher.start(*argv, env=place.env(served) | env), place, before

    served.reset_stats()
    while wanted:
        several, wanted = wanted[:AT_ONCE], wanted[AT_ONCE:]
        for case, child, place, before in [start(case) for case in several]:
            code = child.wait()
            found[case.id] = Answer(Done(code, child.stdout, child.stderr), place, before)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_one_line_names_culprit_and_cure(case: Case, answers: dict[str, Answer]) -> None:
    answer = answers[case.id]
    line = one_line(answer.done)
    assert answer.done.code == case.code
    assert [word for word in case.says if word not in line] == [], line
    assert SECRET not in answer.done.text
    assert untouched(answer.place) == answer.before


def test_none_of_them_sent_a_request(answers: dict[str, Answer], served: Sandbox) -> None:
    assert asked(served) == {}


PLAIN = [case for case in CASES if case.id in {"unknown spider", "spotify_search max_seeds=abc"}]


@pytest.mark.parametrize("bad", PLAIN, ids=lambda case: case.id)
def test_the_same_from_a_shell(bad: Case, crawled: Place, sandbox: Sandbox) -> None:
    done = scrapy(*bad.argv, env=crawled.env(sandbox))
    assert one_line(done).startswith("scrapy crawl: ")
    assert done.code == bad.code


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("crawl",), "scrapy crawl SPIDER"),
        (("crawl", "spotify_search", "enrich"), "scrapy crawl SPIDER"),
        ((*SEARCH, "-a", "max_seeds"), "NAME=VALUE"),
        (("publish", "now"), "takes no argument"),
        (("status", "now"), "takes no argument"),
        (("forget",), "--track ID"),
    ],
)
def test_usage(
    argv: tuple[str, ...], says: str, crawled: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    before = untouched(crawled)
    done = launched(launcher, *argv, env=crawled.env(sandbox))
    assert done.code == 2
    line = one_line(done)
    assert line.startswith(f"scrapy {argv[0]}: ")
    assert says in line
    assert (asked(sandbox), untouched(crawled)) == ({}, before)


# Keys that are there, but wrong


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"SPOTIFY_CLIENT_SECRET": SECRET}, "SPOTIFY_CLIENT_SECRET"),
        ({"SPOTIFY_CLIENT_ID": "stranger"}, "SPOTIFY_CLIENT_ID"),
        ({"SPOTIFY_REFRESH_TOKEN": SECRET}, "scrapy auth"),
        ({"SPOTIFY_CLIENT_SECRET": SECRET, "SPOTIFY_REFRESH_TOKEN": ""}, "SPOTIFY_CLIENT_SECRET"),
    ],
)
def test_a_refused_key(
    env: dict[str, str], says: str, place: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    done = launched(launcher, *SEARCH, env=place.env(sandbox, **env))
    assert says in one_line(done)
    assert done.code == 2
    assert SECRET not in done.text
    assert asked(sandbox) == {"token": 1}
    assert not place.latest.exists()


@pytest.mark.parametrize("name", ["SPOTIFY_API_BASE_URL", "SPOTIFY_ACCOUNTS_BASE_URL"])
def test_an_unreachable_host_is_a_pause(
    name: str, crawled: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    before = untouched(Place(crawled.export))
    env = {name: "http://127.0.0.1:1", "API_RETRIES": "1", "API_BACKOFF_SECONDS": "0"}
    # A regime that must be asked for anew.
    done = launched(
        launcher, *SEARCH, "-s", "REGIME_MAX_AGE_DAYS=0", env=crawled.env(sandbox, **env)
    )
    assert done.code == 75
    assert "Traceback" not in done.text
    assert "same command" in done.err
    assert len(done.err.splitlines()) <= 2
    assert set(asked(sandbox)) <= {"token"}
    assert untouched(Place(crawled.export)) == before


# Files that look like the project's, and are not


def _random(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [_random, _truncated])
@pytest.mark.parametrize("argv", [SEARCH, ("publish",)], ids=" ".join)
def test_a_corrupt_store_is_kept(
    argv: tuple[str, ...],
    damage: Callable[[Path], None],
    crawled: Place,
    sandbox: Sandbox,
    launcher: Launcher,
) -> None:
    damage(crawled.store)
    damaged, releases = crawled.store.read_bytes(), untouched(Place(crawled.export))
    env = crawled.env(sandbox)
    done = launched(launcher, *argv, env=env)
    assert done.code == 2
    line = one_line(done)
    assert "corrupt" in line
    (aside,) = (p for p in crawled.cache.glob("runclub.sqlite*") if p.read_bytes() == damaged)
    assert aside.name in line
    # The same command does not quietly begin an empty store either.
    again = launched(launcher, *argv, env=env)
    assert again.code == 2
    assert aside.name in one_line(again)
    assert aside.read_bytes() == damaged
    assert asked(sandbox) == {}
    assert untouched(Place(crawled.export)) == releases


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE cats (name TEXT)")
        connection.execute("INSERT INTO cats VALUES ('Minka')")


@pytest.mark.parametrize(
    ("change", "says"), [(_newer, ("9999", "update")), (_foreign, ("other tables", "DATABASE_URL"))]
)
@pytest.mark.parametrize("argv", [SEARCH, ("publish",)], ids=" ".join)
def test_a_store_of_others_stays_as_it_is(
    argv: tuple[str, ...],
    change: Callable[[Path], None],
    says: tuple[str, ...],
    crawled: Place,
    sandbox: Sandbox,
    launcher: Launcher,
) -> None:
    change(crawled.store)
    before = untouched(crawled)
    done = launched(launcher, *argv, env=crawled.env(sandbox))
    line = one_line(done)
    assert done.code == 2
    assert [word for word in says if word not in line] == [], line
    assert asked(sandbox) == {}
    assert untouched(crawled) == before


def test_a_store_of_another_source_is_refused(
    crawled: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    with closing(sqlite3.connect(crawled.store)) as connection, connection:
        connection.execute("UPDATE meta SET value = 'spotify' WHERE key = 'source|spotify'")
    before = untouched(crawled)
    done = launched(launcher, *SEARCH, env=crawled.env(sandbox))
    line = one_line(done)
    assert done.code == 2
    assert "from spotify" in line
    assert "SPOTIFY_API_BASE_URL" in line
    assert asked(sandbox) == {}
    assert untouched(crawled) == before


# .env


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder that holds nothing but `scrapy.cfg`."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "scrapy.cfg").write_bytes((ROOT / "scrapy.cfg").read_bytes())
    return folder


def own_environment(**env: str) -> dict[str, str]:
    """Nothing but what a command needs in a folder without the package and its seeds."""
    more = {"PYTHONPATH": str(ROOT), "SEEDS_DIR": str(ROOT / "seeds")}
    return bare_environment() | more | env


@pytest.mark.parametrize(
    ("argv", "content", "says"),
    [
        (SEARCH, b"MARKET=US\n# fine\nthis is no assignment\n", ".env line 3"),
        (("publish",), b"MARKET=US\nSPOTIFY_CLIENT_ID\n", ".env line 2"),
        (SEARCH, b"MARKET=US\n\n\nSPOTIFY_CLIENT_ID='unclosed\n", ".env line 4"),
        (SEARCH, "MARKET=US\nSPOTIFY_CLIENT_ID=café\n".encode("latin-1"), ".env"),
        (("publish",), "MARKET=US\n".encode("utf-16"), ".env"),
        (("publish",), b"MARKET=U\0S\n", "NUL"),
        (("publish",), b"MARKET=USA\n", "MARKET"),
        (SEARCH, b"SPOTIFY_API_BASE_URL=http://api.example.com/v1\n", "SPOTIFY_API_BASE_URL"),
    ],
)
def test_a_malformed_env_file(
    argv: tuple[str, ...], content: bytes, says: str, project: Path, launcher: Launcher
) -> None:
    (project / ".env").write_bytes(content)
    done = launched(launcher, *argv, env=own_environment(), cwd=project)
    assert says in one_line(done)
    assert done.code == 2
    assert sorted(path.name for path in project.iterdir()) == [".env", "scrapy.cfg"]


def test_a_good_env_file_is_read_from_the_project(project: Path, sandbox: Sandbox) -> None:
    lines = [f"{name}={value}\n" for name, value in sandbox.env.items()]
    lines += ["export MAX_RESULTS_PER_SEED = 20  # a comment\n", "EXPORT_DIR=releases\n"]
    (project / ".env").write_text("\ufeff" + "".join(lines), encoding="utf-8")
    argv = (*SEARCH, "-a", "max_seeds=1")
    done = scrapy(*argv, env=own_environment(PAGE_SIZE="10"), cwd=project)
    assert done.code == 0, done.err
    assert asked(sandbox)["search_track"] == 3
    assert (project / "releases" / "latest" / "manifest.json").is_file()
    assert (project / ".cache" / "runclub.sqlite").is_file()


def test_the_environment_wins_over_the_env_file(project: Path, launcher: Launcher) -> None:
    (project / ".env").write_text("MARKET=USA\n", encoding="utf-8")
    done = launched(launcher, "publish", env=own_environment(MARKET="GB"), cwd=project)
    assert (done.code, done.err) == (0, "")


# Not wrong, only empty or busy


def test_publishing_an_empty_store_publishes_nothing(place: Place, launcher: Launcher) -> None:
    done = launched(launcher, "publish", env=place.env())
    assert (done.code, done.err) == (0, "")
    assert "Nothing to publish" in done.out
    assert list(place.export.iterdir()) == []


def test_a_taken_port(sandbox: Sandbox) -> None:
    done = scrapy("sandbox", "--port", str(sandbox.port), env=os.environ)
    assert str(sandbox.port) in one_line(done)
    assert done.code == 2
