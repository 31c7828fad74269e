"""The services of one run: each is built at its first use, by its own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from runclub_spider.apis.guard import Guard
from runclub_spider.apis.service import Hooks, Service
from runclub_spider.config import Config
from runclub_spider.store.queue.quota import Block

S = TypeVar("S", bound=Service)


class Apis:
    """By class for whoever sends calls (`apis[Spotify].calls`), by name for the handler."""

    def __init__(
        self, config: Config, hooks: Hooks, blocks: Callable[[str], Iterable[Block]]
    ) -> None:
        self._config, self._hooks, self._blocks = config, hooks, blocks
        self._services: dict[str, Service] = {}

    def __getitem__(self, kind: type[S]) -> S:
        """The run's one service of a kind; refusals of earlier runs hold in it."""
        found = self._services.get(kind.name)
        if found is None:
            found = self._services[kind.name] = kind(self._config, self._hooks)
            for block in self._blocks(kind.name):
                found.guard.block(block.family, block.blocked_until, block.reason)
        assert isinstance(found, kind)
        return found

    def guard(self, name: str) -> Guard:
        """The guard of a service that calls were built for; raises KeyError for another."""
        return self._services[name].guard

    @property
    def guards(self) -> list[Guard]:
        """Guards of all services asked so far."""
        return [service.guard for service in self._services.values()]
