"""What makes a release a data set that others can trust: `datapackage.json`, the card, the sums.

The package describes the files after the Data Package standard, in its first version, which most
tools read. Types and limits come from the JSON Schemas of the rows, the one table of columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runclub_spider.catalog.dates import DECADES
from runclub_spider.publish.account.grid import UNDATED
from runclub_spider.publish.files import sha256
from runclub_spider.publish.write.columns import COLUMNS, LICENCES, Column
from runclub_spider.publish.write.document import write_document
from runclub_spider.publish.write.page import text_template

PACKAGE, CARD, SUMS = "datapackage.json", "README.md", "SHA256SUMS"
#: The rows of each file, by the name of their schema; the first is the wide catalogue.
_ROWS = ("catalog_wide", "cached_tracks", "audio_features", "cached_artists")
_KEYS = {
    "catalog_wide": "spotify_track_id",
    "cached_tracks": "id",
    "audio_features": "trackId",
    "cached_artists": "id",
}
_JOINS = {
    "cached_tracks": ("artistId", "cached_artists", "id"),
    "audio_features": ("trackId", "cached_tracks", "id"),
}
_SOURCES = (
    ("Spotify Web API", "https://developer.spotify.com/documentation/web-api"),
    ("ReccoBeats", "https://reccobeats.com"),
    ("MusicBrainz", "https://musicbrainz.org"),
)
# What a limit of JSON Schema is called by the standard.
_LIMITS = ("minimum", "maximum", "pattern", "minLength", "enum")


def write_package(
    made: Path, manifest: Mapping[str, Any], digest: Callable[[Path], str] = sha256
) -> None:
    """Describe the files that lie in the folder of a release; `digest` may know their sums."""
    document = {
        "profile": "data-package",
        "name": f"runclub-catalogue-{manifest['version']}".lower(),
        "id": f"urn:runclub-spider:release:{manifest['version']}",
        "title": "RunClub song catalogue",
        "description": "Songs to run to, with audio features. README.md is the card.",
        "version": manifest["version"],
        "created": f"{manifest['version'][:10]}T00:00:00Z",
        "licenses": [{"name": "LicenseRef-per-field", "title": "See the card", "path": CARD}],
        "sources": [{"title": title, "path": path} for title, path in _SOURCES],
        "resources": list(_resources(made, digest)),
    }
    write_document(made / PACKAGE, document)


def _resources(made: Path, digest: Callable[[Path], str]) -> Iterator[dict[str, Any]]:
    documents = {
        name: json.loads((made / "schemas" / f"{name}.schema.json").read_bytes()) for name in _ROWS
    }
    for name, document in documents.items():
        yield {
            **_file(made / f"{name}.jsonl", name, "jsonl", "application/jsonl", digest),
            "profile": "tabular-data-resource",
            "description": document["description"],
            "dialect": {"json": {"keyed": True}},
            "schema": {
                **_schema(document, COLUMNS[name], _KEYS[name]),
                **_foreign(name),
            },
        }
    wide = documents[_ROWS[0]]
    yield {
        **_file(made / "catalog.csv", "catalog_csv", "csv", "text/csv", digest),
        "profile": "tabular-data-resource",
        "description": (
            "The wide catalogue for spreadsheets: lists and objects are JSON texts, and what would "
            "run as a formula begins with an apostrophe."
        ),
        "schema": _schema(wide, COLUMNS[_ROWS[0]], _KEYS[_ROWS[0]], limits=False),
    }


def _file(
    path: Path, name: str, form: str, media: str, digest: Callable[[Path], str]
) -> dict[str, Any]:
    return {
        "name": name,
        "path": path.name,
        "format": form,
        "mediatype": media,
        "encoding": "utf-8",
        "bytes": path.stat().st_size,
        "hash": f"sha256:{digest(path)}",
    }


def _foreign(name: str) -> dict[str, Any]:
    if name not in _JOINS:
        return {}
    field, other, key = _JOINS[name]
    return {"foreignKeys": [{"fields": field, "reference": {"resource": other, "fields": key}}]}


def _schema(
    document: Mapping[str, Any], columns: Mapping[str, Column], key: str, *, limits: bool = True
) -> dict[str, Any]:
    """The standard's schema of a table, from the JSON Schema of its rows.

    A cell of CSV cannot tell an empty text from none, so that it has no limits. In JSON only null
    is none: an album may have an empty title.
    """
    return {
        "fields": [
            {
                "name": name,
                **_typed(told, document, limits=limits),
                "description": columns[name].meaning,
                "source": columns[name].source,
            }
            for name, told in document["properties"].items()
        ],
        "primaryKey": key,
        "missingValues": [] if limits else [""],
    }


def _typed(told: Mapping[str, Any], document: Mapping[str, Any], *, limits: bool) -> dict[str, Any]:
    while "$ref" in told:
        told = document["$defs"][told["$ref"].removeprefix("#/$defs/")]
    names = told.get("type", "string")
    names = {names} if isinstance(names, str) else set(names)
    may_be_null = "null" in names or None in told.get("enum", ())
    (kind,) = names - {"null"}
    found = {name: told[name] for name in _LIMITS if name in told}
    if "enum" in found:
        found["enum"] = [one for one in found["enum"] if one is not None]
    if not may_be_null:
        found["required"] = True
    if told.get("format") == "date-time":
        # The pattern is what the type says already.
        kind, found = "datetime", {name: found[name] for name in found if name == "required"}
    return {"type": kind, **({"constraints": found} if found and limits else {})}


def write_card(made: Path, manifest: Mapping[str, Any]) -> None:
    """Say in Markdown what the release is: how it was made, what it lacks, whose each field is."""
    by_source: dict[str, list[str]] = {}
    for name, column in COLUMNS[_ROWS[0]].items():
        by_source.setdefault(column.source, []).append(name)
    cells = manifest["balance"]["cells"]
    thin = sorted(
        (cell["tracks"], umbrella, decade)
        for umbrella, row in cells.items()
        for decade, cell in row.items()
        if cell["shortfall"]
    )
    text = text_template("card.md.j2").render(
        manifest=manifest,
        decades=[*DECADES, UNDATED],
        fields=[(source, LICENCES[source], names) for source, names in by_source.items()],
        thin=thin[:10],
        number_of_cells=sum(map(len, cells.values())),
        number_of_thin=len(thin),
        failed=[gate for gate in manifest["gates"] if not gate["passed"]],
        sandbox=manifest["spotify"]["source"] != "spotify",
    )
    (made / CARD).write_text(text, encoding="utf-8", newline="\n")


def write_sums(made: Path, hashes: Mapping[str, str]) -> None:
    """What `sha256sum -c` reads: every file of the release but itself."""
    found = {**hashes, "manifest.json": sha256(made / "manifest.json")}
    lines = "".join(f"{found[name]}  {name}\n" for name in sorted(found))
    (made / SUMS).write_text(lines, encoding="ascii", newline="\n")
