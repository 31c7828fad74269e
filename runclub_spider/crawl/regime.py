"""Finding out what the key may do: configured, remembered, or asked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runclub_spider.apis.guard import ApiPaused, ApiUnavailable
from runclub_spider.apis.spotify.probe import Probe
from runclub_spider.apis.spotify.regimes import REGIMES, Regime
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.faults import is_ours, told
from runclub_spider.crawl.outcome import FAILED, INCOMPLETE
from runclub_spider.crawl.requests import to_request
from runclub_spider.crawl.run import Run
from runclub_spider.crawl.unsent import NoToken, NotSent
from runclub_spider.store.db import meta
from runclub_spider.text import DAY

if TYPE_CHECKING:
    import sqlalchemy as sa


def regime_key(config: Config) -> str:
    """Where the store keeps what a key may do."""
    return f"regime|{config.spotify_api_base_url}|{config.spotify_client_id}"


async def find_regime(run: Run) -> Regime | None:
    """The configured regime, the stored one while it is young, else what a probe shows.

    From now on the run goes by it. None when Spotify cannot be asked; the run's outcome then
    says why.
    """
    found = await known_regime(run) or await ask_regime(run, Probe())
    if found is not None:
        run.key.may(found)
    return found


async def known_regime(run: Run) -> Regime | None:
    """The configured regime, or the stored one while it is young."""
    config = run.config
    if config.spotify_profile in REGIMES:
        return REGIMES[config.spotify_profile]
    keys = [regime_key(config), *_plan_keys(run)]
    for key in keys:
        stored = await run.store.run(partial(meta.get, key=key))
        if not stored:
            continue
        name, at = stored.split("|")
        age = utc_now() - int(at)
        if -DAY < age < config.regime_max_age_days * DAY:
            return REGIMES[name]
    return None


async def ask_regime(run: Run, probe: Probe) -> Regime | None:
    """What searches that serve nothing else show, and kept for later runs."""
    while probe.found is None:
        if not await _ask(run, probe):
            return None
    await keep_regime(run, probe.found)
    return probe.found


async def keep_regime(run: Run, regime: Regime) -> None:
    """Store what was found out, for a while."""
    text = f"{regime.name}|{utc_now()}"

    def keep(connection: sa.Connection) -> None:
        for key in (regime_key(run.config), *_plan_keys(run)):
            meta.put(connection, key, text)

    await run.store.run(keep)


def _plan_keys(run: Run) -> list[str]:
    """Where a fleet keeps what the first of its keys may do: the others are taken to be alike."""
    return [] if run.member is None else [f"fleet|{run.member.plan_id}|regime"]


async def _ask(run: Run, probe: Probe) -> bool:
    """Whether an answer told something; the outcome says why not."""
    call = run.apis[Spotify].calls.search("track", probe.term, limit=probe.rows, offset=0)
    engine = run.crawler.engine
    assert engine is not None
    try:
        response = await engine.download_async(to_request(call))
    except NotSent as error:
        if isinstance(error.cause, ApiPaused):
            run.paused(error.cause)
        elif isinstance(error.cause, ApiUnavailable):
            run.outcome.report(INCOMPLETE, str(error.cause))
        return False
    except NoToken:
        # The token middleware has told the outcome.
        return False
    except Exception as error:
        if is_ours(error):
            raise
        run.outcome.report(INCOMPLETE, f"the key could not be probed ({told(error)})")
        return False
    refused = probe.take(response.status, response.body, market=run.config.market)
    if refused is not None:
        run.outcome.report(FAILED, refused[1])
    return refused is None
