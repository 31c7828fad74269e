"""Builders of the ReccoBeats calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runclub_spider.apis.call import Api, Call, Family

# Most ids a call.
FEATURES_BATCH = TRACKS_BATCH = 40


@dataclass(frozen=True, slots=True)
class ReccoBeatsCalls:
    """Calls against one base URL; the key travels only when one is set."""

    base_url: str
    api_key: str | None = None

    def features(self, track_ids: Sequence[str]) -> Call:
        """Features of 1-40 Spotify ids or UUIDs; unknown ids are left out of the answer."""
        return self._call(Family.FEATURES, "audio-features", track_ids)

    def tracks(self, track_ids: Sequence[str]) -> Call:
        """Track records of 1-40 Spotify ids, UUIDs or ISRCs; an ISRC may give several."""
        return self._call(Family.TRACK, "track", track_ids)

    def _call(self, family: Family, path: str, ids: Sequence[str]) -> Call:
        headers = {"Accept": "application/json"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return Call(Api.RECCOBEATS, family, self.base_url, path, {"ids": ",".join(ids)}, headers)
