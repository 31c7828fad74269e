"""A person's word on which song a play is: read from a file, above every rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runclub_spider.catalog.matching import keys_of


@dataclass(frozen=True, slots=True)
class Target:
    """The song meant: by MusicBrainz recording, or by title and artist, which may be new.

    `own` means a song of its own, whatever it resembles.
    """

    mbid: str | None = None
    title: str | None = None
    artist: str | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Overrides:
    """Targets by play id, and by the key of the play's words."""

    by_id: Mapping[str, Target] = field(default_factory=dict)
    by_key: Mapping[str, Target] = field(default_factory=dict)

    def find(self, source_play_id: str, key: str) -> Target | None:
        """What was said of a play; its id is nearer than its words."""
        return self.by_id.get(source_play_id) or self.by_key.get(key)


def read_overrides(entries: Any) -> Overrides:
    """From the parsed file: a list of `{play: {…}, song: {…} or "own"}`.

    Raises:
        ValueError: naming the first entry that is wrong.
    """
    if entries is None:
        return Overrides()
    if not isinstance(entries, list):
        raise ValueError("it is no list of entries with `play` and `song`")
    by_id: dict[str, Target] = {}
    by_key: dict[str, Target] = {}
    for number, entry in enumerate(entries, 1):
        try:
            play, target = _entry(entry)
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(f"entry {number}: {error}") from None
        if "id" in play:
            by_id[str(play["id"])] = target
        else:
            by_key[keys_of(str(play["title"]), str(play["artist"])).exact] = target
    return Overrides(by_id, by_key)


def _entry(entry: Any) -> tuple[Mapping[str, Any], Target]:
    if not isinstance(entry, dict) or set(entry) != {"play", "song"}:
        raise ValueError("needs exactly `play` and `song`")
    play, song = entry["play"], entry["song"]
    _keys("play", play, ({"id"}, {"title", "artist"}))
    if song == "own":
        return play, Target(own=True)
    _keys("song", song, ({"mbid"}, {"title", "artist"}))
    if "mbid" in song:
        return play, Target(mbid=str(song["mbid"]).lower())
    return play, Target(title=str(song["title"]), artist=str(song["artist"]))


def _keys(name: str, value: Any, allowed: Iterable[set[str]]) -> None:
    if not isinstance(value, dict) or set(value) not in list(allowed):
        ways = " or ".join(" and ".join(f"`{key}`" for key in sorted(one)) for one in allowed)
        raise ValueError(f"`{name}` names {ways}")
