"""Spotify's Web API in one run, and the client that fetches its tokens."""

from __future__ import annotations

import math
from functools import cached_property, partial
from typing import TYPE_CHECKING

from runclub_spider.apis.call import Api
from runclub_spider.apis.guard import GuardLimits
from runclub_spider.apis.pacer import WINDOW_SECONDS, Pacer
from runclub_spider.apis.service import Service
from runclub_spider.apis.spotify.calls import SpotifyCalls
from runclub_spider.apis.spotify.token_file import TokenFile, current_token, keep_rotated

if TYPE_CHECKING:
    from runclub_spider.apis.spotify.tokens import TokenClient

# Calls in 30 seconds that a real key is first tried with.
_REAL_START = 30
# Requests in flight at first.
_CONCURRENCY = 2


class Spotify(Service):
    """One key's view of the Web API, for the run's market."""

    name = Api.SPOTIFY
    setting = "spotify_api_base_url"

    @property
    def calls(self) -> SpotifyCalls:
        """Builders of its calls."""
        return SpotifyCalls(self.base_url, self.config.market)

    @cached_property
    def tokens(self) -> TokenClient:
        """The token client; made at the first request, for a run without one needs no import."""
        from runclub_spider.apis.spotify.tokens import TokenClient

        config = self.config
        client_id = config.spotify_client_id or ""
        file = TokenFile(config.token_file)
        return TokenClient(
            config.spotify_accounts_base_url,
            client_id,
            config.spotify_client_secret,
            current_token(file, client_id, config.spotify_refresh_token),
            rotated=partial(keep_rotated, file, client_id),
            max_wait=config.max_wait_seconds,
            closed_until=self.hooks.closed_until(Api.ACCOUNTS),
        )

    def limits(self) -> GuardLimits:
        """Two at once, up to as many as configured while it refuses none."""
        most = self.config.spotify_concurrency
        return self.usual_limits(min(_CONCURRENCY, most), most)

    def pacer(self) -> Pacer:
        """From what an earlier run learnt, else from below; a server of our own paces itself."""
        config = self.config
        learnt, idle = self.hooks.learnt_pace(self.name)
        real = config.source_of(self.setting) == "spotify"
        start = config.spotify_start_rate or (_REAL_START if real else math.inf)
        return Pacer(start, learnt, clean=idle > WINDOW_SECONDS)
