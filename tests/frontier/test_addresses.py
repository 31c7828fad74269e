"""Playlists named by their address, in every spelling that people copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.addresses import is_address, playlist_of, term_of
from runclub_spider.frontier.templates import read_seed_file

ID = "37i9dQZF1DX76Wlfdnj7AP"
OTHER_CASE = ID.swapcase()


@pytest.mark.parametrize(
    "text",
    [
        f"https://open.spotify.com/playlist/{ID}",
        f"https://open.spotify.com/playlist/{ID}?si=0a1b2c&pi=x",
        f"http://open.spotify.com/playlist/{ID}/",
        f"open.spotify.com/playlist/{ID}",
        f"https://open.spotify.com/intl-de/playlist/{ID}?si=1#x",
        f"https://open.spotify.com/intl-pt-BR/playlist/{ID}",
        f"https://open.spotify.com/user/spotify/playlist/{ID}",
        f"https://open.spotify.com/embed/playlist/{ID}?utm_source=oembed",
        f"https://play.spotify.com/user/a.b/playlist/{ID}",
        f"HTTPS://Open.Spotify.com/playlist/{ID}",
        f"spotify:playlist:{ID}",
        f"spotify:user:spotify:playlist:{ID}",
    ],
)
def test_addresses_of_playlists(text: str) -> None:
    assert playlist_of(text) == ID
    assert is_address(text)
    assert playlist_of(term_of(ID)) == ID


@pytest.mark.parametrize(
    "text",
    [
        f"https://open.spotify.com/track/{ID}",
        f"spotify:artist:{ID}",
        f"https://open.spotify.com/playlist/{ID[:-1]}",
        f"https://open.spotify.com/playlist/{ID}x",
        f"https://open.spotify.com/playlist/{ID}/tracks",
        "https://spotify.link/abc",
        "spotify:playlist:",
    ],
)
def test_addresses_of_something_else(text: str) -> None:
    assert playlist_of(text) is None
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "running 180 bpm",
        "spotify",
        "spotify running",
        f"https://example.org/playlist/{ID}",
        f"https://open.spotify.com.example.org/playlist/{ID}",
        ID,
    ],
)
def test_words(text: str) -> None:
    assert playlist_of(text) is None
    assert not is_address(text)


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "lists.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_lines_of_a_seeds_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "# my lists",
        f"https://open.spotify.com/playlist/{ID}?si=1",
        f"spotify:playlist:{ID}",
        f"spotify:playlist:{OTHER_CASE}",
        "Night Run",
    )
    found = [seed.term for seed in read_seed_file(path, "playlist")]
    assert found == [term_of(ID), term_of(OTHER_CASE), "Night Run"]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("playlist", f"https://open.spotify.com/album/{ID}"),
        ("track", f"https://open.spotify.com/playlist/{ID}"),
        ("track", f"spotify:track:{ID}"),
    ],
)
def test_an_address_that_no_search_takes_is_named(tmp_path: Path, kind: str, line: str) -> None:
    with pytest.raises(ConfigurationError, match=r"lists.txt:2: key 'term': is an address"):
        read_seed_file(written(tmp_path, "Night Run", line), kind)
