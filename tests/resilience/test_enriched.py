"""What the store says of a track's enrichment is true, in whatever order things came."""

from __future__ import annotations

import pytest

from testkit.places import Place

pytestmark = pytest.mark.e2e


def test_has_artist_is_set_exactly_when_all_artists_were_fetched(listed: Place) -> None:
    """Also for a track that came after its artists had been asked."""
    wrong = listed.query(
        "SELECT t.track_id, t.has_artist FROM track t WHERE t.has_artist != NOT EXISTS ("
        "SELECT 1 FROM track_artist ta JOIN artist a USING (artist_id) "
        "WHERE ta.track_id = t.track_id AND a.fetched_at IS NULL)"
    )
    assert wrong == []


def test_has_features_is_set_exactly_when_there_are_some(listed: Place) -> None:
    wrong = listed.query(
        "SELECT track_id FROM track WHERE has_features != "
        "(track_id IN (SELECT track_id FROM audio_features))"
    )
    assert wrong == []
