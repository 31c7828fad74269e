"""A release cut down to a profile: only fields that may be passed on, in a folder of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from runclub_spider.catalog.dates import decade_of
from runclub_spider.catalog.models import FEATURES
from runclub_spider.publish.account.grid import table
from runclub_spider.publish.files import read_json, sha256
from runclub_spider.publish.write.columns import MUSICBRAINZ
from runclub_spider.publish.write.document import write_document
from runclub_spider.publish.write.lines import lines
from runclub_spider.publish.write.package import CARD, write_sums
from runclub_spider.publish.write.page import text_template

ROWS = "catalog.jsonl"
# Licences that ask for no more than to be named. Whoever imports names one in any words, and a word
# that is not known may be a condition.
_FREE = re.compile(r"CC(0([- ]1\.0)?|[- ]BY([- ][1-4]\.[05])?)")
_OPEN_DATA = ("original_release_year", "recording_mbid", "artist_mbids")


class Profile(StrEnum):
    """Which fields a release may hold."""

    FULL = "full"
    IDS = "ids"
    OPEN = "open"


def cut(release: Path, profile: Profile, made: Path) -> None:
    """Write the files of a profile into a new folder, from those of a full release."""
    manifest = read_json(release / "manifest.json")
    original = manifest["filtersApplied"]["decadeFrom"] == "original"
    cells: dict[tuple[str | None, str | None], int] = {}
    tracks = 0
    with (release / "catalog_wide.jsonl").open("rb") as wide, lines(made / ROWS) as write:
        for line in wide:
            row = row_of(orjson.loads(line), profile, original=original)
            write(row)
            cell = row["umbrella"], row["decade"]
            cells[cell] = cells.get(cell, 0) + 1
            tracks += 1
    version = f"{manifest['version']}-{profile}"
    _write_card(made, manifest, profile, version, tracks)
    document = {
        "version": version,
        "createdAt": manifest["createdAt"],
        "profile": str(profile),
        "release": manifest["version"],
        "spotify": {name: manifest["spotify"][name] for name in ("source", "market")},
        "totals": {
            "tracks": tracks,
            "byUmbrellaAndDecade": table(
                ((*cell, number) for cell, number in cells.items()),
                list(manifest["totals"]["byUmbrellaAndDecade"]),
            ),
        },
        "fileHashes": {name: sha256(made / name) for name in (CARD, ROWS)},
        "schemaVersion": manifest["schemaVersion"],
        "notes": [note for note in manifest["notes"] if note.startswith("SOURCE: ")],
    }
    write_document(made / "manifest.json", document)
    write_sums(made, document["fileHashes"])


def row_of(wide: Mapping[str, Any], profile: Profile, *, original: bool) -> dict[str, Any]:
    """The row of a profile from a wide one; `original` cells go by the song's first year."""
    extra = wide["_extra"]
    year = original and extra["original_release_year"]
    row = {
        "spotify_track_id": wide["spotify_track_id"],
        "isrc": wide["isrc"],
        "umbrellas": extra["umbrellas"],
        "content_labels": extra.get("content_labels", []),
        "umbrella": next(iter(extra["umbrellas"]), None),
        "decade": decade_of(year) if year else wide["album_decade_label"],
        "cadence": extra["tempo_bucket"],
    }
    return {**row, "open": _open(wide)} if profile is Profile.OPEN else row


def _open(wide: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that anybody may pass on, each with its source and licence."""
    extra = wide["_extra"]
    imported = extra.get("features_imported") or {}
    values = {name: (extra[name], MUSICBRAINZ) for name in _OPEN_DATA}
    values |= {name: (wide[name], imported[name]) for name in FEATURES if name in imported}
    return {
        name: {"value": value, "source": source, "licence": licence}
        for name, (value, source) in values.items()
        if value not in (None, [])
        and (licence := extra["licences"].get(name)) is not None
        and _FREE.fullmatch(licence)
    }


def _write_card(
    made: Path, manifest: Mapping[str, Any], profile: Profile, version: str, tracks: int
) -> None:
    text = text_template("profile.md.j2").render(
        manifest=manifest,
        profile=str(profile),
        version=version,
        tracks=tracks,
        sandbox=manifest["spotify"]["source"] != "spotify",
    )
    (made / CARD).write_text(text, encoding="utf-8", newline="\n")
