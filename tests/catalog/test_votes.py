from __future__ import annotations

import csv
import gzip
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from math import log
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.votes import (
    MINOR_VOTE,
    THRESHOLD,
    Evidence,
    Kind,
    Origin,
    Source,
    Verdict,
    Voter,
    Weights,
)
from testkit.realdata import real_file

UMBRELLAS = UmbrellaMap.load(Path(__file__).parents[2] / "seeds/umbrellas.yaml")
LABELS = UMBRELLAS.labels


def track(
    *sources: Source,
    name: str = "Untitled",
    album: str = "Untitled",
    artists: tuple[str, ...] = ("a",),
    names: tuple[str, ...] = (),
    genres: tuple[tuple[str, ...], ...] = (),
    album_id: str | None = None,
    tags: tuple[tuple[str, int], ...] = (),
) -> Evidence:
    return Evidence(
        name=name,
        album_name=album,
        artist_ids=artists,
        artist_names=names,
        genres=genres or ((),) * len(artists),
        album_id=album_id,
        sources=sources,
        tags=tags,
    )


def judge(one: Evidence, *others: Evidence, voter: Voter | None = None) -> Verdict:
    voter = voter or Voter(UMBRELLAS)
    for each in (*others, one):
        voter.add(each)
    return voter.verdict(one)


PEN = Voter(UMBRELLAS)  # writes sources; counts nothing
ROCK_LIST = PEN.playlist("Classic Rock Workout", [])
SOUL_LIST = PEN.playlist("Motown & Soul", [])
PLAIN_LIST = PEN.playlist("Morning Run", [])
ROCK_SEARCH = PEN.search("fast rock", "Rock")


# What sources say


def test_a_search_speaks_for_its_seed_or_its_words() -> None:
    country = LABELS.index("Country & Americana")
    assert PEN.search("80s hits", "Country & Americana").votes == ((Kind.SEARCH, country, 60),)
    assert PEN.search("80s country hits", None).votes == ((Kind.SEARCH, country, 60),)
    filtered = PEN.search('genre:"country" year:1980-1989', "Country & Americana")
    assert filtered.votes == ((Kind.GENRE_SEARCH, country, 60),)
    assert PEN.search("tempo run", None).votes == ()


def test_a_playlist_speaks_by_its_name_and_by_the_searches_that_served_it() -> None:
    rock, metal, pop = (LABELS.index(label) for label in ("Rock", "Metal", "Pop"))
    both = PEN.playlist("Rock & Metal", [("rock running", "Rock"), ("gym", None)])
    assert both.votes == (
        (Kind.PLAYLIST_NAME, rock, 30),
        (Kind.PLAYLIST_NAME, metal, 30),
        (Kind.PLAYLIST_SEARCH, rock, 60),
    )
    # A general word says less than the name of a genre.
    assert PEN.playlist("Pop Workout", []).votes == ((Kind.PLAYLIST_NAME, pop, 24),)
    served = [("rock gym", "Rock"), ("pop gym", "Pop"), ("fast rock", "Rock")]
    thirds = PEN.playlist("Gym", served)
    assert thirds == PEN.playlist("Gym", served[::-1])
    assert thirds.votes == ((Kind.PLAYLIST_SEARCH, pop, 20), (Kind.PLAYLIST_SEARCH, rock, 40))


# Who decides


def test_genres_of_the_artists_decide() -> None:
    verdict = judge(track(SOUL_LIST, SOUL_LIST, genres=(("rock", "pop rock", "metal"),)))
    assert verdict.origin is Origin.ARTIST_GENRES
    assert verdict.umbrellas == (("Rock", 0.6667), ("Metal", 0.3333))
    assert verdict.fills == ("Rock", "Metal")
    assert verdict.confidence == 1


def test_genres_that_name_no_umbrella_leave_it_to_the_vote() -> None:
    verdict = judge(track(SOUL_LIST, genres=(("comedy",),)))
    assert verdict.origin is Origin.PROVENANCE
    assert verdict.umbrellas[0][0] == "R&B & Soul"


def test_a_minor_genre_fills_no_cell() -> None:
    genres = ("pop", "dance pop", "europop", "hyperpop", "uk pop", "techno")
    verdict = judge(track(genres=(genres,)))
    assert [label for label, _ in verdict.umbrellas] == ["Pop", "Techno"]
    assert verdict.fills == ("Pop",)


def test_nothing_known() -> None:
    verdict = judge(track(PLAIN_LIST))
    assert verdict == Verdict((), 0.0, Origin.NONE, ())
    assert verdict.uncertain


def test_one_list_is_a_hint_and_three_convince() -> None:
    one = judge(track(SOUL_LIST))
    three = judge(track(SOUL_LIST, SOUL_LIST, SOUL_LIST))
    assert one.umbrellas[0][0] == three.umbrellas[0][0] == "R&B & Soul"
    assert one.confidence < three.confidence
    assert three.fills == ("R&B & Soul",)
    assert three.origin is Origin.PROVENANCE


def test_a_word_search_alone_is_uncertain() -> None:
    verdict = judge(track(PEN.search("fast jazz", "Jazz & Blues")))
    assert verdict.uncertain
    assert verdict.umbrellas
    assert 0 < verdict.confidence < THRESHOLD


def test_titles_are_evidence_unless_the_word_means_something_else() -> None:
    verdict = judge(track(name="Walking", album="Honky Tonk Heroes"))
    assert verdict.umbrellas[0][0] == "Country & Americana"
    assert verdict.origin is Origin.PROVENANCE
    assert verdict.uncertain
    assert judge(track(name="House of Cards (Acoustic)", album="Around the World")) == judge(
        track()
    )
    # Said twice is said once.
    assert judge(track(name="Honky Tonk", album="Honky Tonk")) == judge(track(name="Honky Tonk"))


def test_a_search_that_hit_a_name_says_nothing() -> None:
    found = track(PEN.search("fast punk", "Rock"), names=("Daft Punk",))
    assert judge(found).origin is Origin.NONE
    assert judge(replace(found, artist_names=("Ramones",))).origin is Origin.PROVENANCE
    listed = track(PEN.playlist("Artists/Daft Punk", [("punk gym", "Rock")]), names=("Daft Punk",))
    assert judge(listed).origin is Origin.NONE
    titled = replace(found, artist_names=(), album_name="Punk Classics")
    assert judge(titled) == judge(track(album="Punk Classics"))
    # The filter looks at genres, never at names.
    filtered = replace(found, sources=(PEN.search('genre:"punk"', "Rock"),))
    assert judge(filtered).umbrellas[0][0] == "Rock"


def test_other_tracks_of_the_artist() -> None:
    heard = [track(ROCK_LIST, artists=("a",)) for _ in range(5)]
    verdict = judge(track(artists=("a",)), *heard)
    assert verdict.origin is Origin.ARTIST
    assert verdict.umbrellas[0][0] == "Rock"
    assert judge(track(artists=("b",)), *heard).origin is Origin.NONE
    assert judge(track(PLAIN_LIST, artists=("a",)), *heard).origin is Origin.ARTIST
    assert judge(track(SOUL_LIST, artists=("a",)), *heard).origin is Origin.MIXED


def test_a_known_partner_tells_about_an_unknown_artist() -> None:
    duets = [track(artists=("known", "new"), genres=(("bachata",), ())) for _ in range(3)]
    verdict = judge(track(artists=("new",)), *duets)
    assert verdict.umbrellas[0][0] == "Latin"
    assert verdict.fills == ("Latin",)


def test_the_primary_artist_weighs_more_than_the_guests() -> None:
    rock = [track(ROCK_LIST, artists=("a",)) for _ in range(4)]
    soul = [track(SOUL_LIST, artists=("b",)) for _ in range(4)]
    assert judge(track(artists=("a", "b")), *rock, *soul).umbrellas[0][0] == "Rock"
    assert judge(track(artists=("b", "a")), *rock, *soul).umbrellas[0][0] == "R&B & Soul"


def test_the_album_is_asked_when_the_artists_have_nothing_else() -> None:
    others = [track(SOUL_LIST, artists=(f"x{n}",), album_id="mix") for n in range(6)]
    verdict = judge(track(artists=("a",), album_id="mix"), *others)
    assert verdict.origin is Origin.ALBUM
    assert verdict.umbrellas[0][0] == "R&B & Soul"
    assert judge(track(ROCK_LIST, artists=("a",), album_id="mix"), *others).origin is Origin.MIXED
    own = [track(ROCK_LIST, artists=("a",)) for _ in range(3)]
    with_both = judge(track(artists=("a",), album_id="mix"), *others, *own)
    assert with_both.origin is Origin.ARTIST
    assert with_both.umbrellas[0][0] == "Rock"


def test_no_track_counts_for_itself() -> None:
    alone = track(SOUL_LIST, artists=("a", "b", "a"), album_id="x")
    voter = Voter(UMBRELLAS)
    outside = voter.verdict(alone, counted=False)
    voter.add(alone)
    assert voter.verdict(alone) == outside
    assert outside.origin is Origin.PROVENANCE


def test_threshold_and_weights_can_be_set() -> None:
    one = track(SOUL_LIST)
    sure = judge(one)
    assert judge(one, voter=Voter(UMBRELLAS, threshold=sure.confidence)).fills
    strict = judge(one, voter=Voter(UMBRELLAS, threshold=sure.confidence + 0.001))
    assert strict.uncertain
    assert strict.umbrellas == sure.umbrellas
    deaf = Voter(UMBRELLAS, weights=replace(Weights(), playlist_name=0.0))
    assert judge(one, voter=deaf).confidence < sure.confidence


# Rules

SOURCES = st.sampled_from(
    [
        ROCK_LIST,
        SOUL_LIST,
        PLAIN_LIST,
        ROCK_SEARCH,
        PEN.search('genre:"k-pop"', "K-Pop"),
        PEN.playlist("Rock, Rap & Pop", [("gym", None), ("rap gym", "Hip-Hop")]),
    ]
)
ARTISTS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3).map(tuple)
GENRES = st.sampled_from([(), (), (), ("rock",), ("pop", "dance pop"), ("comedy",)])


@st.composite
def tracks(draw: st.DrawFn) -> Evidence:
    artists = draw(ARTISTS)
    return track(
        *draw(st.lists(SOURCES, max_size=4)),
        names=draw(st.sampled_from([(), ("Daft Punk",), ("Fats Waller", "Rock Steady")])),
        name=draw(st.sampled_from(["Untitled", "Honky Tonk", "Trap Queen"])),
        artists=artists,
        genres=tuple(draw(GENRES) for _ in artists),
        album_id=draw(st.sampled_from([None, "x", "y"])),
    )


def shuffled(one: Evidence, random: Random) -> Evidence:
    """The same track with its sources and its guests in another order."""
    guests = list(zip(one.artist_ids, one.genres, strict=True))[1:]
    random.shuffle(guests)
    sources = list(one.sources)
    random.shuffle(sources)
    return replace(
        one,
        sources=tuple(sources),
        artist_ids=(one.artist_ids[0], *(artist for artist, _ in guests)),
        genres=(one.genres[0], *(genres for _, genres in guests)),
    )


@settings(max_examples=60)
@given(st.lists(tracks(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_order_does_not_matter(found: list[Evidence], random: Random) -> None:
    def verdicts(order: list[int], seen: list[Evidence]) -> list[Verdict]:
        voter = Voter(UMBRELLAS)
        for at in order:
            voter.add(seen[at])
        return [voter.verdict(each) for each in seen]

    order = list(range(len(found)))
    expected = verdicts(order, found)
    random.shuffle(order)
    assert verdicts(order, [shuffled(each, random) for each in found]) == expected


@settings(max_examples=60)
@given(st.lists(tracks(), min_size=1, max_size=8))
def test_what_a_verdict_is(found: list[Evidence]) -> None:
    voter = Voter(UMBRELLAS)
    for each in found:
        voter.add(each)
    for each in found:
        verdict = voter.verdict(each)
        weights = [weight for _, weight in verdict.umbrellas]
        assert weights == sorted(weights, reverse=True)
        assert sum(weights) <= 1.001
        assert 0 <= verdict.confidence <= 1
        assert bool(verdict.umbrellas) == (verdict.origin is not Origin.NONE)
        assert {label for label, _ in verdict.umbrellas} <= set(LABELS)
        assert set(verdict.fills) <= {label for label, _ in verdict.umbrellas}
        assert verdict.uncertain == (verdict.confidence < THRESHOLD)
        if verdict.origin not in (Origin.ARTIST_GENRES, Origin.NONE):
            assert all(weight >= MINOR_VOTE for weight in weights[1:])


@settings(max_examples=60)
@given(st.lists(SOURCES, max_size=4), st.sampled_from([ROCK_LIST, SOUL_LIST, ROCK_SEARCH]))
def test_another_vote_never_lowers_its_umbrella(sources: list[Source], more: Source) -> None:
    label = LABELS[more.votes[0][1]]
    before = dict(judge(track(*sources)).umbrellas).get(label, 0.0)
    after = dict(judge(track(*sources, more)).umbrellas).get(label, 0.0)
    assert after >= before


# Hidden genres


def rows(table: str) -> Iterator[list[str]]:
    with gzip.open(
        real_file(f"spotify/{table}.csv.gz"), "rt", encoding="utf-8", newline=""
    ) as file:
        lines = csv.reader(file)
        next(lines)
        yield from lines


@pytest.mark.realdata
def test_lists_alone_find_hidden_genres() -> None:
    """Accuracy, coverage and calibration by the names of real lists, all genres hidden."""
    genres = {one: tuple(filter(None, text.split(";"))) for one, _, text, *_ in rows("artists")}
    names = {one: name for source, one, name, *_ in rows("playlists") if source == "tidytuesday"}
    lists: defaultdict[str, set[str]] = defaultdict(set)
    for _, one, _, track_id, *_ in rows("playlist_items"):
        if one in names:
            lists[track_id].add(one)
    voter = Voter(UMBRELLAS)
    sources = {one: voter.playlist(name, []) for one, name in names.items()}
    found: list[tuple[set[str], Evidence]] = []
    for track_id, name, ids, _, _, album_id, album, *_ in rows("tracks"):
        if track_id not in lists or ids >= "4":  # about half of the artists
            continue
        artists = tuple(ids.split())
        true = UMBRELLAS.of_artists([genres.get(artist, ()) for artist in artists])
        evidence = track(
            *(sources[one] for one in lists[track_id]),
            name=name,
            album=album,
            artists=artists,
            album_id=album_id or None,
        )
        found.append(({label for label, weight in true if weight >= MINOR_VOTE}, evidence))
    for _, evidence in found:
        voter.add(evidence)
    judged = [(true, voter.verdict(evidence)) for true, evidence in found if true]
    assert len(judged) > 8_000
    voted = [(true, verdict) for true, verdict in judged if verdict.umbrellas]
    assert len(voted) > 0.9 * len(judged)
    sure = [verdict.fills[0] in true for true, verdict in voted if verdict.fills]
    assert len(sure) > 0.6 * len(judged)
    assert sum(sure) > 0.85 * len(sure)
    for low in (0.65, 0.75, 0.85):
        band = [
            (verdict.umbrellas[0][0] in true, verdict.confidence)
            for true, verdict in voted
            if low <= verdict.confidence < low + 0.1
        ]
        right = sum(each for each, _ in band) / len(band)
        assert right == pytest.approx(sum(c for _, c in band) / len(band), abs=0.07)


def test_the_evidence_of_a_track_is_small() -> None:
    """A million tracks: the counts of an artist take some 200 bytes."""
    voter = Voter(UMBRELLAS)
    tracemalloc.start()
    for number in range(5_000):
        voter.add(track(ROCK_LIST, SOUL_LIST, artists=(f"artist-{number}",)))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / 5_000 < 250


@given(found=st.lists(tracks(), min_size=2, max_size=6), data=st.data())
def test_what_is_withdrawn_was_never_counted(found: list[Evidence], data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(found) - 1))
    both, without = Voter(UMBRELLAS), Voter(UMBRELLAS)
    for at, one in enumerate(found):
        both.add(one)
        if at != gone:
            without.add(one)
    both.withdraw(found[gone])
    kept = [one for at, one in enumerate(found) if at != gone]
    assert [both.verdict(one) for one in kept] == [without.verdict(one) for one in kept]


def test_a_search_for_an_umbrella_that_the_map_lost_is_read_by_its_words() -> None:
    voter = Voter(UMBRELLAS)
    assert voter.search("heavy metal", "Gone") == voter.search("heavy metal", None)


TAGS = (("heavy metal", 700), ("thrash metal", 200), ("rock", 100))


def test_tagged_genres_are_a_vote_of_their_own() -> None:
    verdict = judge(track(tags=TAGS))
    assert verdict.umbrellas[0][0] == "Metal"
    assert verdict.origin is Origin.OPEN_TAGS
    assert judge(track(tags=(("no such genre", 1000),))).umbrellas == ()


def test_tags_and_provenance_together_are_mixed_and_surer() -> None:
    voter = Voter(UMBRELLAS)
    source = voter.playlist("Metal running", [])
    both = voter.verdict(track(source, tags=TAGS), counted=False)
    assert both.origin is Origin.MIXED
    assert both.umbrellas[0][0] == "Metal"
    alone = voter.verdict(track(tags=TAGS), counted=False)
    assert both.confidence > alone.confidence


def test_artist_genres_win_over_tags() -> None:
    verdict = judge(track(genres=(("country",),), tags=TAGS))
    assert verdict.origin is Origin.ARTIST_GENRES
    assert verdict.fills == ("Country & Americana",)


def test_tags_of_one_track_speak_for_the_artists_others() -> None:
    verdict = judge(track(name="Other"), *[track(tags=TAGS) for _ in range(4)])
    assert verdict.umbrellas[0][0] == "Metal"
    assert verdict.origin is Origin.ARTIST


def test_a_known_artist_speaks_for_their_own_tracks() -> None:
    """Of other artists whom the same words find it says what any search says."""
    term, afrobeat = 'artist:"Fela Kuti" year:1970-1979', LABELS.index("Afrobeat")
    known = PEN.search(term, "Afrobeat", known_artist=True)
    assert known.votes == ((Kind.KNOWN_ARTIST, afrobeat, 60),)
    voter = Voter(UMBRELLAS)
    own = voter.own(track(known, names=("Guest", "FÉLA KUTI")))
    assert own == {afrobeat: pytest.approx(Weights().known_artist * log(2))}
    other = voter.own(track(known, names=("Fela Kuti Tribute",)))
    assert other == voter.own(track(PEN.search(term, "Afrobeat"), names=("Fela Kuti Tribute",)))
    assert other[afrobeat] < own[afrobeat]


def test_only_a_search_that_names_an_artist_and_an_umbrella_knows_one() -> None:
    for term, umbrella in (("80s hits", "Pop"), ('artist:"A" year:1980', None)):
        plain = PEN.search(term, umbrella)
        assert PEN.search(term, umbrella, known_artist=True) == plain


def test_an_artist_of_a_thin_umbrella_becomes_sure_by_their_own_tracks() -> None:
    source = PEN.search('artist:"Surgeon" year:1990-1999', "Techno", known_artist=True)
    tracks = [track(source, name=f"Track {n}", names=("Surgeon",)) for n in "abcdef"]
    assert judge(*tracks).fills == ("Techno",)
