"""Changes a share of the world, as time does: lists gain and lose tracks, new singles appear."""

from __future__ import annotations

from random import Random

from .builtin import LAST_YEAR, Maker
from .vocabulary import STYLES
from .world import USER_ID, Entry, World

ADDED_AT = f"{LAST_YEAR}-10-01T06:00:00Z"


def change(world: World, share: float, seed: int) -> dict[str, int]:
    """Changes the world in place, the same way for the same world, share and seed.

    Args:
        world: changed in place; its generation rises by one.
        share: 0-1, share of the playlists and (made-up world) of the tracks.
        seed: which ones.

    Returns:
        Counts: ``playlists_changed``, ``entries_added``, ``entries_removed``, ``new_tracks``.
    """
    rng = Random(f"{world.id}:{share!r}:{seed}")
    counts = dict.fromkeys(
        ("playlists_changed", "entries_added", "entries_removed", "new_tracks"), 0
    )
    fresh = _new_tracks(world, rng, share) if world.made_up else []
    counts["new_tracks"] = len(fresh)
    for playlist_id, entries in world.later.items():
        playlist = world.playlists[playlist_id]
        before, after = {e.ref for e in playlist.entries}, {e.ref for e in entries}
        counts["playlists_changed"] += 1
        counts["entries_added"] += len(after - before)
        counts["entries_removed"] += len(before - after)
        playlist.replace_entries(entries)
    swapped = set(world.later)
    world.later = {}
    lists = [one for one in sorted(world.playlists) if one not in swapped]
    known = fresh or sorted(world.tracks)
    for playlist_id in rng.sample(lists, max(1, round(len(lists) * share)) if share else 0):
        playlist = world.playlists[playlist_id]
        kept = [entry for entry in playlist.entries if rng.random() >= 0.05]
        kept = kept or playlist.entries[:1]
        present = {entry.ref for entry in kept}
        new = [one for one in rng.sample(known, min(len(known), 5)) if one not in present]
        owner = playlist.owner_id if playlist.owner_id == USER_ID else ""
        entries = [*(Entry("track", one, ADDED_AT, owner) for one in new), *kept]
        counts["playlists_changed"] += 1
        counts["entries_added"] += len(new)
        counts["entries_removed"] += len(playlist.entries) - len(kept)
        playlist.replace_entries(entries)
    world.generation += 1
    world.forget_lookups()
    return counts


def _new_tracks(world: World, rng: Random, share: float) -> list[str]:
    """New singles by acts the world already has."""
    maker = Maker(world, rng)
    by_genre = {name: style for style in STYLES for name, _ in style.genres}
    signed = [one for one in sorted(world.artists) if world.artists[one].genres]
    found: list[str] = []
    for _ in range(round(len(world.tracks) * share)):
        artist = world.artists[rng.choice(signed)]
        style = by_genre[artist.genres[0]]
        album = maker.album(artist, style, LAST_YEAR, "single")
        found.append(maker.track(artist, album, style, LAST_YEAR).id)
    return found
