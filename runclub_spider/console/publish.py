"""What `scrapy publish` does: look whether there is room, hold the store, make a release."""

from __future__ import annotations

from collections.abc import Sequence

from runclub_spider.config import Config
from runclub_spider.crawl.preflight import check_writable
from runclub_spider.errors import ConfigurationError, RunPaused
from runclub_spider.publish.account.gates import read_acceptances
from runclub_spider.publish.cluster import Cluster
from runclub_spider.publish.write import release
from runclub_spider.publish.write.profile import Profile
from runclub_spider.store.db.lock import exclusive
from runclub_spider.terminal import on_stderr


def publish(
    config: Config,
    acceptances: Sequence[str],
    profile: str = "full",
    engine: str | None = None,
    scheduler: str | None = None,
) -> str:
    """Make a release of what the store holds; returns one line on it.

    Args:
        config: the project's settings.
        acceptances: `GATE=reason`, for gates that may fail.
        profile: which fields the release may hold: `full`, `ids`, `open`.
        engine: where it is computed, `local` or `dask`.
        scheduler: address of the Dask scheduler; of none, one is started for as long as it takes.

    Raises:
        ConfigurationError: an acceptance, a profile, an engine, a folder or the store cannot be
            used.
        GateFailed: a gate refused the release.
        RunPaused: a run holds the store, or it was interrupted.
    """
    accepted = read_acceptances(acceptances)
    if profile not in [*Profile]:
        raise ConfigurationError(
            f"--profile {profile!r}: there is no such profile; there are {', '.join(Profile)}"
        )
    cluster = Cluster.chosen(engine, scheduler)
    check_writable(config.cache_dir, "CACHE_DIR")
    check_writable(config.export_dir, "EXPORT_DIR")
    try:
        with exclusive(config, "scrapy publish"), on_stderr("scrapy publish") as progress:
            return release.publish(
                config, accepted, progress=progress, profile=Profile(profile), cluster=cluster
            )
    except KeyboardInterrupt:
        raise RunPaused("interrupted; nothing was released, the same command begins anew") from None
