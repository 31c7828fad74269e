"""The package's data files, and what is said of those there are none of."""

from __future__ import annotations

import pytest

from runclub_spider.resources import folder


def test_a_folder_is_the_packages_own() -> None:
    assert (folder("publish/schemas") / "manifest.schema.json").is_file()
    assert folder("publish/schemas") == folder("publish/schemas")


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="runclub_spider has no publish/nothing"):
        folder("publish/nothing")
