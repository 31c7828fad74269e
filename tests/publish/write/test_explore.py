"""The page of all tracks: every row once, in blocks of columns, nothing that is markup."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from runclub_spider.publish.write import explore
from runclub_spider.publish.write.explore import MOST_SOURCES, ExplorePart
from testkit.blocks import block_of
from testkit.release_factory import Release
from tests.publish.write.test_report import EVIL, Elements, manifest

EXTRA = {
    "umbrella_source": "artist_genres",
    "umbrella_confidence": 1.0,
    "run_suitability": 0.8,
    "tempo_bucket": "165-169",
    "available_us_source": "is_playable",
    "features_source": "reccobeats",
    "features_borrowed_from": None,
    "original_release_year": None,
    "content_labels": [],
    "isrc_shared_with": [],
}


def wide_rows(number: int) -> list[dict[str, Any]]:
    return [{**row, "_extra": {**EXTRA, **row["_extra"]}} for row in Release(number).wide]


def written(folder: Path, rows: list[dict[str, Any]], length: int = 5000) -> str:
    """The page of rows, in parts of a length."""
    parts = []
    for start in range(0, len(rows) or 1, length):
        parts.append(folder / f"{start:08}")
        parts[-1].mkdir(parents=True)
        part = ExplorePart(parts[-1])
        if some := rows[start : start + length]:
            part.add(block_of(some))
        part.finish()
    explore.write(parts, manifest(), folder / "explore.html")
    return (folder / "explore.html").read_text(encoding="utf-8")


def blocks(page: str, kind: str) -> list[Any]:
    found = re.findall(rf'<script type="application/json" class="{kind}">(.*?)</script>', page)
    return [json.loads(one) for one in found]


def told(page: str) -> list[dict[str, Any]]:
    """Each track with all that the page says of it."""
    rows = []
    for table, story in zip(blocks(page, "rows"), blocks(page, "stories"), strict=True):
        columns, values = table["columns"] | story["columns"], table["values"] | story["values"]
        for at in range(len(columns["id"])):
            row = {name: column[at] for name, column in columns.items()}
            for name in values.keys() & row.keys() - {"sources"}:
                row[name] = values[name][row[name]]
            rows.append({**row, "sources": [values["sources"][one] for one in row["sources"]]})
    return rows


def test_a_row_is_told_whole(tmp_path: Path) -> None:
    (row,) = wide_rows(1)
    row |= {
        "name": "Söng",
        "artist_names": ["One", "Two"],
        "tempo": 167.26,
        "sources": [
            {"type": "playlist", "playlist_id": "p", "owner": "me", "name": "Läufe"},
            {"type": "search", "term": "rock"},
        ],
    }
    row["_extra"] |= {
        "umbrellas": ["Rock", "Metal"],
        "content_labels": ["live"],
        "merged_track_ids": ["a"],
        "isrc_shared_with": ["b"],
        "soft_merged_track_ids": ["c"],
        "backfill_for": {"umbrella": "Metal", "decade": "70s", "step": "neighbour"},
    }
    assert told(written(tmp_path, [row])) == [
        {
            "id": row["spotify_track_id"],
            "name": "Söng",
            "artists": "One, Two",
            "album": "Album 0",
            "year": 1977,
            "ms": 120_000,
            "popularity": 0,
            "tempo": 167.3,
            "suits": 0.8,
            "isrc": row["isrc"],
            "umbrellas": ["Rock", "Metal"],
            "decade": "70s",
            "band": "165-169",
            "labels": ["live"],
            "date": "1977-03-09",
            "explicit": 1,
            "energy": 0.71,
            "danceability": 0.62,
            "valence": 0.43,
            "confidence": 1.0,
            "sources": [["playlist", "p", "me", "Läufe"], ["search", "rock"]],
            "found": 2,
            "same": ["a"],
            "similar": ["c"],
            "apart": ["b"],
            "borrowed": None,
            "originalYear": None,
            "origin": "artist_genres",
            "playable": None,
            "features": "reccobeats",
            "backfill": ["Metal", "70s", "neighbour"],
        }
    ]


@pytest.mark.parametrize("length", [1, 7, 5000])
def test_every_row_stands_once_in_its_order_however_it_was_parted(
    length: int, tmp_path: Path
) -> None:
    rows = wide_rows(15)
    found = told(written(tmp_path, rows, length))
    assert [one["id"] for one in found] == [row["spotify_track_id"] for row in rows]
    assert [one["umbrellas"] for one in found] == [row["_extra"]["umbrellas"] for row in rows]
    assert [one["found"] for one in found] == [len(row["sources"]) for row in rows]


def test_of_many_sources_some_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    (row,) = wide_rows(1)
    row["sources"] = [{"type": "search", "term": f"term {n}"} for n in range(MOST_SOURCES + 5)]
    (found,) = told(written(tmp_path, [row]))
    assert found["sources"] == [["search", f"term {n}"] for n in range(MOST_SOURCES)]
    assert found["found"] == MOST_SOURCES + 5


def test_no_text_of_a_row_is_markup(tmp_path: Path) -> None:
    rows = wide_rows(2)
    for row in rows:
        row |= {"name": EVIL, "album_name": "</script><!--", "artist_names": [EVIL, "<b>"]}
        row["sources"] = [{"type": "playlist", "playlist_id": "p", "owner": EVIL, "name": EVIL}]
    page = written(tmp_path, rows)
    assert EVIL not in page
    assert page.count("<script") == page.count("</script") == 4
    assert told(page)[0]["name"] == EVIL


def test_it_loads_nothing_and_links_nowhere_by_itself(tmp_path: Path) -> None:
    page = written(tmp_path, wide_rows(3))
    for tag, attributes in Elements(page).found:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "a"}
        assert not {"src", "href", "action", "onclick", "onload"} & attributes.keys()
        if attributes.get("http-equiv"):
            assert (attributes["content"] or "").startswith(
                "default-src 'none'; script-src 'sha256-"
            )
    assert "Permission is hereby granted, free of charge" in page
    assert page.count("https://") == page.count("https://open.spotify.com/")


def test_a_release_without_tracks_has_a_page(tmp_path: Path) -> None:
    assert told(written(tmp_path, [])) == []
