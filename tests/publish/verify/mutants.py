"""Releases with one thing wrong: each field, file and figure in turn, the rest renewed after it.

`python -m tests.publish.verify.mutants` prints what `verify` says of each, as `caught.tsv` has it.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from runclub_spider.publish.verify import verify_release
from testkit import release_factory as factory
from testkit.release_factory import DATA_FILES, FEATURES, WIDE, Release

Fault = Callable[[Any], None]


class Mutant(NamedTuple):
    """One thing wrong with a release.

    Attributes:
        file: The file it is wrong in.
        change: In what way.
        part: Of what: a field, a place of the manifest; empty for the file as a whole.
        step: The step of the making that the fault strikes at.
    """

    file: str
    change: str
    part: str
    step: str
    fault: Fault


ROW = 5
NOTHING = "-"
DISCOVERY = "discovery.csv"
OTHER_MOMENT = "2025-10-16T00:00:00Z"
#: A value for each field that is null in the row that is changed.
INSTEAD = {
    "album_image_url": "https://i.scdn.co/image/1",
    "_album_image_url": "https://i.scdn.co/image/1",
    "preview_url": "https://p.scdn.co/1",
    "_preview_url": "https://p.scdn.co/1",
    "artist_image_urls": ["https://i.scdn.co/image/1"],
    "_originalReleaseYear": 1971,
    "backfill_for": {"umbrella": "Metal", "decade": "70s", "step": "neighbour"},
}


@cache
def _made_until(step: str) -> bytes:
    """A sound release as a step finds it, pickled: a copy costs a tenth of making one.

    What is made after a step agrees with its fault; a fault of "fields" leaves the figures and
    tables as they were, which is all that a row without its id or its year allows.
    """
    release = Release()
    if step == "rows":
        release.derive()
    elif step != "wide":
        release.build()
    return pickle.dumps(release)


def write(parent: Path, step: str, fault: Fault) -> Path:
    """The folder of a release with a fault."""
    release: Release = pickle.loads(_made_until(step))
    # A version that is changed is none of the folder's.
    called = release.manifest["version"] if step == "manifest" else None
    if step == "folder":
        folder = release.write(parent)
        fault(folder)
        return folder
    fault(release)
    if step == "wide":
        release.derive()
    if step in ("wide", "rows", "fields"):
        release.serialise()
    if step in ("wide", "rows"):
        release.assemble()
    if step == "fields":
        for name in DATA_FILES:
            data = b"".join(line + b"\n" for line in release.lines[name])
            release.files |= {name: data, f"{name}.gz": factory.pack(data)}
    if step in ("fields", "files"):
        release.seal()
    return release.write(parent, called)


def caught(parent: Path, step: str, fault: Fault) -> str:
    """The rules that a mutant breaks, by name; `NOTHING` where it is taken for sound."""
    parent.mkdir(parents=True, exist_ok=True)
    found = {problem.rule for problem in verify_release(write(parent, step, fault))}
    return " ".join(sorted(found)) or NOTHING


def mutants() -> Iterator[Mutant]:
    """All of them."""
    for file in DATA_FILES:
        yield from _of_fields(file)
        yield from _of_rows(file)
        yield from _of_bytes(file)
    yield from _of_wide_fields()
    for name in sorted(pickle.loads(_made_until("files")).files):
        yield from _of_file(name)
    yield from _of_manifest()
    yield from _of_discovery()
    yield from _of_tables()


def _other(key: str, value: Any) -> Any:
    """Another value of the same kind."""
    if value is None:
        return INSTEAD.get(key, factory.spotify_id("other", 0))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value - 1 if key == "mode" else value + 1
    if isinstance(value, float):
        return value + 0.01
    if isinstance(value, list):
        return [_other(key, value[0]), *value[1:]] if value else ["Jazz"]
    if isinstance(value, dict):
        return {**value, "umbrellas": ["Jazz"]}
    if value == factory.MOMENT:
        return OTHER_MOMENT
    if value in factory.DECADES.values():
        return "90s" if value != "90s" else "80s"
    return value[:-1] + ("0" if value[-1:] != "0" else "1")


def _at(release: Release, file: str) -> dict[str, Any]:
    return release.rows[file][ROW]


def _of_fields(file: str) -> Iterator[Mutant]:
    """Of each field of a row alone: lacking, of another type, null, another, not plain text."""

    def lacking(key: str, release: Release) -> None:
        del _at(release, file)[key]

    def odd(key: str, release: Release) -> None:
        _at(release, file)[key] = [{}] if key == "_extra" else {"odd": 1}

    def null(key: str, release: Release) -> None:
        _at(release, file)[key] = None

    def other(key: str, release: Release) -> None:
        row = _at(release, file)
        row[key] = _other(key, row[key])

    def bell(key: str, release: Release) -> None:
        _at(release, file)[key] += "\x07"

    def in_front(key: str, release: Release) -> None:
        row = _at(release, file)
        row[key] = row.pop(key)

    def more(release: Release) -> None:
        _at(release, file)["more"] = 1

    yield Mutant(file, "a key more", "", "fields", more)
    row = _at(pickle.loads(_made_until("rows")), file)
    for key, value in row.items():
        faults: list[Callable[[str, Release], None]] = [lacking, odd, other]
        if value is not None:
            faults.append(null)
        if isinstance(value, str):
            faults.append(bell)
        if key != [*row][-1]:
            faults.append(in_front)
        for fault in faults:
            name = {"in_front": "last"}.get(fault.__name__, fault.__name__)
            yield Mutant(file, name, key, "fields", partial(fault, key))


def _of_wide_fields() -> Iterator[Mutant]:
    """Another value of a field of the wide file that the files made from it repeat."""

    def other(key: str, release: Release) -> None:
        row = release.wide[ROW]
        row[key] = _other(key, row[key])

    for key in factory.wide_row(0):
        yield Mutant(WIDE, "other everywhere", key, "wide", partial(other, key))


def _of_rows(file: str) -> Iterator[Mutant]:
    def doubled(release: Release) -> None:
        release.rows[file].insert(ROW, _at(release, file))

    def swapped(release: Release) -> None:
        rows = release.rows[file]
        rows[3], rows[4] = rows[4], rows[3]

    def gone(release: Release) -> None:
        del release.rows[file][ROW]

    def last_gone(release: Release) -> None:
        release.rows[file].pop()

    def first_gone(release: Release) -> None:
        del release.rows[file][0]

    def of_nowhere(release: Release) -> None:
        key = [*_at(release, file)][{WIDE: 1}.get(file, 0)]
        release.rows[file].append({**_at(release, file), key: "z" * 22})

    def of_another(release: Release) -> None:
        rows = release.rows[file]
        key = [*rows[ROW]][{WIDE: 1}.get(file, 0)]
        rows[ROW] = {**rows[ROW + 1], key: rows[ROW][key]}

    faults = [doubled, swapped, gone, last_gone, first_gone, of_nowhere]
    if file != FEATURES:  # all tracks of the factory have the same features
        faults.append(of_another)
    for fault in faults:
        yield Mutant(file, f"row {fault.__name__.replace('_', ' ')}", "", "rows", fault)


def _of_bytes(file: str) -> Iterator[Mutant]:
    """Of the lines as they are written, the `.gz` made after them."""
    changes: dict[str, Callable[[bytes], bytes]] = {
        "empty": lambda data: b"",
        "blank line": lambda data: data.replace(b"\n", b"\n\n", 1),
        "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
        "carriage returns": lambda data: data.replace(b"\n", b"\r\n"),
        "no last line feed": lambda data: data[:-1],
        "half a line": lambda data: data[:-30] + b"\n",
        "two rows a line": lambda data: data.replace(b"}\n{", b"} {", 1),
        "not UTF-8": lambda data: data.replace(b'":', b'\xff":', 1),
        "a key twice": lambda data: data.replace(b"{", b'{"id":1,', 1),
        "an array": lambda data: b"[]\n" + data,
        "a word": lambda data: b"row\n" + data,
    }

    def change(how: Callable[[bytes], bytes], release: Release) -> None:
        release.files[file] = how(release.files[file])
        release.files[f"{file}.gz"] = factory.pack(release.files[file])

    for name, how in changes.items():
        yield Mutant(file, name, "", "files", partial(change, how))


def _of_file(name: str) -> Iterator[Mutant]:
    """Of each file of a release as a whole."""

    def gone(folder: Path) -> None:
        (folder / name).unlink()

    def link(folder: Path) -> None:
        away = folder.parent / "away"
        (folder / name).rename(away)
        (folder / name).symlink_to(away)

    def grown(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(b"\n")

    def never_there(release: Release) -> None:
        del release.files[name]

    def grown_and_sealed(release: Release) -> None:
        release.files[name] += b"x"

    def emptied_and_sealed(release: Release) -> None:
        release.files[name] = b""

    def unhashed(release: Release) -> None:
        del release.manifest["fileHashes"][name]

    for at, faults in (
        ("folder", (gone, link, grown)),
        ("files", (never_there, grown_and_sealed, emptied_and_sealed)),
        ("manifest", (unhashed,)),
    ):
        for fault in faults:
            yield Mutant(name, f"file {fault.__name__.replace('_', ' ')}", "", at, fault)
    if name.endswith(".gz"):
        plain = name.removesuffix(".gz")
        packs: dict[str, Callable[[bytes], bytes]] = {
            "of other bytes": lambda data: factory.pack(data.replace(b"a", b"b", 1)),
            "of a row less": lambda data: factory.pack(data[: data.rindex(b"\n", 0, -1) + 1]),
            "with a time": lambda data: factory.pack(data, mtime=1),
            "cut off": lambda data: factory.pack(data)[:-4],
            "of two members": lambda data: factory.pack(data) * 2,
        }

        def packed(how: Callable[[bytes], bytes], release: Release) -> None:
            release.files[name] = how(release.files[plain])

        for told, how in packs.items():
            yield Mutant(name, told, "", "files", partial(packed, how))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if path:
        yield path, value
    items = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = list(enumerate(value))[:1]
    for key, one in items:
        # One cell of a certificate stands for all.
        if path[:2] == ("balance", "cells") and len(path) < 4 and key not in ("Rock", "70s"):
            continue
        yield from _leaves(one, (*path, key))


def _of_manifest() -> Iterator[Mutant]:
    """Of each value of the manifest: lacking, of another type, another."""

    def place(release: Release, path: tuple[Any, ...]) -> Any:
        found: Any = release.manifest
        for key in path[:-1]:
            found = found[key]
        return found

    def lacking(path: tuple[Any, ...], release: Release) -> None:
        del place(release, path)[path[-1]]

    def odd(path: tuple[Any, ...], release: Release) -> None:
        place(release, path)[path[-1]] = [[1]]

    def other(path: tuple[Any, ...], release: Release) -> None:
        found = place(release, path)
        value = found[path[-1]]
        found[path[-1]] = value + 1 if type(value) is int else _other("", value)

    for path, value in _leaves(pickle.loads(_made_until("files")).manifest):
        if path[0] == "fileHashes" and len(path) > 1 and path[1] != WIDE:
            continue
        faults: list[Callable[[tuple[Any, ...], Release], None]] = [lacking, odd]
        if isinstance(value, str | int | float):
            faults.append(other)
        for fault in faults:
            part, strike = ".".join(map(str, path)), partial(fault, path)
            yield Mutant("manifest.json", fault.__name__, part, "manifest", strike)


def _of_discovery() -> Iterator[Mutant]:
    header, row, _ = factory.DISCOVERY.split("\n")
    columns = header.split(",")

    def rewritten(text: str, release: Release) -> None:
        release.files[DISCOVERY] = text.encode()

    # No cell before the quoted term holds a comma, and none after it.
    front, term, back = row.partition('"rock ""live"", run"')
    cells = [*front.split(",")[:-1], term, *back.split(",")[1:]]
    for at, column in enumerate(columns):
        for name, cell in (
            ("other", str(int(cells[at]) + 1) if cells[at].isdigit() else "other"),
            ("odd", "x\x07"),
            ("formula", "=1+1"),
        ):
            changed = ",".join([*cells[:at], cell, *cells[at + 1 :]])
            strike = partial(rewritten, f"{header}\n{changed}\n")
            yield Mutant(DISCOVERY, name, column, "files", strike)
        less = ",".join(name for name in columns if name != column)
        strike = partial(rewritten, f"{less}\n{row}\n")
        yield Mutant(DISCOVERY, "lacking", column, "files", strike)
    for name, text in (
        ("row doubled", f"{header}\n{row}\n{row}\n"),
        ("row gone", f"{header}\n"),
        ("row short", f"{header}\n{row[:20]}\n"),
    ):
        yield Mutant(DISCOVERY, name, "", "files", partial(rewritten, text))


def _of_tables() -> Iterator[Mutant]:
    """The analysts' copies of other rows than the lines hold, or of other values."""
    key = "spotify_track_id"
    changes: dict[str, Callable[[list[Any]], list[Any]]] = {
        "a row less": lambda rows: rows[:-1],
        "a row more": lambda rows: [*rows, {**rows[-1], key: "z" * 22}],
        "a row doubled": lambda rows: [*rows[:5], *rows[4:]],
        "another order": lambda rows: [rows[1], rows[0], *rows[2:]],
        "another id": lambda rows: [*rows[:-1], {**rows[-1], key: "z" * 22}],
        "no id": lambda rows: [*rows[:-1], {**rows[-1], key: None}],
        "no row": lambda rows: [],
    }

    def change(file: str, how: Callable[[list[Any]], list[Any]], release: Release) -> None:
        before = dict(release.files)
        release.tables(how(release.wide))
        release.files = {**before, file: release.files[file]}

    def with_value(name: str, value: Any, rows: list[Any]) -> list[Any]:
        return [*rows[:ROW], {**rows[ROW], name: value}, *rows[ROW + 1 :]]

    row = pickle.loads(_made_until("files")).wide[ROW]
    for file in ("catalog.parquet", "catalog.csv"):
        for name, how in changes.items():
            yield Mutant(file, name, "", "files", partial(change, file, how))
        for name, value in row.items():
            for told, instead in (("other", _other(name, value)), ("null", None)):
                if instead != value:
                    strike = partial(change, file, partial(with_value, name, instead))
                    yield Mutant(file, told, name, "files", strike)


def groups() -> dict[tuple[str, str], list[Mutant]]:
    """The mutants by file and change."""
    found: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in mutants():
        found.setdefault((mutant.file, mutant.change), []).append(mutant)
    return found


def told(group: list[Mutant]) -> list[str]:
    """Lines of `caught.tsv`: file, change, rules, and the parts where these rules catch it."""
    parts: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as place:
        for number, mutant in enumerate(group):
            rules = caught(Path(place, str(number)), mutant.step, mutant.fault)
            parts.setdefault(rules, []).append(mutant.part)
    file, change = group[0].file, group[0].change
    return [
        f"{file}\t{change}\t{rules}\t{' '.join(names)}".rstrip() for rules, names in parts.items()
    ]


if __name__ == "__main__":
    for group in groups().values():
        for line in told(group):
            sys.stdout.write(f"{line}\n")
