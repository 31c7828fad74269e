"""ListenBrainz in one run."""

from __future__ import annotations

from runclub_spider.apis.call import Api
from runclub_spider.apis.listenbrainz.calls import ListenBrainzCalls
from runclub_spider.apis.open_service import OpenService


class ListenBrainz(OpenService):
    """Open metadata of recordings."""

    name = Api.LISTENBRAINZ
    setting = "listenbrainz_base_url"
    # 30 in 10 seconds, with a margin.
    interval = 0.4

    @property
    def calls(self) -> ListenBrainzCalls:
        """Builders of its calls."""
        return ListenBrainzCalls(self.base_url, self.agent)
