"""ReccoBeats over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from .asking import Client

UNKNOWN = "0" * 22


@pytest.fixture
def tracks(client: Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.search("90s rock", limit=40)["items"]
    return rows


def id_of(row: dict[str, Any]) -> str:
    found: str = row["href"].rpartition("/")[2].partition("?")[0]
    return found


def test_features_are_joined_by_href(client: Client, tracks: list[dict[str, Any]]) -> None:
    ids = [track["id"] for track in tracks]
    rows = client.recco("audio-features", "ids=" + ",".join([*ids[:39], UNKNOWN])).json["content"]
    found = [id_of(row) for row in rows]
    assert set(found) <= set(ids)
    assert 25 < len(found) < 39
    assert found != [one for one in ids if one in found]
    assert all("time_signature" not in row for row in rows)
    assert all(row["id"] != id_of(row) for row in rows)
    assert {"tempo", "energy", "valence", "loudness", "acousticness"} <= set(rows[0])
    again = client.recco("audio-features", "&".join(f"ids={one}" for one in ids[:39]))
    assert again.json["content"] == rows


def test_misses_are_left_out(client: Client) -> None:
    answer = client.recco("audio-features", f"ids={UNKNOWN},short")
    assert (answer.status, answer.json) == (200, {"content": []})


@pytest.mark.parametrize("path", ["audio-features", "track"])
@pytest.mark.parametrize("count", [0, 41])
def test_batch_size(client: Client, path: str, count: int) -> None:
    answer = client.recco(path, "ids=" + ",".join([UNKNOWN] * count))
    assert answer.status == 400
    assert answer.json["status"] == 4004
    assert answer.json["errors"][0]["message"] == "size must be between 1 and 40"


def test_tracks_by_spotify_id_uuid_and_isrc(client: Client, tracks: list[dict[str, Any]]) -> None:
    ids = ",".join(track["id"] for track in tracks)
    row = next(row for row in client.recco("track", f"ids={ids}").json["content"] if row["isrc"])
    by_uuid = client.recco("track", f"ids={row['id']}").json["content"]
    assert by_uuid == [row]
    by_isrc = client.recco("track", f"ids={row['isrc']}").json["content"]
    assert row in by_isrc
    assert client.recco(f"track/{row['id']}").json == row
    features = client.recco(f"track/{row['id']}/audio-features")
    assert features.status in {200, 404}
    assert client.recco(f"track/{id_of(row)}").status == 404
    assert isinstance(row["availableCountries"], str)


@pytest.mark.parametrize(
    "agent", ["python-requests/2.34.2", "Python-urllib/3.11", "Python/3.11 aiohttp/3.14.5"]
)
def test_library_agents_are_shut_out(client: Client, agent: str) -> None:
    answer = client.recco("audio-features", f"ids={UNKNOWN}", agent=agent)
    assert answer.status == 403
    assert b"error code: 1010" in answer.body
    assert answer.headers["Content-Type"].startswith("text/html")


def test_rate_limit(client: Client) -> None:
    client.sandbox.configure(recco_rate_limit=2)
    statuses = [client.recco("audio-features", f"ids={UNKNOWN}").status for _ in range(3)]
    assert statuses == [200, 200, 429]
