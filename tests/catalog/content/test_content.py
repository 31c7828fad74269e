"""What a track is, kind by kind, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runclub_spider.catalog.content import (
    ContentPolicy,
    Features,
    Label,
    Track,
    Treatment,
    Work,
    mask_of,
    of_mask,
)
from runclub_spider.catalog.content.digest import digest
from runclub_spider.catalog.content.judge import (
    by_work,
    labels_of,
    leaning,
    plainly,
    rejected_by_names,
    speaks,
    weigh,
)
from runclub_spider.catalog.content.signals import TABLE, THRESHOLDS, Says, Shows, Sign
from runclub_spider.catalog.content.words import Phrase, cut, fold, songs

SPOKEN = Features(speechiness=0.95, instrumentalness=0.0, energy=0.4, liveness=0.2)
SUNG = Features(speechiness=0.05, instrumentalness=0.0, energy=0.7, liveness=0.1)


def _labels(
    title: str,
    artist: str = "Ada Voss",
    album: str = "",
    genres: str | None = None,
    features: Features | None = None,
    lists: str = "",
    work: Work | None = None,
) -> str:
    of_artist = None if genres is None else tuple(filter(None, genres.split(", ")))
    named = tuple(filter(None, lists.split(", ")))
    track = Track(title, tuple(artist.split("; ")), album, of_artist, features, named, work)
    return " ".join(labels_of(track))


@pytest.mark.parametrize(
    "title",
    [
        "Paper Lanterns (Karaoke Version)",
        "Paper Lanterns - Karaoke",
        "Paper Lanterns (Originally Performed by Mara Quill)",
        "Paper Lanterns [In the Style of Mara Quill] [Vocal Version]",
        "Paper Lanterns (As Made Famous by Mara Quill)",
        "Paper Lanterns (made popular by Mara Quill) [backing version]",
        "Faroles de Papel (Al Estilo de Mara Quill)",
        "Papierlaternen (Im Stil von Mara Quill)",
        "Lanternes de papier (Version Karaoké)",
        "Lanternes de papier (Rendu célèbre par Mara Quill)",
        "Lanterne di carta (Versione Karaoke)",
        "Lanternas de Papel (Versão Karaokê)",
        "Lanternas de Papel (Playback)",
        "Lanterne di carta (Base Musicale)",
        "ペーパーランタン (カラオケ)",
        "종이등불 (노래방)",
    ],
)
def test_what_is_sold_to_sing_to_is_karaoke(title: str) -> None:
    assert _labels(title, "The Backing Crew") == "karaoke"


def test_an_artist_of_karaoke_needs_no_word_in_the_title() -> None:
    assert _labels("Paper Lanterns", "The Karaoke Channel") == "karaoke"
    assert _labels("Paper Lanterns", "Midnight Karaoke") == ""
    assert _labels("Paper Lanterns", "Midnight Karaoke", genres="karaoke") == "karaoke"
    assert _labels("Paper Lanterns", "Midnight Karaoke", genres="pop punk") == ""


@pytest.mark.parametrize(
    ("title", "artist", "album"),
    [
        ("Karaoke", "Ada Voss", "Karaoke"),
        ("Karaoke Night (feat. Mara Quill)", "Ada Voss", "Karaoke Night"),
        ("Sing Along", "Ada Voss", ""),
        ("Paper Lanterns (feat. The Karaoke Kings)", "Ada Voss", ""),
        ("Playback", "Ada Voss", "Playback"),
    ],
)
def test_a_song_about_karaoke_is_none(title: str, artist: str, album: str) -> None:
    assert _labels(title, artist, album) == ""


@pytest.mark.parametrize(
    ("title", "artist", "labels"),
    [
        ("Paper Lanterns (Tribute to Mara Quill)", "Studio Allstars", "tribute"),
        ("Paper Lanterns (Mara Quill Tribute Version)", "Hit Kings", "tribute"),
        ("Paper Lanterns", "The Mara Quill Tribute Band", "tribute"),
        (
            "Paper Lanterns - Tribute to Mara Quill (Instrumental)",
            "Hit Kings",
            "tribute instrumental",
        ),
        ("Faroles de Papel (Tributo a Mara Quill)", "Los Éxitos", "tribute"),
        ("Tribute", "Ada Voss", ""),
        ("Tribute to the Sea", "Ada Voss", ""),
        ("Paper Lanterns (Ada Voss Tribute)", "Ada Voss", ""),
    ],
)
def test_tributes(title: str, artist: str, labels: str) -> None:
    assert _labels(title, artist) == labels


def test_a_known_artist_on_a_tribute_album_is_no_imitation() -> None:
    album = "A Tribute to Mara Quill"
    assert _labels("Paper Lanterns", "The Copyists", album, genres="") == "tribute"
    assert _labels("Paper Lanterns", "Ada Voss", album, genres="indie rock") == ""
    assert _labels("Paper Lanterns", "Ada Voss", album) == ""


@pytest.mark.parametrize(
    ("title", "artist", "album", "labels"),
    [
        ("Paper Lanterns (Lullaby Rendition)", "Sleepy Bear", "", "rendition"),
        ("Paper Lanterns", "Rockabye Baby!", "", "rendition children"),
        ("Paper Lanterns (8-Bit Mara Quill Emulation)", "Pixel Kid", "", "rendition"),
        (
            "Paper Lanterns",
            "Northern String Quartet",
            "The Quartet Performs Mara Quill",
            "rendition",
        ),
        ("Paper Lanterns (Music Box Version)", "Tiny Gears", "", "rendition"),
        ("Papierlaternen (Spieluhr-Version)", "Tiny Gears", "", "rendition"),
        ("Faroles de Papel (Versión Canción de Cuna)", "Nubes", "", "rendition"),
        ("Whiskey Lullaby", "Ada Voss", "", ""),
        ("Music Box", "Ada Voss", "Music Box", ""),
        ("Paper Lanterns - 2018 Rendition", "Ada Voss", "", ""),
        ("String Quartet No. 4 in D: II. Andante", "Northern String Quartet", "Quartets", ""),
        ("Hitz (16bit Remix)", "Ada Voss", "", ""),
        ("Wiegenlied, Op. 49, No. 4", "Johannes Brahms", "Lieder", ""),
    ],
)
def test_renditions(title: str, artist: str, album: str, labels: str) -> None:
    assert _labels(title, artist, album) == labels


@pytest.mark.parametrize(
    ("title", "artist"),
    [
        ("Pink Noise for Babies - Loopable with No Fade", "Dream Lab"),
        ("Binaural Alpha Sinus 90 Hz - 101 Hz", "Mind States"),
        ("Heavy Rain Sounds", "Nobody"),
        ("Night in the Forest", "Nature Sounds"),
        ("Weißes Rauschen", "Traumfabrik"),
        ("Ruido Blanco para Dormir", "Sueños"),
        ("Ruído Branco", "Sonhos"),
        ("Bruit blanc pour dormir", "Rêves"),
        ("Suoni della natura", "Sogni"),
        ("Sonidos de Lluvia", "Sueños"),
        ("Regengeräusche zum Einschlafen", "Traumfabrik"),
        ("Sons da Chuva", "Sonhos"),
    ],
)
def test_noise(title: str, artist: str) -> None:
    assert _labels(title, artist) == "noise"


@pytest.mark.parametrize(
    ("title", "artist", "album", "genres"),
    [
        ("White Noise", "Ada Voss", "White Noise", None),
        ("White Noise (R3 Remix)", "Ada Voss", "", "pop dance"),
        ("Waterfalls", "Ada Voss", "", None),
        ("asmr", "Ada Voss", "", "rap"),
        ("Crush", "Ada Voss", "", "hyperpop, pink noise"),
        ("Rain", "The Crickets", "Rain", None),
        ("Prelude No. 20 - 432 Hz", "Frédéric Chopin", "", "classical, polish classical"),
        ("Jungle Sounds", "Ada Voss", "Jungle Sounds", None),
        ("Purple Rain", "Ada Voss", "", None),
        ("Sleepless", "Ada Voss", "", None),
    ],
)
def test_songs_named_after_noise(title: str, artist: str, album: str, genres: str | None) -> None:
    assert _labels(title, artist, album, genres) == ""


@pytest.mark.parametrize(
    ("title", "artist", "album"),
    [
        ("Phone Call - Skit", "Ada Voss", "Harbour"),
        ("Skit #2", "Ada Voss", "Harbour"),
        ("Cold Hands - Commentary", "Ada Voss", "Harbour (Track by Track Commentary)"),
        ("Cold Hands (Behind the Song)", "Ada Voss", "Harbour"),
        ("Manos Frías - Comentario", "Ada Voss", "Puerto"),
        ("Kapitel 7 - Das Meer", "Ida Sprecher", "Das Meer (Ungekürzt)"),
        ("Capítulo 3", "Ana Lectora", "El mar"),
        ("Chapitre 4", "Anne Lectrice", "La mer"),
        ("Capitolo 9", "Ada Lettrice", "Il mare"),
        ("Chapter 23 - An Autobiography", "Ada Voss", "Me (Unabridged)"),
        ("Airport (Jfl 2018)", "Otto Kay", ""),
        ("The Porter - Dialogue", "Ada Voss", "Harbour Soundtrack"),
    ],
)
def test_what_is_spoken(title: str, artist: str, album: str) -> None:
    assert _labels(title, artist, album) == "spoken"


def test_who_speaks_is_heard() -> None:
    assert _labels("Airport", "Otto Kay", "Himself", "comedy", SPOKEN) == "spoken"
    assert _labels("Airport", "Otto Kay", "Himself", "comedy", SUNG) == ""
    assert _labels("Airport", "Otto Kay", "Himself", "comic", SPOKEN) == ""
    crowd = Features(speechiness=0.95, liveness=0.9)
    assert _labels("Airport", "Otto Kay", "Live at the Inkwell", "", crowd) == "spoken live"
    assert (
        _labels("Hello (Introduction) - Live in Oslo", "Ada Voss", features=SPOKEN) == "spoken live"
    )
    assert _labels("Harbour (Interlude)", "Ada Voss", features=SPOKEN) == "spoken"
    assert _labels("Harbour (Interlude)", "Ada Voss", features=SUNG) == ""
    assert _labels("Cold Hands", "Ada Voss", "Harbour (Commentary)", features=SPOKEN) == "spoken"
    assert _labels("Cold Hands", "Ada Voss", "Harbour (Commentary)", features=SUNG) == ""


@pytest.mark.parametrize(
    ("title", "artist", "genres", "features"),
    [
        ("What You See", "Ada Voss", "gangster rap, hip hop", SPOKEN),
        ("Freestyle", "Ada Voss", "", SPOKEN),
        ("Cold Hands - Acapella", "Ada Voss", "rock", SPOKEN),
        ("Chapter 1", "Ada Voss", "trap", SUNG),
        ("Cold Hands // Jail - SKIT", "Ada Voss", "rap", SUNG),
        ("Cold Hands (+ Jail Skit)", "Ada Voss", "rap", SUNG),
        ("Next Episode", "Ada Voss", "hip hop", None),
        ("Stand Up", "Ada Voss", None, None),
        ("Poetry in Motion", "Ada Voss", None, None),
        ("Intro", "Ada Voss", None, None),
        ("Friday", "The Comedy of Errors", None, None),
    ],
)
def test_rap_and_songs_are_not_spoken(
    title: str, artist: str, genres: str | None, features: Features | None
) -> None:
    assert _labels(title, artist, "", genres, features) == ""


@pytest.mark.parametrize(
    "title",
    [
        "Paper Lanterns - Sped Up",
        "paper lanterns sped up",
        "Paper Lanterns (Sped-Up Version)",
        "Paper Lanterns (Nightcore)",
        "Paper Lanterns - Slowed + Reverb",
        "Paper Lanterns (Ultra Slowed)",
        "Paper Lanterns (8D Audio)",
        "Paper Lanterns [Chopped & Screwed]",
        "Faroles de Papel (Versión Acelerada)",
        "Lanternes de papier (Version ralentie)",
        "Papierlaternen (beschleunigt)",
        "Lanternas de Papel (Acelerada)",
        "Lanterne di carta (Rallentata)",
    ],
)
def test_what_was_altered(title: str) -> None:
    assert _labels(title) == "altered"


@pytest.mark.parametrize(
    ("title", "artist", "album"),
    [
        ("Speed Up", "Ada Voss", ""),
        ("Slower", "Ada Voss", ""),
        ("All Screwed Up", "Ada Voss", ""),
        ("Faster", "Faster Pussycat", "Harder . . . Faster"),
        ("Paper Lanterns", "Ada Voss", "Paper Lanterns (sped up + slowed)"),
        ("Paper Lanterns - TikTok Remix", "Ada Voss", ""),
    ],
)
def test_songs_about_speed(title: str, artist: str, album: str) -> None:
    assert _labels(title, artist, album) == ""


@pytest.mark.parametrize(
    ("title", "album", "labels"),
    [
        ("Paper Lanterns - Mixed", "", "dj_mix"),
        ("Paper Lanterns (Kojo Remix) [Mixed]", "Harbour (DJ Mix)", "dj_mix"),
        ("Paper Lanterns [ABGT451]", "", "dj_mix"),
        ("Paper Lanterns (Mix Cut)", "", "dj_mix"),
        ("Harbour - Continuous Mix", "", "dj_mix"),
        ("Paper Lanterns - Original Mix", "", ""),
        ("Paper Lanterns - Club Mix", "Harbour Remixed", ""),
        ("All Mixed Up", "Mixtape", ""),
        ("Paper Lanterns", "Harbour (Mixtape)", ""),
    ],
)
def test_mixes(title: str, album: str, labels: str) -> None:
    assert _labels(title, "Ada Voss", album) == labels


@pytest.mark.parametrize(
    ("title", "artist", "album", "genres", "labels"),
    [
        ("Paper Lanterns - Workout Remix 140 BPM", "Power Gym", "", None, "workout_cover"),
        ("Paper Lanterns", "Cardio Workout Crew", "", "workout product", "workout_cover"),
        ("Workout", "Ada Voss", "Workout", "rap", ""),
        ("Paper Lanterns", "Ada Voss", "The Ultimate Workout Collection", "rock", ""),
        ("Cold Hands", "Gym Class Heroes", "", "pop rap", ""),
    ],
)
def test_workouts(title: str, artist: str, album: str, genres: str | None, labels: str) -> None:
    assert _labels(title, artist, album, genres) == labels


@pytest.mark.parametrize(
    ("title", "genres", "labels"),
    [
        ("Cold Hands - Instrumental", "pop", "instrumental"),
        ("Cold Hands (Instrumental Version)", None, "instrumental"),
        ("Cold Hands (Inst.)", "k-pop", "instrumental"),
        ("Mains froides (Version instrumentale)", None, "instrumental"),
        ("Mani fredde (Versione strumentale)", None, "instrumental"),
        ("Kalte Hände (ohne Gesang)", None, "instrumental"),
        ("Manos frías (sin voz)", None, "instrumental"),
        ("Mãos frias (Versão Instrumental)", None, "instrumental"),
        ("Overture - Instrumental", "orchestral soundtrack", ""),
        ("Instrumental", "pop", ""),
        ("Cold Hands", "instrumental post-rock", ""),
    ],
)
def test_songs_without_their_words(title: str, genres: str | None, labels: str) -> None:
    no_voice = Features(speechiness=0.04, instrumentalness=0.93)
    assert _labels(title, genres=genres, features=no_voice) == labels


@pytest.mark.parametrize(
    ("title", "album", "labels"),
    [
        ("Cold Hands - Live", "", "live"),
        ("Cold Hands (Live in Oslo, 2004)", "", "live"),
        ("Manos Frías - En Vivo", "", "live"),
        ("Mãos Frias - Ao Vivo", "", "live"),
        ("Mani fredde (dal vivo)", "", "live"),
        ("Mains froides (en concert)", "", "live"),
        ("Cold Hands - MTV Unplugged", "", "live"),
        ("Cold Hands", "Live at the Old Mill", "live"),
        ("Cold Hands", "Harbour (Ao Vivo)", "live"),
        ("Live for Today", "Live Forever", ""),
        ("Long Live the King", "Long Live the King", ""),
        ("Alive", "Alive", ""),
        ("Cold Hands - Studio Version", "Live at the Old Mill", ""),
        ("Cold Hands (feat. DPR LIVE)", "", ""),
        ("Cold Hands", "The Complete Harbour Sessions", ""),
    ],
)
def test_concerts(title: str, album: str, labels: str) -> None:
    assert _labels(title, "Ada Voss", album) == labels


@pytest.mark.parametrize(
    ("title", "artist", "labels"),
    [
        ("Ada Voss Megamix", "Ada Voss", "medley"),
        ("Medley: Cold Hands / Warm Heart", "Ada Voss", "medley"),
        ("Cold Hands / Warm Heart / Old Shoes", "Ada Voss", "medley"),
        ("Popurrí", "Ada Voss", "medley"),
        ("Pot-Pourri: Mãos Frias", "Ada Voss", "medley"),
        ("Cold Hands x Warm Heart (Mashup)", "Ada Voss", "medley"),
        ("Cold Hands / Warm Heart", "Ada Voss", ""),
        ("Night/Day/Work/Home", "Ada Voss", ""),
        ("Cold Hands - Live in Oslo / 1975 / Remastered", "Ada Voss", "live"),
        ("The Time of My Life", "Bill Medley", ""),
        ("Hooked on a Feeling", "Ada Voss", ""),
    ],
)
def test_medleys(title: str, artist: str, labels: str) -> None:
    assert _labels(title, artist) == labels


@pytest.mark.parametrize(
    ("title", "artist", "album", "labels"),
    [
        ("Jingle Bells", "Ada Voss", "", "holiday"),
        ("Merry Christmas, Baby", "Ada Voss", "", "holiday"),
        ("Navidad en la Playa", "Ada Voss", "", "holiday"),
        ("Stille Nacht", "Ada Voss", "", "holiday"),
        ("Petit papa Noël", "Ada Voss", "", "holiday"),
        ("Buon Natale", "Ada Voss", "", "holiday"),
        ("Feliz Natal", "Ada Voss", "", "holiday"),
        ("Ave Maria", "Ada Voss", "A Christmas Album", "holiday"),
        ("Cold Hands", "Ada Voss", "Cold Hands (Sad at Christmas)", ""),
        ("Holiday", "Ada Voss", "Holiday", ""),
        ("Santa Fe", "Ada Voss", "", ""),
        ("A Long December", "Ada Voss", "", ""),
        ("Cold Hands", "Soy Christmas", "", ""),
        ("Feliz", "Ada Voss", "", ""),
    ],
)
def test_christmas(title: str, artist: str, album: str, labels: str) -> None:
    assert _labels(title, artist, album) == labels


@pytest.mark.parametrize(
    ("title", "artist", "album", "genres", "labels"),
    [
        ("The Wheels on the Bus", "Aunt Ida", "Toddler Tunes", None, "children"),
        ("Alle meine Entchen", "Tante Ida", "Kinderlieder", None, "children"),
        ("Los Pollitos Dicen", "Tía Ida", "Canciones Infantiles", None, "children"),
        ("Frère Jacques", "Tante Ida", "Comptines pour enfants", None, "children"),
        ("Ninna nanna", "Zia Ida", "Canzoni per bambini", None, "children"),
        ("A Borboleta", "Tia Ida", "Músicas Infantis", None, "children"),
        ("Cold Hands", "Aunt Ida", "", "children's music", "children"),
        ("Kids", "Ada Voss", "", "indie rock", ""),
        ("Cold Hands", "Stray Kids", "", "k-pop", ""),
        ("Children of the Sun", "Kid Rock", "", None, ""),
        ("Children's Story", "Ada Voss", "", "hip hop", ""),
    ],
)
def test_children(title: str, artist: str, album: str, genres: str | None, labels: str) -> None:
    assert _labels(title, artist, album, genres) == labels


# --- together ------------------------------------------------------------------------------------


def test_the_artists_other_tracks_decide_what_a_word_leaves_open() -> None:
    way = Work(12, {Label.KARAOKE: 12})
    assert _labels("Paper Lanterns", "Party Tyme") == ""
    assert _labels("Paper Lanterns", "Party Tyme", work=way) == "karaoke"
    assert _labels("Paper Lanterns", "Ada Voss", work=way) == ""
    assert _labels("Paper Lanterns", "Party Tyme", work=Work(2, {Label.KARAOKE: 2})) == ""


def test_lists_speak_softly() -> None:
    assert _labels("Cold Hands", lists="Christmas Hits") == ""
    assert _labels("Snowman", album="Holiday") == ""
    assert _labels("Snowman", album="Holiday", lists="Christmas Hits") == "holiday"


def test_a_verdict_tells_what_spoke() -> None:
    (verdict,) = weigh(
        Track("Paper Lanterns (Karaoke Version)", ("Ada Voss",), genres=("karaoke",))
    )
    assert verdict.label is Label.KARAOKE
    assert verdict.holds
    assert verdict.confidence == 1.0
    assert [str(each) for each in verdict.evidence] == [
        "title 'karaoke version' (+90)",
        "remark in the title 'karaoke' (+80)",
        "genre of an artist 'karaoke' (+45)",
    ]
    (verdict,) = weigh(Track("Karaoke", ("Ada Voss",)))
    assert (verdict.holds, verdict.confidence) == (False, 0.1)


def test_names_alone_reject_what_leaves_no_doubt() -> None:
    policy = ContentPolicy()
    singer = ("The Backing Crew",)
    karaoke = "Paper Lanterns (Karaoke Version)"
    assert rejected_by_names(karaoke, singer, "", policy) == (Label.KARAOKE,)
    assert rejected_by_names(karaoke, singer, "", ContentPolicy.parse("karaoke=last")) == ()
    assert rejected_by_names("Paper Lanterns - Sped Up", singer, "", policy) == ()
    assert rejected_by_names("Paper Lanterns", ("George Carlin",), "", policy) == ()
    assert plainly("Paper Lanterns - Sped Up", singer, "") == (Label.ALTERED,)


# --- the policy ----------------------------------------------------------------------------------


def test_the_default_policy() -> None:
    policy = ContentPolicy.parse("")
    assert policy == ContentPolicy()
    by_treatment = {
        treatment: [label for label in Label if policy.of(label) is treatment]
        for treatment in Treatment
    }
    assert by_treatment == {
        Treatment.REJECT: [Label.KARAOKE, Label.RENDITION, Label.NOISE, Label.SPOKEN],
        Treatment.LAST: [
            *(Label.TRIBUTE, Label.ALTERED, Label.DJ_MIX, Label.WORKOUT_COVER),
            *(Label.INSTRUMENTAL, Label.MEDLEY, Label.HOLIDAY, Label.CHILDREN),
        ],
        Treatment.KEEP: [Label.LIVE],
    }


def test_a_policy_is_read_and_the_severest_counts() -> None:
    policy = ContentPolicy.parse(" karaoke=last , live = reject,holiday=keep,")
    assert policy.severest([Label.KARAOKE, Label.LIVE]) == (Treatment.REJECT, Label.LIVE)
    assert policy.severest([Label.HOLIDAY, Label.KARAOKE]) == (Treatment.LAST, Label.KARAOKE)
    assert policy.severest([Label.HOLIDAY]) == (Treatment.KEEP, Label.HOLIDAY)
    assert policy.severest([]) == (Treatment.KEEP, None)
    assert policy.of(Label.NOISE) is Treatment.REJECT
    assert str(policy) == "karaoke=last,live=reject,holiday=keep"
    assert str(ContentPolicy()) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("karaoke", "'karaoke' is not LABEL=WORD with one of reject, last, keep"),
        ("karaoke=never", "'karaoke=never' is not LABEL=WORD"),
        ("carols=keep", "'carols' is no label; use one of karaoke, tribute"),
        ("live=keep,live=last", "live stands twice"),
    ],
)
def test_a_mistake_in_a_policy_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as error:
        ContentPolicy.parse(text)
    assert "\n" not in str(error.value)


# --- the table -----------------------------------------------------------------------------------


def test_the_table_is_sound() -> None:
    assert list(TABLE) == list(Label) == list(THRESHOLDS)
    for label, entries in TABLE.items():
        assert any(isinstance(entry, Says) and entry.points > 0 for entry in entries), label
        for entry in entries:
            assert entry.points, (label, entry)
            if isinstance(entry, Says):
                assert len(set(entry.phrases)) == len(entry.phrases), (label, entry.where)
                assert all(Phrase.of(phrase).words for phrase in entry.phrases)
    assert {
        entry.sign for entries in TABLE.values() for entry in entries if isinstance(entry, Shows)
    } == set(Sign)
    assert len(digest()) == 8


def test_names_are_cut_at_brackets_and_dashes() -> None:
    parts = cut("Cold Hands (Live) [2011 Remaster] - Karaoke")
    assert parts.base == (("cold", "hands"),)
    assert parts.remarks == (("live",), ("2011", "remaster"), ("karaoke",))
    assert cut("(I Can't) Wait").base == (("wait",),)
    assert cut("Cold (Hands").remarks == (("hands",),)
    assert cut("") == cut("()") == cut(" - ")
    assert songs("A Song / Other Song (Live / 1975) - Oslo / 1976") == (2, 2)


# --- on any text ---------------------------------------------------------------------------------

LETTERS = "abcdefgh áéñöçø ßæ αβγδ абвгд あいうえお漢字 가나다 कखग ابتث 123"
#: Of titles that deserve something, titles that do not, and neither.
SPEAKING = [
    *("Paper Lanterns (Karaoke Version)", "White Noise Rain (Loopable, No Fade)", "Skit - Live"),
    *("Feliz Navidad", "Cold Hands - Sped Up", "Kapitel 7", "Cold / Warm Hand / Old Shoes"),
    *("Tribute", "Kids", "Cold Hands"),
]
plain_words = st.lists(st.text("bcdfgkpqvwxz", min_size=6, max_size=9), min_size=1, max_size=3).map(
    " ".join
)


@given(st.text(), st.lists(st.text(), max_size=3), st.text(), st.lists(st.text(), max_size=3))
@example("\ud800 (", ["(("], " - ", ["\x00"])
@example("/" * 3000 + "(" * 3000, ["-" * 3000], ") - (" * 500, [])
def test_any_text_is_judged(title: str, artists: list[str], album: str, genres: list[str]) -> None:
    track = Track(title, tuple(artists), album, tuple(genres), SPOKEN, tuple(artists))
    assert set(labels_of(track)) <= set(Label)
    assert all(0 <= verdict.confidence <= 1 for verdict in weigh(track))


def _disguised(text: str) -> list[str]:
    """The same text as other people write it."""
    accents = str.maketrans({"a": "á", "e": "è", "i": "ï", "o": "ô", "u": "ū"})
    dashes = text.replace(" - ", " – ")
    wide = "".join(
        chr(ord(sign) + 0xFEE0) if sign.isalpha() and sign.isascii() else sign for sign in text
    )
    return [
        text.upper(),
        text.translate(accents),
        dashes,
        wide,
        text.replace("(", "[").replace(")", "]"),
    ]


@given(st.sampled_from(SPEAKING), st.sampled_from(SPEAKING), st.text(LETTERS, max_size=12))
def test_case_accents_width_and_dashes_change_nothing(title: str, album: str, artist: str) -> None:
    known = labels_of(Track(title, (artist,), album))
    for other in _disguised(title):
        assert labels_of(Track(other, (artist,), album)) == known
    for other in _disguised(album):
        assert labels_of(Track(title, (artist,), other)) == known


@given(st.sampled_from(SPEAKING), plain_words, plain_words)
def test_unrelated_words_change_nothing(title: str, words: str, more: str) -> None:
    known = labels_of(Track(title, ("Ada Voss",), ""))
    assert labels_of(Track(f"{title} ({words})", ("Ada Voss",), "")) == known
    assert labels_of(Track(title, ("Ada Voss", words), more)) == known
    assert labels_of(Track(title, ("Ada Voss",), "", (), None, (words,))) == known
    assert labels_of(Track(words, (more,), words)) == ()


@given(st.text())
@example("𝕬 ſ İ ŉ ＇ ﬁ ǰ ’ ´")
def test_folding_is_idempotent(text: str) -> None:
    once = fold(text)
    assert fold(once) == once


def test_a_mask_holds_labels_in_their_order() -> None:
    assert mask_of([]) == 0
    assert of_mask(mask_of([Label.NOISE, Label.KARAOKE, Label.NOISE])) == (
        Label.KARAOKE,
        Label.NOISE,
    )
    assert of_mask(mask_of(Label)) == tuple(Label)
    assert mask_of(Label) < 1 << 16
    assert ContentPolicy().mask(Treatment.KEEP) == mask_of([Label.LIVE])


def test_a_list_that_says_nothing_need_not_be_read() -> None:
    assert speaks("My Christmas Hits")
    assert not speaks("Morning Run 170 BPM")


WORDS_OF_ALL = st.sampled_from(
    [*SPEAKING, "Party Tyme", "Piano Covers", "Relaxing Sounds", "Comedy Central", "Little Lullaby"]
)
WORKS = st.builds(
    lambda more, plain: Work(more + max(plain.values(), default=0), plain),
    st.integers(0, 4),
    st.dictionaries(st.sampled_from(Label), st.integers(0, 6)),
)


@given(
    title=WORDS_OF_ALL,
    artist=WORDS_OF_ALL,
    album=WORDS_OF_ALL,
    genres=st.none() | st.lists(st.sampled_from(["karaoke", "comedy", "rock", "lullaby"])),
    features=st.sampled_from([None, SPOKEN, SUNG]),
    work=WORKS,
)
def test_what_is_said_before_the_other_tracks_are_known_leads_to_the_same_labels(
    title: str,
    artist: str,
    album: str,
    genres: list[str] | None,
    features: Features | None,
    work: Work,
) -> None:
    named = None if genres is None else tuple(genres)
    track = Track(title, (artist,), album, named, features)
    said = leaning(track)
    assert said.labels == labels_of(track)
    assert said.plain == plainly(title, (artist,), album)
    more = {
        label
        for label, points in said.lacks
        if by_work(label, work.tracks, work.plain.get(label, 0)) >= points
    }
    known = Track(title, (artist,), album, named, features, work=work)
    assert {*said.labels, *more} == set(labels_of(known))
