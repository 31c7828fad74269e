"""The benchmarks can at least be loaded: nothing else runs them before a release."""

from __future__ import annotations

from importlib import import_module

import pytest

from bench.benchmarks import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_has_a_run(name: str) -> None:
    module = import_module(f"bench.benchmarks.{name}")
    assert callable(module.run)
    assert module.__doc__
