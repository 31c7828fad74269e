"""ReccoBeats in one run."""

from __future__ import annotations

import math

from runclub_spider.apis.call import Api
from runclub_spider.apis.guard import GuardLimits
from runclub_spider.apis.pacer import Pacer
from runclub_spider.apis.reccobeats.calls import ReccoBeatsCalls
from runclub_spider.apis.service import Service


class ReccoBeats(Service):
    """Audio features and track records."""

    name = Api.RECCOBEATS
    setting = "reccobeats_base_url"

    @property
    def calls(self) -> ReccoBeatsCalls:
        """Builders of its calls."""
        return ReccoBeatsCalls(self.base_url, self.config.reccobeats_api_key)

    def limits(self) -> GuardLimits:
        """A few at once, more while it refuses none."""
        config = self.config
        return self.usual_limits(config.reccobeats_concurrency, config.reccobeats_most)

    def pacer(self) -> Pacer:
        """One that starts without a limit and finds it."""
        return Pacer(math.inf)
