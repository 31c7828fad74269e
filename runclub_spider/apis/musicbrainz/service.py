"""MusicBrainz in one run."""

from __future__ import annotations

from runclub_spider.apis.call import Api
from runclub_spider.apis.musicbrainz.calls import MusicBrainzCalls
from runclub_spider.apis.open_service import OpenService


class MusicBrainz(OpenService):
    """Open metadata of recordings."""

    name = Api.MUSICBRAINZ
    setting = "musicbrainz_base_url"
    # One a second, with a margin.
    interval = 1.1

    @property
    def calls(self) -> MusicBrainzCalls:
        """Builders of its calls."""
        return MusicBrainzCalls(self.base_url, self.agent)
