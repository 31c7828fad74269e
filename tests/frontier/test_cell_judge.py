"""Which cells tracks are taken to fill, page by page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runclub_spider.catalog.content import ContentPolicy
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.frontier.cell_judge import CellJudge
from runclub_spider.store.queue.answered import AnsweredPage, ShownTrack
from runclub_spider.store.queue.pages import PageKind
from runclub_spider.store.queue.playlists import ListedPlaylist

UMBRELLAS = UmbrellaMap.load(Path(__file__).parents[2] / "seeds/umbrellas.yaml")
METAL = ('genre:"heavy metal"', "Metal")


def shown(number: int, artist: str, date: str | None = "1984") -> ShownTrack:
    return ShownTrack(
        f"t{number}", 0, f"Song {number}", "Album", date, (artist,), (artist.upper(),)
    )


def page(ordinal: int, *tracks: ShownTrack, search: tuple[str, str | None] = METAL) -> AnsweredPage:
    term, umbrella = search
    return AnsweredPage(
        kind=PageKind.TRACK_SEARCH,
        source=term,
        name=term,
        umbrella=umbrella,
        ordinal=ordinal,
        first_row=0,
        row_count=10,
        rows=len(tracks),
        more=False,
        current=True,
        tracks=tracks,
    )


def list_page(ordinal: int, name: str, *tracks: ShownTrack) -> AnsweredPage:
    plain = page(ordinal, *tracks, search=(name, None))
    return replace(plain, kind=PageKind.PLAYLIST, source=f"list {name}")


def test_a_track_alone_is_not_sure_until_its_artist_has_more() -> None:
    judge = CellJudge(UMBRELLAS, 0.7)
    first = judge.look(page(1, shown(1, "a"), shown(2, "b")))
    assert [one.umbrella for one in first.found] == [None, None]
    assert first.turned == ()
    second = judge.look(page(2, shown(3, "a"), shown(4, "a"), shown(5, "a")))
    assert [one.umbrella for one in second.found] == ["Metal"] * 3
    # What was unsure turns with them; the other artist's track does not.
    assert [(one.track, one.umbrella, one.decade) for one in second.turned] == (
        [("t1", "Metal", "80s")]
    )
    assert judge.look(page(3, shown(6, "a"))).turned == ()


def test_a_track_that_is_shown_again_counts_once_for_its_artist() -> None:
    once, twice = CellJudge(UMBRELLAS, 0.75), CellJudge(UMBRELLAS, 0.75)
    for judge in (once, twice):
        judge.look(page(1, shown(1, "a")))
    for ordinal in (2, 3, 4):
        twice.look(page(ordinal, shown(1, "a")))
    other = ("a song", None)
    assert once.look(page(9, shown(2, "a"), search=other)) == (
        twice.look(page(9, shown(2, "a"), search=other))
    )


def test_what_a_content_label_puts_last_fills_no_cell() -> None:
    songs = [shown(number, "a") for number in range(1, 5)]
    sped_up = replace(shown(9, "a"), name="Song 9 - Sped Up")
    judge = CellJudge(UMBRELLAS, 0.7)
    seen = judge.look(page(1, *songs, sped_up))
    assert [one.umbrella for one in seen.found] == ["Metal"] * 4 + [None]
    # Nor is its artist looked for, and it never turns.
    assert (seen.found[-1].decade, seen.found[-1].artist) == ("80s", None)
    later = judge.look(page(2, *(shown(number, "a") for number in range(10, 15))))
    assert "t9" not in {one.track for one in later.turned}
    keeping = CellJudge(UMBRELLAS, 0.7, ContentPolicy.parse("altered=keep"))
    assert keeping.look(page(1, *songs, sped_up)).found[-1].umbrella == "Metal"


def test_more_searches_make_a_track_sure() -> None:
    judge = CellJudge(UMBRELLAS, 0.75)
    searches = [(f'genre:"{name} metal"', "Metal") for name in ("heavy", "doom", "black", "death")]
    seen = [
        judge.look(page(at, shown(1, "a", None), search=search)).found[0]
        for at, search in enumerate(searches)
    ]
    assert (seen[0].umbrella, seen[-1].umbrella) == (None, "Metal")
    assert {one.decade for one in seen} == {None}
    assert {one.artist for one in seen} == {"A"}


def test_a_list_speaks_by_its_name_and_by_what_had_served_it() -> None:
    def served(term: str) -> AnsweredPage:
        one = ListedPlaylist("list mix", "mix", None, None, 0, "s", 10, "seen", None, None, 0)
        search = page(1, search=(term, "Pop"))
        return replace(search, kind=PageKind.PLAYLIST_SEARCH, lists=(one,))

    judge = CellJudge(UMBRELLAS, 0.7)
    named = judge.look(list_page(2, "Heavy Metal Classics", shown(1, "a"), shown(2, "a")))
    assert [one.umbrella for one in named.found] == ["Metal", "Metal"]
    unknown = CellJudge(UMBRELLAS, 0.5)
    assert unknown.look(list_page(2, "mix", shown(1, "a"), shown(2, "a"))).found[0].umbrella is None
    known = CellJudge(UMBRELLAS, 0.5)
    known.look(served("hits"))
    seen = known.look(list_page(2, "mix", *(shown(number, "a") for number in range(6))))
    assert seen.found[0].umbrella == "Pop"


def test_a_search_for_a_song_of_a_station_says_nothing_of_its_music() -> None:
    """Its words are those of the song, and what it shows is held all the same."""
    words, song = CellJudge(UMBRELLAS, 0.5), CellJudge(UMBRELLAS, 0.5)
    asked = page(1, *(shown(number, "a") for number in range(4)))
    assert {one.umbrella for one in words.look(asked).found} == {"Metal"}
    seen = song.look(replace(asked, family="kexp"))
    assert [(one.track, one.umbrella) for one in seen.found] == [(f"t{n}", None) for n in range(4)]


def test_only_the_seeds_own_artists_are_known() -> None:
    """Searches that follow from what was found repeat its umbrella; they do not confirm it."""
    term = ('artist:"A" year:1990-1999', "Techno")
    tracks = [shown(n, "a", "1994") for n in range(6)]
    found = {}
    for family in ("artists", "artist", "split", "custom"):
        judge = CellJudge(UMBRELLAS, 0.7)
        seen = judge.look(replace(page(1, *tracks, search=term), family=family))
        found[family] = {one.umbrella for one in seen.found}
    assert found == {"artists": {"Techno"}, "artist": {None}, "split": {None}, "custom": {None}}
