"""Builders of the ListenBrainz calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from runclub_spider.apis.call import Api, Call, Family

#: Most MBIDs a call.
RECORDINGS_BATCH = 1000


@dataclass(frozen=True, slots=True)
class ListenBrainzCalls:
    """Calls against one base URL; none needs a token."""

    base_url: str
    user_agent: str

    def recordings(self, mbids: Sequence[str]) -> Call:
        """Artists, tags and dates of 1-1,000 recordings; unknown and merged ones are left out."""
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": self.user_agent,
        }
        body = orjson.dumps({"recording_mbids": list(mbids), "inc": "artist tag"})
        return Call(
            Api.LISTENBRAINZ,
            Family.METADATA,
            self.base_url,
            "metadata/recording/",
            headers=headers,
            body=body,
        )
