"""What every spider does with the arguments it is given."""

from __future__ import annotations

import pytest

from runclub_spider.errors import ConfigurationError
from runclub_spider.spiders.arguments import (
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
