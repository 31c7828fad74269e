"""Builders of the ReccoBeats calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runclub_spider.apis.call import Api, Call, Family

FEATURES_BATCH = 40


@dataclass(frozen=True, slots=True)
class ReccoBeatsCalls:
    """Calls against one base URL; the key travels only when one is set."""

    base_url: str
    api_key: str | None = None

    def features(self, track_ids: Sequence[str]) -> Call:
        """Features of 1-40 Spotify ids; unknown ids are silently left out of the answer."""
        headers = {"Accept": "application/json"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return Call(
            Api.RECCOBEATS,
            Family.FEATURES,
            self.base_url,
            "audio-features",
            {"ids": ",".join(track_ids)},
            headers,
        )
