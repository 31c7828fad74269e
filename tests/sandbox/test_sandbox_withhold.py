"""Fields that the sandbox is told to leave out."""

from __future__ import annotations

from typing import Any

from .asking import Client

MISSING = object()


def values(rows: list[dict[str, Any]], name: str) -> list[Any]:
    """What the rows say of a field."""
    return [row.get(name, MISSING) for row in rows]


def test_a_field_of_all_tracks_is_left_out_or_null(client: Client) -> None:
    assert MISSING not in values(client.search("90s rock", market="US")["items"], "is_playable")
    client.sandbox.configure(withhold={"track.is_playable": 1})
    rows = client.search("90s rock", limit=50, market="US")["items"]
    found = values(rows, "is_playable")
    assert MISSING in found
    assert None in found
    assert not {True, False} & set(found)
    assert None not in values(rows, "name")
    again = client.search("90s rock", limit=50, market="US")["items"]
    assert values(again, "is_playable") == found


def test_a_share_of_reccobeats_numbers_and_lengths(client: Client) -> None:
    ids = ",".join(track["id"] for track in client.search("90s rock", limit=40)["items"])
    asked = f"ids={ids}"
    before = client.recco("audio-features", asked).json["content"]
    client.sandbox.configure(
        withhold={"audio_features.tempo": 0.5, "recco_track.durationMs": 1, "artist.name": 1}
    )
    rows = client.recco("audio-features", asked).json["content"]
    gone = [one for one in values(rows, "tempo") if one in (None, MISSING)]
    assert 5 < len(gone) < len(rows) - 5
    assert values(rows, "energy") == values(before, "energy")
    lengths = values(client.recco("track", asked).json["content"], "durationMs")
    assert set(lengths) == {None, MISSING}
    (artist, *_) = client.search("90s rock", limit=1)["items"][0]["artists"]
    assert artist.get("name") is None
    assert artist["id"]
