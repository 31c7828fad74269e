"""MusicBrainz and ListenBrainz over HTTP, with the quirks of the real ones."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from runclub_sandbox import builtin
from runclub_sandbox.open_truth import OpenTruth, add_first_editions

from .asking import Answer, Client, ask

AGENT = "runclub-spider/1 ( test@example.org )"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def calm(client: Client) -> None:
    client.sandbox.configure(musicbrainz_busy=0, musicbrainz_interval=None)


def mb(client: Client, path: str, agent: str = AGENT, **query: Any) -> Answer:
    url = f"{client.sandbox.musicbrainz}/{path}?{urlencode(query, doseq=True)}"
    return ask(url, headers={"User-Agent": agent})


def lb(client: Client, mbids: list[str], inc: str = "artist tag") -> Answer:
    body = json.dumps({"recording_mbids": mbids, "inc": inc}).encode()
    url = f"{client.sandbox.listenbrainz}/metadata/recording/"
    return ask(url, headers={"Content-Type": "application/json"}, body=body)


def codes_of(client: Client, *terms: str) -> list[str]:
    """ISRCs of the tracks that searches find."""
    found = [row for term in terms for row in client.search(term, limit=50)["items"]]
    return [isrc for row in found if (isrc := row["external_ids"].get("isrc"))]


@pytest.fixture
def codes(client: Client) -> list[str]:
    return codes_of(client, "90s rock")


def recordings(client: Client, codes: list[str]) -> list[dict[str, Any]]:
    query = f"isrc:({' OR '.join(codes)})"
    rows: list[dict[str, Any]] = mb(client, "recording", query=query, limit=100).json["recordings"]
    return rows


def test_many_isrcs_a_call_in_any_case(client: Client, codes: list[str]) -> None:
    rows = recordings(client, codes)
    named = {isrc for row in rows for isrc in row["isrcs"]}
    assert named <= set(codes)
    # About half of the codes are known.
    assert len(codes) // 4 < len(named) < len(codes)
    lower = recordings(client, [code.lower() for code in codes])
    assert {row["id"] for row in lower} == {row["id"] for row in rows}
    # The best row of an answer has 100, whatever it is.
    assert max(row["score"] for row in rows) == 100
    assert all("genres" not in row for row in rows)


def test_a_limit_above_a_hundred_becomes_twenty_five(client: Client, codes: list[str]) -> None:
    artists = sorted({row["artist-credit"][0]["name"] for row in recordings(client, codes)})
    query = " OR ".join(f'(recording:"the" AND artist:"{name}")' for name in artists)
    everything = f"{query} OR isrc:({' OR '.join(codes * 1)})"
    whole = mb(client, "recording", query=everything, limit=100).json
    assert whole["count"] > 5
    cut = mb(client, "recording", query=everything, limit=101).json
    assert len(cut["recordings"]) == min(25, whole["count"])
    page = mb(client, "recording", query=everything, limit=3, offset=3).json
    assert page["recordings"] == whole["recordings"][3:6]
    assert (page["count"], page["offset"]) == (whole["count"], 3)


def test_songs_by_title_and_artist(client: Client, codes: list[str]) -> None:
    row = recordings(client, codes)[0]
    title, artist = row["title"], row["artist-credit"][0]["name"]
    query = f'(recording:"{title}" AND artist:"{artist}")'
    found = mb(client, "recording", query=query, limit=100).json["recordings"]
    assert row["id"] in [one["id"] for one in found]
    assert all(artist in [c["name"] for c in one["artist-credit"]] for one in found)


def test_the_single_lookup_wants_upper_case(client: Client, codes: list[str]) -> None:
    known = recordings(client, codes)[0]["isrcs"][0]
    assert mb(client, f"isrc/{known}").json["recordings"][0]["isrcs"] == [known]
    lower = mb(client, f"isrc/{known.lower()}")
    assert (lower.status, lower.json["error"]) == (400, "Invalid isrc.")
    assert mb(client, "isrc/GBAYE9999999").status == 404


def test_fields_are_absent_where_there_is_nothing(client: Client) -> None:
    terms = ("80s rock", "70s soul", "90s pop", "metal", "house")
    rows = [row for term in terms for row in recordings(client, codes_of(client, term))]
    dates = [row.get("first-release-date") for row in rows]
    assert None in dates
    assert {len(date) for date in dates if date} == {4, 10}
    assert any(row["length"] is None for row in rows)
    assert any("tags" not in row for row in rows)
    assert all(row["video"] in {None, True} for row in rows)


def test_artists_and_their_addresses(client: Client, codes: list[str]) -> None:
    mbids = sorted({row["artist-credit"][0]["artist"]["id"] for row in recordings(client, codes)})
    query = f"arid:({' OR '.join([*mbids, UNKNOWN])})"
    artists = mb(client, "artist", query=query, limit=100).json["artists"]
    assert sorted(one["id"] for one in artists) == mbids
    assert any("tags" in one for one in artists)
    spotify = [row["artists"][0]["id"] for row in client.search("90s rock", limit=50)["items"]]
    resources = [f"https://open.spotify.com/artist/{one}" for one in [*spotify, "0" * 22]]
    listed = mb(client, "url", resource=resources, inc="artist-rels").json
    assert 0 < listed["url-count"] < len(resources)
    assert {url["resource"] for url in listed["urls"]} < set(resources)
    # Alone, an unknown address is not found.
    assert mb(client, "url", resource=resources[-1]).status == 404
    assert mb(client, "url", resource=listed["urls"][0]["resource"]).json == listed["urls"][0]


def test_the_official_genres(client: Client) -> None:
    first = mb(client, "genre/all", fmt="json", limit=100).json
    assert first["genre-count"] > 200
    assert len(first["genres"]) == 100
    text = mb(client, "genre/all", fmt="txt").body.decode().splitlines()
    assert len(text) == first["genre-count"]
    assert text == sorted(text)


@pytest.mark.parametrize("query", ["", "   "])
def test_a_blank_query_is_refused(client: Client, query: str) -> None:
    assert mb(client, "recording", query=query).status == 400


def test_metadata_of_recordings(client: Client, codes: list[str]) -> None:
    rows = recordings(client, codes)
    mbids = [row["id"] for row in rows]
    answer = lb(client, [*mbids, UNKNOWN])
    found = answer.json
    assert set(found) <= set(mbids)
    assert int(answer.headers["X-RateLimit-Limit"]) == 30
    dates = {row["id"]: row.get("first-release-date", "") for row in rows}
    for mbid, one in found.items():
        # Without a day there is no date.
        expected = dates[mbid] if len(dates[mbid]) == 10 else None
        assert one["recording"].get("first_release_date") == expected
    tags = [tag for one in found.values() for tag in one["tag"]["artist"]]
    assert {"genre_mbid" in tag for tag in tags} == {True, False}
    assert all(tag["count"] > 0 for tag in tags)


def test_merged_recordings_are_absent(client: Client) -> None:
    terms = ("rock", "pop", "metal", "soul", "house", "folk", "jazz", "latin")
    rows = [row for term in terms for row in recordings(client, codes_of(client, term))]
    mbids = [row["id"] for row in rows]
    found = lb(client, mbids).json
    assert 0 < len(set(mbids) - set(found)) < len(set(mbids)) // 10


def test_bodies_that_are_no_question(client: Client) -> None:
    assert lb(client, []).status == 400
    assert lb(client, [UNKNOWN] * 1001).status == 400


def test_library_agents_meet_a_full_bucket(client: Client) -> None:
    for agent in ("python-requests/2.34.2", "Scrapy/2.19 (+https://scrapy.org)"):
        assert mb(client, "recording", query="isrc:GBAYE8300011", agent=agent).status == 503


def test_whoever_is_too_fast_meets_503_until_it_slows_down(client: Client) -> None:
    client.sandbox.configure(musicbrainz_interval=5)
    statuses = [mb(client, "recording", query="isrc:GBAYE8300011").status for _ in range(4)]
    assert statuses[1:] == [503, 503, 503]
    assert client.sandbox.stats()["refused_by_regime"]["mb_too_fast"] >= 3


def test_some_calls_meet_503_at_any_speed(client: Client) -> None:
    client.sandbox.configure(musicbrainz_busy=0.3)
    statuses = {mb(client, "recording", query="isrc:GBAYE8300011").status for _ in range(40)}
    assert statuses == {200, 503}


def test_listenbrainz_refuses_with_the_seconds_in_a_header(client: Client) -> None:
    client.sandbox.configure(listenbrainz_rate_limit=1)
    assert lb(client, [UNKNOWN]).status == 200
    refused = lb(client, [UNKNOWN])
    assert refused.status == 429
    assert int(refused.headers["X-RateLimit-Reset-In"]) >= 1
    assert "Retry-After" not in refused.headers


def test_first_editions_follow_the_truth_and_leave_it_alone() -> None:
    world = builtin.build(1)
    before = OpenTruth(world)
    years = {one: before.original_year(one) for one in world.tracks}
    known = dict(before.recordings)
    add_first_editions(world)
    truth = OpenTruth(world)
    assert {one: truth.original_year(one) for one in years} == years
    assert truth.recordings == known
    assert len(world.first_editions) > 1000
    for first, late in world.first_editions.items():
        album = world.albums[world.tracks[first].album_id]
        assert album.year == truth.original_year(first) == years[late]
        assert album.year < (world.albums[world.tracks[late].album_id].year or 0)
