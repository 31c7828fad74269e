"""The same damage to every shape of answer on record."""

from __future__ import annotations

import copy
import gzip
import json
import time
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest

from testkit.places import Place
from testkit.realdata import real_file
from testkit.spotify_answers import classify
from tests.fuzz import shapes
from tests.fuzz.damage import damages, paths, written
from tests.fuzz.running import ROWS, Commands, chosen, last_of, numbered, released, terms
from tests.fuzz.world import World, served

pytestmark = pytest.mark.realdata
#: Seconds that the reading of one damaged answer may take, far above what any needs.
_LONGEST = 2.0


@cache
def recorded() -> tuple[dict[str, Any], ...]:
    """The answers whose body is JSON."""
    with gzip.open(
        real_file("spotify-responses/recorded.jsonl.gz"), "rt", encoding="utf-8"
    ) as file:
        rows = [json.loads(line) for line in file]
    return tuple(row for row in rows if isinstance(row["body"], dict) and row["url"])


def short(value: Any) -> Any:
    """The same with lists of two entries at most: more of them are no other shape."""
    if isinstance(value, dict):
        return {key: short(one) for key, one in value.items()}
    return [short(one) for one in value[:2]] if isinstance(value, list) else value


def shape_of(value: Any) -> tuple[Any, ...]:
    """Equal for answers with the same places."""
    return tuple(path for path in paths(value) if "external_urls" not in path)


def distinct(values: Iterator[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The first of each shape, by what it is of."""
    found: dict[Any, tuple[str, Any]] = {}
    for what, value in values:
        found.setdefault((what.split("/")[0], shape_of(value)), (what, value))
    return list(found.values())


def test_every_answer_is_read_or_refused(one_of: int) -> None:
    """No damage makes the reading of an answer fail in another way, or take for ever."""
    answers = distinct(
        (urlsplit(str(row["url"])).path.removeprefix("/v1/"), short(row["body"]))
        for row in recorded()
    )
    assert len(answers) > 50
    tried = 0
    for path, answer in answers:
        for damage in damages(answer)[:: 4 * one_of]:
            body = written(damage.to(answer))
            start = time.process_time()
            classify(path, 200, body)
            assert time.process_time() - start < _LONGEST, (path, str(damage))
            tried += 1
    assert tried > 1_000


def tracks_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every track object within an answer."""
    if isinstance(value, dict):
        if value.get("type") == "track" and "duration_ms" in value and "artists" in value:
            yield value
        for one in value.values():
            yield from tracks_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from tracks_in(one)


def as_another(row: dict[str, Any], number: int) -> dict[str, Any]:
    """The same track with ids, code and artists of its own."""
    made = copy.deepcopy(row)
    made["id"] = shapes.track_id(number)
    made["artists"] = [shapes.artist_ref(number)]
    made["duration_ms"], made["is_playable"] = 200_000, True
    # Some were recorded after a takedown, some are files on somebody's disk.
    made["name"], made["is_local"] = made["name"] or "A song", False
    made["uri"] = f"spotify:track:{made['id']}"
    if isinstance(made.get("external_ids"), dict):
        made["external_ids"]["isrc"] = shapes.isrc(number)
    made.pop("linked_from", None)
    return made


def test_tracks_as_recorded_through_a_crawl(place: Place, crawl: Commands, one_of: int) -> None:
    found = distinct(("track", short(row)) for one in recorded() for row in tracks_in(one["body"]))
    assert len(found) > 10
    searches, whole = {}, []
    first = 0
    for _, row in found:
        cases = numbered(chosen(as_another(row, 0), one_of)[::3])
        for at in range(0, last_of(cases), ROWS):
            rows = []
            for n in range(at, at + ROWS):
                made = as_another(row, first + n)
                rows.append(cases[n].to(made) if n in cases else made)
                if n not in cases:
                    whole.append(shapes.track_id(first + n))
            searches[f"term {first + at}"] = {"tracks": shapes.page(rows)}
        first += last_of(cases)
    with served(World(searches=searches)) as env:
        argv = ("crawl", "spotify_search", *terms(place, list(searches)))
        crawl(place, env, *argv, PAGE_SIZE="50")
    rows, manifest = released(place)
    assert manifest["accounting"]["rowsSeen"] == first
    assert [one for one in whole if one not in rows] == []
