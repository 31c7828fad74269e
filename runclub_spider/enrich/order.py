"""The order of the stages: one table."""

from __future__ import annotations

from collections.abc import Sequence

from runclub_spider.apis.service import Service
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.artists import Artists
from runclub_spider.enrich.details import Details
from runclub_spider.enrich.editions import Editions
from runclub_spider.enrich.features import Features
from runclub_spider.enrich.open_metadata import OpenMetadata
from runclub_spider.enrich.reckoning import Reckoning
from runclub_spider.enrich.stages import Enricher, Enrichment

#: Row after row; the stages of a row work side by side.
STAGES: tuple[Sequence[type[Enricher]], ...] = (
    # Both may make tracks eligible.
    (Artists, Details),
    (Features,),
    # For tracks of which there are no features.
    (Editions,),
    # Asks by all that is known by then.
    (OpenMetadata,),
)


def after_discovery(run: Run) -> Enrichment:
    """The stages that follow every discovery."""
    rows = [[stage for stage in row if stage.after_discovery] for row in STAGES]
    return Enrichment(run, rows)


def noted(run: Run) -> Reckoning:
    """What follows discovery in a fleet, noted for the plan's enrichment."""
    return Reckoning(run, STAGES)


def all_stages(run: Run) -> Enrichment:
    """Every stage there is."""
    return Enrichment(run, STAGES)


def services() -> tuple[type[Service], ...]:
    """The services that the stages ask, each once."""
    return tuple(dict.fromkeys(one for row in STAGES for stage in row for one in stage.services))


def stage_names() -> tuple[str, ...]:
    """What the stages are called, in order."""
    return tuple(stage.name for row in STAGES for stage in row)
