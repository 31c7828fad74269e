"""What every spider does with the arguments it is given."""

from __future__ import annotations

import pytest
from scrapy.spiderloader import SpiderLoader
from scrapy.utils.project import get_project_settings

from runclub_spider.errors import ConfigurationError
from runclub_spider.spiders.arguments import (
    KNOWN,
    EnrichArguments,
    PlaylistArguments,
    SearchArguments,
    SpiderArguments,
    StationArguments,
)

ALL = (SearchArguments, PlaylistArguments, EnrichArguments, StationArguments)


@pytest.mark.parametrize("arguments", ALL)
def test_a_schedulers_arguments_are_ignored(arguments: type[SpiderArguments]) -> None:
    # As scrapyd gives them, and a version of its own.
    given = {"_job": "6487ec79947edab326d6db28a2d86511", "_version": "1", "budget": "3"}
    found = arguments.read("a spider", given)
    assert found.budget == 3
    assert found.model_dump(exclude_unset=True) == {"budget": 3}


@pytest.mark.parametrize("arguments", ALL)
def test_any_other_name_is_refused(arguments: type[SpiderArguments]) -> None:
    with pytest.raises(ConfigurationError, match="job_"):
        arguments.read("a spider", {"job_": "1"})


def test_what_is_known_without_the_spiders_is_what_they_take() -> None:
    spiders = SpiderLoader.from_settings(get_project_settings())
    assert {name: spiders.load(name).arguments for name in KNOWN} == KNOWN
