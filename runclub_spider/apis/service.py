"""What a run has of one service: its calls, its guard, and where it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from runclub_spider.apis.guard import Guard, GuardLimits
from runclub_spider.apis.pacer import Pacer
from runclub_spider.config import Config


def _never(*_: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a run lends its services; each function is given the service's name first."""

    #: An event of the guard, by its name.
    count: Callable[[str, str], None] = lambda _api, _event: None
    #: A refusal: family, until when (epoch seconds), why.
    blocked: Callable[[str, str, float, str], None] = lambda _api, _family, _until, _why: None
    #: Whether the run is coming to its end.
    stopping: Callable[[], bool] = _never
    #: Whether calls of a family go one at a time for now.
    careful: Callable[[str, str], bool] = _never
    #: Whether a call is rather given back than to wait for so many seconds.
    too_long: Callable[[str, float], bool] = _never
    #: Calls in the pacer's window that an earlier run was allowed, and seconds since its end.
    learnt_pace: Callable[[str], tuple[int | None, float]] = lambda _api: (None, 0.0)
    #: Until when an earlier refusal of the service holds, in epoch seconds.
    closed_until: Callable[[str], float] = lambda _api: 0.0


class Service(ABC):
    """One service of one run. A subclass in the service's folder says how it wants to be asked."""

    #: By this name quotas and refusals are kept.
    name: ClassVar[str]
    #: The setting with its base URL, in lower case.
    setting: ClassVar[str]

    def __init__(self, config: Config, hooks: Hooks) -> None:
        self.config, self.hooks = config, hooks
        self.guard = Guard(
            self.name,
            self.limits(),
            pacer=self.pacer(),
            count=partial(hooks.count, self.name),
            on_block=partial(hooks.blocked, self.name),
            stopping=hooks.stopping,
            careful=partial(hooks.careful, self.name),
            too_long=partial(hooks.too_long, self.name),
        )

    @classmethod
    def wanted(cls, config: Config) -> bool:  # noqa: ARG003 - the shape of all
        """Whether the configuration lets it be asked at all."""
        return True

    @property
    def base_url(self) -> str:
        """Where it is, as configured."""
        return str(getattr(self.config, self.setting))

    @abstractmethod
    def limits(self) -> GuardLimits:
        """How many calls at once, and how patient."""

    def pacer(self) -> Pacer | None:
        """What spaces its calls; None: the guard's own, which knows no limit."""
        return None

    def usual_limits(self, concurrency: int, most: int = 0) -> GuardLimits:
        """The configured patience with so many calls at once, at most `most`."""
        config = self.config
        return GuardLimits(
            concurrency,
            config.api_retries,
            config.api_backoff_seconds,
            config.max_wait_seconds,
            most,
        )
