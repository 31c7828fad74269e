"""Runs against answers from which a field has vanished."""

from __future__ import annotations

import time

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place, problems

from .running import Run, asked, manifest, rows, seeded

pytestmark = pytest.mark.e2e

TERMS = ("90s rock", "80s pop running")


def in_the_next_second() -> None:
    """What was asked in the second in which a run begins is not older than that run."""
    now = time.time()
    time.sleep(1 - now % 1 + 0.01)


def test_without_is_playable_a_search_under_the_market_counts(
    place: Place, run: Run, sandbox: Sandbox
) -> None:
    calm = Place(place.root.parent / "calm")
    search = ("crawl", "spotify_search", "-a", "max_results=100")
    run(calm, *search, *seeded(calm, *TERMS))
    sandbox.configure(withhold={"track.is_playable": 1})
    run(place, *search, *seeded(place, *TERMS))
    released = rows(place, "catalog_wide")
    assert {row["_extra"]["available_us_source"] for row in released} == {"search_market"}
    assert all(row["available_us"] and "US" in row["available_primary_markets"] for row in released)
    # What a row says to be restricted stays out: the same tracks as ever.
    assert [row["spotify_track_id"] for row in released] == [
        row["spotify_track_id"] for row in rows(calm, "catalog_wide")
    ]
    assert "search_market" in " ".join(manifest(place)["notes"])
    one = released[0]["spotify_track_id"]
    assert "playable in US: yes (by search_market)" in run(place, "explain", one).out
    assert problems(place) == []


def test_features_with_some_numbers_are_exported_for_what_they_have(
    place: Place, run: Run, sandbox: Sandbox
) -> None:
    sandbox.configure(withhold={"audio_features.tempo": 0.2, "audio_features.energy": 0.2})
    done = run(place, "crawl", "spotify_search", "-a", "max_results=150", *seeded(place, *TERMS))
    released = rows(place, "catalog_wide")
    partial = [row for row in released if (row["tempo"] is None) != (row["energy"] is None)]
    bare = [row for row in released if row["tempo"] is None and row["valence"] is not None]
    assert len(partial) > 0.2 * len(released)
    assert all(row["recco_features_at"] and row["valence"] is not None for row in partial)
    assert all(row["_extra"]["run_suitability"] is None for row in partial)
    told = manifest(place)["reccobeats"]
    assert told["tempoCoveragePct"] < 90 < 95 <= told["featureCoveragePct"]
    with_tempo = sum(row["tempo"] is not None for row in released)
    assert f"({with_tempo} with a tempo)" in done.out
    assert "Warning: partial_features is 0." in done.out
    split = {row["trackId"]: row for row in rows(place, "audio_features")}
    assert all(split[row["spotify_track_id"]]["tempo"] is None for row in bare)
    assert all(split[row["spotify_track_id"]]["valence"] == row["valence"] for row in bare)
    one = bare[0]["spotify_track_id"]
    assert "no tempo), incomplete: asked again" in " ".join(run(place, "explain", one).out.split())
    assert problems(place) == []
    # What comes later completes them.
    sandbox.configure(withhold={})
    in_the_next_second()
    run(place, "crawl", "enrich", "-a", "force=features")
    after = {row["spotify_track_id"]: row for row in rows(place, "catalog_wide")}
    assert all(after[row["spotify_track_id"]]["tempo"] is not None for row in partial)
    assert problems(place) == []


def test_a_length_that_no_answer_tells_comes_from_reccobeats(
    place: Place, run: Run, sandbox: Sandbox
) -> None:
    calm = Place(place.root.parent / "calm")
    search = ("crawl", "spotify_search", "-a", "max_results=100")
    run(calm, *search, *seeded(calm, *TERMS))
    assert "recco_track" not in asked(sandbox)
    sandbox.reset_stats()
    sandbox.configure(withhold={"track.duration_ms": 1, "recco_track.durationMs": 0.2})
    run(place, *search, *seeded(place, *TERMS))
    released = {row["spotify_track_id"]: row for row in rows(place, "catalog_wide")}
    assert {row["_extra"]["duration_source"] for row in released.values()} == {"reccobeats"}
    before = {row["spotify_track_id"]: row for row in rows(calm, "catalog_wide")}
    assert released.keys() < before.keys()
    assert all(row["duration_ms"] == before[i]["duration_ms"] for i, row in released.items())
    assert all(row["tempo"] == before[i]["tempo"] for i, row in released.items())
    account = manifest(place)["accounting"]
    assert account["rejectedByRule"]["no_duration"] > 0
    assert account["pending"] == 0
    # Full batches, and a last one.
    assert asked(sandbox)["recco_track"] <= -(-account["distinctTracks"] // 40)
    out = run(place, "explain", min(released)).out
    assert "from ReccoBeats)" in out
    (lost,) = place.column("SELECT min(track_id) FROM rejection WHERE rule = 'no_duration'")
    assert "Out: no_duration: nobody tells its length." in run(place, "explain", lost).out
    assert problems(place) == []
    # When Spotify tells again its own length counts, and nothing is asked for.
    sandbox.configure(withhold={})
    sandbox.reset_stats()
    run(place, *search, *seeded(place, *TERMS), "-a", "deltafetch_reset=1")
    assert {row["_extra"]["duration_source"] for row in rows(place, "catalog_wide")} == {"spotify"}
    assert "recco_track" not in asked(sandbox)
    assert problems(place) == []


@pytest.mark.parametrize("regime", ["extended", "development"])
def test_no_exported_artist_is_without_a_name(
    place: Place, run: Run, sandbox: Sandbox, regime: str
) -> None:
    sandbox.configure(withhold={"artist.name": 0.3}, regime=regime)
    run(place, "crawl", "spotify_search", "-a", "max_results=50", *seeded(place, *TERMS))
    released = rows(place, "catalog_wide")
    assert all(all(row["artist_names"]) for row in released)
    assert all(row["artistName"] for row in rows(place, "cached_tracks"))
    assert all(row["name"] for row in rows(place, "cached_artists"))
    assert manifest(place)["accounting"]["rejectedByRule"]["incomplete"] > 0
    assert problems(place) == []
    sandbox.configure(withhold={}, regime=regime)
    in_the_next_second()
    run(place, "crawl", "enrich", "-a", "force=artists")
    if regime == "extended":
        assert "incomplete" not in manifest(place)["accounting"]["rejectedByRule"]
        assert manifest(place)["accounting"]["pending"] == 0
    assert problems(place) == []
