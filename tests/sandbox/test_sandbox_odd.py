"""Damaged rows: the catalogue, and that the same object is damaged alike in every answer."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_sandbox.faults import FaultDraw
from runclub_sandbox.odd import (
    KINDS,
    MUTATIONS,
    OF_FIELDS,
    OF_ROWS,
    RARE,
    Odd,
    fields,
    mutations,
    shares,
)

from .asking import Client, ask

AGENT = {"User-Agent": "RunClub/1 (test)"}
#: A row with a field of every kind.
ROW: dict[str, Any] = {
    "id": "0VjIjW4GlUZAMYd2vXMi3b",
    "name": "Song",
    "popularity": 17,
    "preview_url": None,
    "release_date": "2001-02-03",
    "explicit": False,
    "external_ids": {"isrc": "USRC17607839"},
    "artists": [{"id": "1VjIjW4GlUZAMYd2vXMi3b", "name": "Band"}],
    "images": [{"url": "https://i.scdn.co/image/1", "height": 640}],
}


@pytest.fixture(autouse=True)
def tolerant() -> Iterator[None]:
    """Python's own reader takes what the rows hold: deep ones, and long numbers."""
    depth, digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    sys.setrecursionlimit(20_000)
    sys.set_int_max_str_digits(0)
    yield
    sys.setrecursionlimit(depth)
    sys.set_int_max_str_digits(digits)


def read(body: bytes) -> Any:
    return json.loads(body)


def test_every_mutation_changes_a_row_and_leaves_the_given_one_alone() -> None:
    for name, mutate in MUTATIONS.items():
        given_row = copy.deepcopy(ROW)
        damaged = mutate(given_row, "key")
        assert given_row == ROW, name
        assert orjson.dumps(damaged) != orjson.dumps(ROW), name
        assert orjson.dumps(mutate(given_row, "key")) == orjson.dumps(damaged), name


def test_the_names_say_what_is_damaged() -> None:
    assert set(MUTATIONS) == {name for of in OF_FIELDS.values() for name in of} | set(OF_ROWS)
    for target, changes in OF_FIELDS.items():
        assert all(name.startswith(f"{target}: ") for name in changes)


@settings(deadline=None)
@given(st.sampled_from(sorted(MUTATIONS)), st.text())
def test_rows_without_such_a_field_stay(name: str, key: str) -> None:
    assert MUTATIONS[name](17, key) == 17 or name in OF_ROWS


@settings(deadline=None)
@given(st.sampled_from(sorted(set(OF_FIELDS) - {"list", "any"})), st.text())
def test_other_objects_in_a_row_of_spotify_are_left_alone(target: str, key: str) -> None:
    for name in OF_FIELDS[target]:
        assert MUTATIONS[name](ROW, f"spotify:{key}")["artists"] == ROW["artists"]


def test_fields_are_told_by_key_and_value() -> None:
    found = dict(fields(ROW))
    assert found["id",] == found["external_ids", "isrc"] == "id"
    assert found["release_date",] == "date"
    assert found["preview_url",] == found["images", 0, "url"] == "url"
    assert found["explicit",] == "flag"
    assert found["popularity",] == "number"
    assert found["artists",] == "list"
    assert found["artists", 0] == "object"
    assert ("artists", 0) not in dict(fields(ROW, own=True))


def test_objects_are_drawn_by_seed_kind_and_id_alone() -> None:
    names = [str(number) for number in range(20_000)]

    def drawn(seed: int, rate: float, kind: str = "track") -> dict[str, str]:
        return Odd(seed, {"spotify": rate}).drawn("spotify", kind, iter(names))

    assert drawn(1, 0.01) == drawn(1, 0.01)
    assert len(drawn(1, 0.01)) == pytest.approx(200, abs=60)
    assert drawn(1, 0.01).items() <= drawn(1, 0.02).items()
    assert drawn(1, 0.01) != drawn(2, 0.01)
    assert drawn(1, 0.01).keys() != drawn(1, 0.01, "artist").keys()
    # Every awkward thing comes up, the largest one seldom.
    found = list(drawn(1, 1).values())
    assert set(found) == {*mutations(("spotify", "track")), RARE}
    assert found.count(RARE) < 100
    assert RARE not in drawn(1, 1, "artist").values()


def test_rates_hold_for_one_api_or_for_all() -> None:
    apis = {api for api, _ in KINDS}
    assert shares({"odd": 0.1, "500": 1}) == dict.fromkeys(apis, 0.1)
    assert shares({"odd": 0.1, "kexp:odd": 0.3})["kexp"] == 0.3
    assert shares({"kexp:odd": 0.3}) == {"kexp": 0.3}
    assert shares({"500": 1}) == {}


def test_it_is_no_fault_of_a_request() -> None:
    draw = FaultDraw(1)
    assert {draw.draw("spotify", {"odd": 1, "500": 0.1}) for _ in range(100)} == {None, "500"}


# What is served


def rows(client: Client, **query: Any) -> list[Any]:
    answer = client.get("search", q="90s rock", type="track", limit=50, **query)
    assert answer.status == 200
    found: list[Any] = read(answer.body)["tracks"]["items"]
    return found


def test_damaged_rows_are_those_that_are_listed(client: Client) -> None:
    calm = [row for offset in range(0, 500, 50) for row in rows(client, offset=offset)]
    client.sandbox.configure(faults={"odd": 0.05})
    odd = [row for offset in range(0, 500, 50) for row in rows(client, offset=offset)]
    listed = client.sandbox.odd()
    assert listed["rates"]["spotify"] == 0.05
    spotify = listed["spotify"]
    changed = [before["id"] for before, after in zip(calm, odd, strict=True) if before != after]
    assert len(changed) > 20
    touched = set(listed["tracks_touched"])
    assert set(changed) <= touched
    assert {row["id"] for row in calm} - touched
    for before, after in zip(calm, odd, strict=True):
        parts = [
            ("track", before["id"]),
            ("album", before["album"]["id"]),
            *(("artist", one["id"]) for one in before["artists"]),
            *(("artist", one["id"]) for one in before["album"]["artists"]),
        ]
        if not any(one in spotify[kind] for kind, one in parts):
            assert before == after
        elif before["id"] in spotify["track"] and "row: " in spotify["track"][before["id"]]:
            assert before != after
    assert client.sandbox.stats()["faults"]["spotify"]["odd"] >= len(changed)
    client.sandbox.configure(faults={})
    assert rows(client) == calm[:50]
    assert client.sandbox.odd() == {"rates": {}, "tracks_touched": []}


def test_the_same_object_is_damaged_alike_in_every_answer(client: Client) -> None:
    client.sandbox.configure(faults={"spotify:odd": 0.3})
    first = [row for row in rows(client) if isinstance(row, dict) and isinstance(row["id"], str)]
    for row in first[:10]:
        answer = client.get("tracks", ids=row["id"])
        if answer.status == 200:
            assert read(answer.body)["tracks"] == [row]
    assert rows(client) == rows(client)


def every_address(client: Client) -> Iterator[str]:
    """An answer of each kind that holds rows."""
    track, other = client.search("90s rock", limit=2)["items"]
    isrc, artist = track["external_ids"]["isrc"], track["artists"][0]["id"]
    lists = [row["id"] for row in client.search("running", "playlist")["items"] if row]
    spotify = client.sandbox.spotify
    names = {
        "track": "rock",
        "artist": track["artists"][0]["name"],
        "album": track["album"]["name"],
        "playlist": "running",
    }
    for kind, name in names.items():
        yield f"{spotify}/search?{urlencode({'q': name, 'type': kind})}"
    yield f"{spotify}/search?q=rock&type=track&limit=50&market=US"
    for one in lists[:8]:
        yield f"{spotify}/playlists/{one}"
        yield f"{spotify}/playlists/{one}?fields=id,name,tracks(total,items(track(id,name)))"
        yield f"{spotify}/playlists/{one}/tracks?limit=100&additional_types=track,episode"
    yield f"{spotify}/me/playlists"
    yield f"{spotify}/tracks/{track['id']}"
    yield f"{spotify}/tracks?ids={track['id']},{other['id']}"
    yield f"{spotify}/artists?ids={artist},{'0' * 22}"
    yield f"{spotify}/artists/{artist}"
    yield f"{spotify}/artists/{artist}/albums?limit=50"
    yield f"{spotify}/artists/{artist}/top-tracks"
    yield f"{spotify}/albums/{track['album']['id']}"
    yield f"{spotify}/albums/{track['album']['id']}/tracks"
    for kind in ("track", "audio-features"):
        yield f"{client.sandbox.reccobeats}/{kind}?ids={track['id']},{other['id']}"
    yield f"{client.sandbox.reccobeats}/track?ids={isrc}"
    yield f"{client.sandbox.kexp}/plays/?limit=200"
    tracks = client.search("90s rock", limit=50)["items"]
    brainz = client.sandbox.musicbrainz
    codes = " OR ".join(row["external_ids"].get("isrc", "none") for row in tracks)
    recordings = f"{brainz}/recording?{urlencode({'query': f'isrc:({codes})'})}"
    yield recordings
    artists = dict.fromkeys(one["id"] for row in tracks for one in row["artists"])
    resources = [("resource", f"https://open.spotify.com/artist/{one}") for one in artists]
    yield f"{brainz}/url?{urlencode(resources)}"
    found = ask(recordings, headers=AGENT).json["recordings"]
    mbids = ",".join(one["id"] for one in found)
    arids = " OR ".join(one["artist-credit"][0]["artist"]["id"] for one in found)
    yield f"{brainz}/artist?{urlencode({'query': f'arid:({arids})'})}"
    yield f"{client.sandbox.listenbrainz}/metadata/recording/?recording_mbids={mbids}"


def test_every_answer_can_be_damaged(client: Client) -> None:
    client.sandbox.configure(musicbrainz_busy=0)
    addresses = list(every_address(client))
    who = {**AGENT, "Authorization": f"Bearer {client.bearer('user')}"}
    calm = {one: ask(one, headers=who).body for one in addresses}
    client.sandbox.configure(faults={"odd": 1})
    for one in addresses:
        answer = ask(one, headers=who)
        assert answer.status == 200, (one, answer.body[:200])
        assert read(answer.body) != read(calm[one]), one
    touched = client.sandbox.odd()["tracks_touched"]
    assert len(touched) == client.sandbox.health()["sizes"]["tracks"]


def test_recordings_are_damaged_where_their_track_is_touched(client: Client) -> None:
    """A track is touched by what only the open databases say of it."""
    client.sandbox.configure(faults={"musicbrainz:odd": 0.1}, musicbrainz_busy=0)
    listed = client.sandbox.odd()
    assert set(listed["musicbrainz"]) == {"recording", "artist", "url"}
    tracks = client.search("90s rock", limit=50)["items"]
    touched = [row for row in tracks if row["id"] in set(listed["tracks_touched"])]
    assert 0 < len(touched) < 50
    for row in tracks:
        code = row["external_ids"].get("isrc", "none")
        url = f"{client.sandbox.musicbrainz}/recording?query=isrc:{code}"
        found = read(ask(url, headers=AGENT).body)["recordings"]
        ids = {one["id"] for one in found if isinstance(one, dict) and "id" in one}
        if row not in touched:
            assert not ids & listed["musicbrainz"]["recording"].keys()
