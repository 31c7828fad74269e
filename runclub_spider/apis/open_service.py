"""What MusicBrainz and ListenBrainz have in common: open to all, one call after the other."""

from __future__ import annotations

from typing import ClassVar

from runclub_spider import __version__
from runclub_spider.apis.guard import GuardLimits
from runclub_spider.apis.musicbrainz.calls import agent
from runclub_spider.apis.pacer import Metronome
from runclub_spider.apis.service import Service
from runclub_spider.config import SANDBOX, Config


class OpenService(Service):
    """A service that wants to know who asks, and paces everybody alike."""

    #: Seconds between two calls that it allows everybody.
    interval: ClassVar[float]

    @classmethod
    def wanted(cls, config: Config) -> bool:
        """Only where there is somebody to write to."""
        return bool(config.open_metadata_contact) and cls.name in config.open_metadata_sources

    @property
    def agent(self) -> str:
        """The name of this program with whom to write to."""
        contact = self.config.open_metadata_contact or ""
        return agent(f"runclub-spider/{__version__}", contact)

    def limits(self) -> GuardLimits:
        """One call at a time."""
        return self.usual_limits(1)

    def pacer(self) -> Metronome:
        """What the service allows, unless it is a server of our own."""
        interval = self.config.musicbrainz_interval
        if self.config.source_of(self.setting) != SANDBOX:
            interval = max(self.interval, interval)
        return Metronome(interval)
