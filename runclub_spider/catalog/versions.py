"""Song titles read into a title, the version, and the guests; when two tracks are one song twice.

A title says what the song is called and, after a dash or in brackets, which recording of it this
is. Here the two are told apart, and what is left decides equality. The rule is careful: whatever
is not known to be mere wording stays in the key, so an unknown remark keeps two tracks apart.

What makes another version (the words are kept as a tag):

- remix, mix, edit, radio edit, extended, dub, mash-up: another arrangement. A radio edit is kept
  apart from the unmarked track even at the same length; nothing but the length would say that
  the unmarked one is that edit.
- live, session, unplugged, acoustic, stripped, demo, take, rehearsal: another performance. The
  place and the date count: two concerts are two recordings.
- interlude, reprise, introduction, prologue, epilogue, commentary: what stands beside the song.
- instrumental, a cappella, karaoke, cover and tribute: another singer or none. *Whose* song a
  karaoke or tribute track covers counts too, for titles are shared.
- re-recorded, "Taylor's Version": sung again.
- remaster, with its year: another master. Masters of two years sound measurably apart; a remaster
  without a year names none of them and equals only its like.
- mono, stereo, single version, 7" and 12", EP version: another mix or cut.
- clean, edited, censored: an explicit filter must not lose the version that passes it.
- sped up, slowed, reverb, and a language ("Spanish Version"): another sound, other words.
- part and volume: in the title itself, spelt in one way ("Pt. II" is "part 2").

What does not: album and LP version, original version, original mix, main, explicit, bonus track,
deluxe edition, a vinyl, and the film, series or game a song is from. These tell an edition from
another one, or the recording that everyone knows from its remixes. Where the title is but "Main
Theme", the film *is* the title and stays. Nor do a producer, a bracket that names nobody but the
artists and one that says the title again.

Guests count, wherever and in whatever language they are named: `feat. Y` in the title and `Y`
among the artists are the same statement, so both are put together; a track without the guest is
another one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

#: Changes whenever words get another key here or in `matching`: then stored keys are made anew.
KEY_RULES = "2"
#: Soft duplicates differ by at most this: fades and encoders move an end, edits move it further.
SOFT_DURATION_MS = 2000

#: Characters of a title or a name that are read; KEXP's texts have as many.
MOST_READ = 2_000

#: Segments and artist names remembered, for they repeat; titles do not. Some 30 MB when full.
_SEGMENTS, _ARTISTS = 16_384, 65_536


@dataclass(frozen=True, slots=True)
class Version:
    """A title taken apart, all in normal form: lower case, no accents, no punctuation.

    `base` is the song; `tags` are the remarks that make another recording of it, sorted
    (``("2011 remaster", "mono")``); `featured` are the guests as the title names them.
    """

    base: str
    tags: tuple[str, ...]
    featured: tuple[str, ...]


def describe(name: str, people: Set[str] = frozenset()) -> Version:
    """Read a title. An empty base means that there is nothing in it to compare.

    Args:
        name: The title.
        people: The words of its artists, if known (:func:`artist_words`). A bracket that names
            nobody else is no part of the title.
    """
    base, tags, featured = _read(name, people)
    return Version(base, tuple(sorted(set(tags))), tuple(featured))


def soft_key(name: str, artists: Sequence[str]) -> str:
    """The key that soft duplicates share; "" when the track cannot be compared.

    Args:
        name: The title as the API serves it.
        artists: Artist names, primary first. With the guests of the title they are one set of
            words, so neither order nor spelling as "A & B" or "A", "B" matters: one title in one
            version at one length by the same people is one recording, whoever is billed first.

    Returns:
        Words of the people, title, version words, joined by "|". Empty for a title without any
        sign, for tracks of nobody in particular (Various Artists), and for titles that name a
        place on an album and not a song (Intro, Interlude, Track 3): those are alike by habit.
    """
    people: set[str] = set()
    for artist in artists:
        people |= artist_words(artist)
    base, tags, featured = _read(name, people)
    if not people or not base or base in _NO_SONG or _TRACK_NUMBER.fullmatch(base):
        return ""
    version: set[str] = set()
    for guests in featured:
        people |= artist_words(guests)
    if tags:
        version.update(" ".join(tags).split())
        version = version - _FILLERS or version
        # A remixer is often listed as an artist; the tag has named them already.
        people = people - version or people
    return f"{' '.join(sorted(people))}|{_joined(base)}|{' '.join(sorted(version))}"


@lru_cache(_ARTISTS)
def artist_words(name: str) -> frozenset[str]:
    """The words of an artist's name, or of a line of credit that names several people.

    Case, accents, punctuation, order, "the" and what links names ("&", "x", "feat.") do not
    count; letters drawn as signs are read (P!nk, Ke$ha). Empty for a name of nobody: "Various
    Artists".
    """
    text = _fold(name[:MOST_READ])
    words = _words(_INNER_MARK.sub("i", text) if "!" in text else text) or _signs(text)
    said = frozenset(words.split())
    return frozenset() if words in _NOBODY else said - _LINKS or said


def names_an_ensemble(words: Set[str]) -> bool:
    """Whether names tell of an orchestra, a choir or the like; "his orchestra" does not."""
    return words.isdisjoint(_OWN) and any(_ENSEMBLE.fullmatch(word) for word in words)


def _joined(words: str) -> str:
    """Without the spaces: "hip hop" is "hiphop". Between digits they stay: "1 1" is not "11"."""
    joined = words.replace(" ", "")
    return joined if joined.isalpha() else _JOINT.sub("", words)


# --- letters -------------------------------------------------------------------------------------

_ALIKE = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹘－", "-"),
        **dict.fromkeys("’‘‛`´ʼʹ′＇", "'"),
        **dict.fromkeys("“”„‟″＂«»", '"'),
        **dict.fromkeys("【〔［〖", "["),
        **dict.fromkeys("】〕］〗", "]"),
        # Letters that have no decomposition.
        **dict.fromkeys("øØ", "o"),
        **dict.fromkeys("łŁ", "l"),
        **dict.fromkeys("đĐðÐ", "d"),
        **dict.fromkeys("æÆ", "ae"),
        **dict.fromkeys("œŒ", "oe"),
        **dict.fromkeys("þÞ", "th"),
        "ı": "i",
        "×": "x",
        "♯": "#",
        "♭": " flat ",
    }
)
# To look for one is quicker than to look each letter up, and few names have any.
_ANY_ALIKE = re.compile(f"[{re.escape(''.join(map(chr, _ALIKE)))}]")
#: Accents of the Latin, Greek and Cyrillic scripts. Marks of other scripts are letters: the
#: vowels of Hindi and Thai, the voicing of kana.
_ACCENTS = re.compile("[\u0300-\u036f]+")
_DOLLAR = re.compile(r"(?<=[^\W\d_])\$|\$(?=[^\W\d_])")
_INNER_MARK = re.compile(r"(?<=\w)!(?=\w)")


def _fold(text: str) -> str:
    """One case, one width, no accents; punctuation is still there."""
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFKD", _alike(text)).casefold()
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
        text = _alike(unicodedata.normalize("NFC", text))
    return _DOLLAR.sub("s", text) if "$" in text else text


def _alike(text: str) -> str:
    return text if _ANY_ALIKE.search(text) is None else text.translate(_ALIKE)


class _Letters(dict[int, str | None]):
    """For `str.translate`: letters, digits and marks stay, what joins goes, the rest is a space."""

    def __missing__(self, point: int) -> str | None:
        sign = chr(point)
        category = unicodedata.category(sign)
        kept = sign if category[0] in "LNM" else None if category == "Cf" else " "
        return self.setdefault(point, kept)


# An underscore is written on purpose: "Infinite_Content" is not "Infinite Content".
_LETTERS = _Letters(
    {ord("'"): None, ord("`"): None, ord("."): None, ord("&"): " and ", ord("_"): "_"}
)
#: Signs that take a title apart.
_FRAME = dict.fromkeys(map(ord, "-()[]{}"))
_SHARP = re.compile(r"\b([a-g])#")
_DECIMAL = re.compile(r"(?<=\d)[.'](?=\d)")
_PLUS = re.compile(r"(?<=\s)\+(?=\s)")
_N = re.compile(r"(?<= )n(?= )")
_PART = re.compile(
    r"\b(?:(?P<part>pts?|parts?)|vols?|volumes?) ?"
    r"(?P<number>\d+|[ivx]+|one|two|three|four|five|six|seven|eight|nine|ten)\b"
)
_NUMBERS = {
    word: str(number)
    for words in (
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"),
    )
    for number, word in enumerate(words, 1)
}


def _words(text: str) -> str:
    """Folded text as words with single spaces between; "&", "+" and "'n'" are "and"."""
    if "#" in text:
        text = _SHARP.sub(r"\1 sharp ", text)
    if "." in text or "'" in text:
        text = _DECIMAL.sub(" ", text)
    if "+" in text:
        text = _PLUS.sub("and", text)
    return _spelt(" ".join(text.translate(_LETTERS).split()))


def _spelt(words: str) -> str:
    """One spelling for "'n'" and for the numbers of parts and volumes."""
    if " n " in words:
        words = _N.sub("and", words)
    if "pt" in words or "part" in words or "vol" in words:
        words = _PART.sub(_numbered, words)
    return words


def _numbered(found: re.Match[str]) -> str:
    number = found["number"]
    return f"{'part' if found['part'] else 'volume'} {_NUMBERS.get(number, number)}"


def _signs(text: str) -> str:
    """What stands for a title or name without a letter: its signs, if need be the dashes too."""
    signs = "".join(text.split())
    return signs.translate(_FRAME) or signs


# --- titles --------------------------------------------------------------------------------------

#: Without one of these a title is nothing but a title; most are.
# Each begins with a letter or sign, for which a title is searched in a third of the time.
_MARKED = re.compile(r"[(\[{}\])]|-(?:\s|$|(?<=\s-))|f(?<=\bf)(?:eat|t\b)")
# A run of spaces or dashes is looked at from its start only: it is as long as somebody likes.
_CUT = re.compile(r"((?<!\s)\s++-++\s*+|(?<!-)-++(?:\s++|$)|[()\[\]{}])")
#: "10 ft." are feet.
_FEATURING = re.compile(r"(?<!\d)(?<!\d )\b(?:feat|ft|featuring)\b\.?\s*+(?=\S)(?!of\b)")
_ARTICLE = re.compile(r"^(?:the )+(?=.)")
#: "runnin'" and "running"; short words are left, for "sin" is not "sing".
_DROPPED_G = re.compile(r"(?<=\w\w\win)g\b")
#: Spaces do not count between letters ("hip hop", "hiphop"), between digits they do.
_JOINT = re.compile(r"(?<!\d) | (?!\d)")
#: What stands between the names in a line of credit.
_NAMES = re.compile(r"\s*[,&+/]\s*|\s(?:x|vs\.?|and)\s")
_LINKS = frozenset({"and", "the", "x", "with", "feat", "ft", "featuring", "vs"})
_NO_SONG = frozenset(
    {
        "untitled",
        "intro",
        "outro",
        "interlude",
        "skit",
        "hidden track",
        "bonus track",
    }
)
_TRACK_NUMBER = re.compile(r"(?:audio )?track \d+")
#: Titles that are one only together with the film they are from.
_GENERIC = re.compile(
    r"(?:the )?(?:(?:main|love|end|ending|opening|closing|title|battle|boss|final|victory|game"
    r"|staff|world|overworld) )*"
    r"(?:themes?|titles?|credits|overture|prologue|epilogue|suite|finale|prelude|opening|ending"
    r"|intro|introduction|battle|boss|overworld|menu|screen|fanfare|roll|over"
    r"|generique|ouverture|obertura|tema(?: principale?)?|theme principal|sigla|vorspann|abspann"
    r"|hauptthema|titelmelodie)(?: \d+)?"
    r"|(?:title|theme|opening|ending) (?:song|track)"
)


def _read(name: str, people: Set[str]) -> tuple[str, list[str], list[str]]:
    """Base, tags and guests of a title, as `Version` has them, unsorted."""
    text = _fold(name[:MOST_READ])
    if _MARKED.search(text) is None:
        return _title(_words(text) or _signs(text)), [], []
    base: list[str] = []
    heads: list[str] = []
    tags: list[str] = []
    featured: list[str] = []
    sources: list[str] = []
    quoting = False
    pieces = _CUT.split(text)
    for at in range(0, len(pieces), 2):
        piece = pieces[at].strip()
        if not piece:
            continue
        # What follows a closed bracket is the title again: "(Only) Words".
        if not at or pieces[at - 1] in ")]}":
            found = _FEATURING.search(piece)
            if found is not None and (found.start() or base):
                featured.append(_words(piece[found.end() :]))
                piece = piece[: found.start()]
            heads.append(piece)
            base.append(_words(piece))
            continue
        dash = "-" in pieces[at - 1]
        if dash and quoting:
            # Inside the name of a work: From "A Film - Part One".
            quoting = piece.count('"') % 2 == 0
            continue
        segment = _segment(piece)
        if segment.unknown and _is_credit(piece, people):
            featured.append(_words(piece))
        elif f" {_words(piece)} " not in f" {' '.join(base)} ":
            # After a version, a further dash tells more of it: "Live at … - December 2003".
            # What repeats the title says nothing: "All Night Long (All Night)".
            (tags if dash and tags else base).extend(segment.unknown)
        tags.extend(segment.tags)
        featured.extend(segment.featured)
        sources.extend(segment.sources)
        quoting = (
            bool(segment.sources)
            and piece.count('"') % 2 == 1
            and any('"' in later for later in pieces[at + 1 :])
        )
    title = _spelt(" ".join(filter(None, base)))
    if not title:
        title = "".join("".join(heads).translate(_FRAME).split())
    if sources and (not title or _GENERIC.fullmatch(title)):
        title = " ".join((title, *sources)).strip()
    if not title:
        # Nothing but remarks: then they are the title.
        return _title(_words(text) or _signs(text)), [], []
    return _title(title), tags, [guests for guests in featured if guests]


def _is_credit(remark: str, people: Set[str]) -> bool:
    """Whether a remark is a line of credit: it names the artists alone, or one of them first.

    A name of one word is told from a word of the title only where it is all the artists' name.
    """
    names = [set(_words(name).split()) - _LINKS for name in _NAMES.split(remark)]
    if set().union(*names) <= people:
        return any(names)
    known = [name for name in names if name and name <= people]
    return len(names) > 1 and any(len(name) > 1 or name == people for name in known)


def _title(words: str) -> str:
    """Spellings that differ between editions of one song, made one."""
    if words.startswith("the "):
        words = _ARTICLE.sub("", words)
    return _DROPPED_G.sub("", words) if "ing" in words else words


# --- names of nobody ----------------------------------------------------------------------------

#: What a sleeve says where it names no artist, in the languages of the charts.
_NO_ARTIST = (
    "Various Artists|Various|VA|V A|Unknown Artist|Unknown"
    "|Varios Artistas|Artistas Varios|Varios|Varios Intérpretes|Diversos Artistas"
    "|Artista Desconocido"
    "|Vários Artistas|Vários Intérpretes|Vários|Diversos|Artistas Diversos"
    "|Artistes Variats|Diversos Artistes|Artisti Vari|Vari Artisti|AA.VV.|AA VV|Artisti Diversi"
    "|Interpreti Vari|Artista Sconosciuto"
    "|Artistes Divers|Divers Artistes|Divers|Divers Interprètes|Multi-interprètes"
    "|Multi-Artistes|Interprètes Divers|Compilation|Artistes Variés|Artiste Inconnu"
    "|Verschiedene Interpreten|Verschiedene Künstler|Verschiedene|Diverse Interpreten"
    "|Diverse Künstler|Div. Interpreten|Unbekannter Künstler|Unbekannt"
    "|Diverse|Diverse Artiesten|Verschillende Artiesten|Verschillende Uitvoerders"
    "|Diverse Artister|Blandade Artister|Diverse Kunstnere|Ymse Artister|Eri Esittäjiä"
    "|Eri Artisteja|Ýmsir Listamenn|Erinevad Esitajad|Dažādi Izpildītāji|Įvairūs Atlikėjai"
    "|Różni Wykonawcy|Różni Artyści|Różni|Různí Interpreti|Různí Umělci|Rôzni Interpreti"
    "|Különböző Előadók|Vegyes Előadók|Diverși Artiști|Artiști Diverși|Razni Izvođači"
    "|Različni Izvajalci|Çeşitli Sanatçılar|Berbagai Artis|Pelbagai Artis|Nhiều Nghệ Sĩ"
    "|Разные исполнители|Различные исполнители|Разные артисты|Различные артисты"
    "|Неизвестный исполнитель|Різні виконавці|Разни изпълнители|Разни извођачи"
    "|Διάφοροι Καλλιτέχνες|Διάφοροι|אמנים שונים|فنانين متنوعين|فنانون متنوعون"
    "|ヴァリアス・アーティスト|ヴァリアス・アーティスツ|V.A|オムニバス|群星|合輯|合辑|华语群星"
    "|여러 아티스트|다양한 아티스트|옴니버스"
)
_NOBODY = frozenset(_words(_fold(name)) for name in _NO_ARTIST.split("|"))


# --- remarks -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Segment:
    """What a remark after a dash or in brackets says."""

    unknown: tuple[str, ...]
    tags: tuple[str, ...]
    featured: tuple[str, ...]
    sources: tuple[str, ...]


_INCH = re.compile(r"\b(7|10|12)\s*(?:\"|'')")
_TITLE_FROM = re.compile(r"\b(titles?|themes?|credits)\s*/\s*(?=from\b)")
_PARTS = re.compile(r"\s*[;/]\s*")
_MIXED = re.compile(r"\s*[;/]\s*|:\s+(?=[^:;/]*\b(?:(?:re)?mix|edit)$)")
_QUOTED = re.compile(r'"[^"]+"')
#: "from" and a work. From a place is a performance; the vault holds what was left out.
_SOURCE = re.compile(
    r"(?:(?:the|original|main|love|end|title|opening|official|taken|inspired|by|and"
    r"|music|songs?|score|themes?|titles?|credits) )*"
    r"(?:from|(?:as )?(?:heard|featured) in)"
    r"(?! (?:\w+ )?(?:vaults?|basement|bedroom|bathroom|room|kitchen|couch|garden|rooftop|garage"
    r"|barn|house|home|quarantine|isolation|studios?|archives?|stage|road|tour|radio|concert"
    r"|festival)\b)"
    r" (?:the )?(?:original )?(?:(?:motion picture|film|movie|musical|series|game) )?"
    r"(?P<work>.+?)(?: (?:original )?(?:motion picture )?(?:soundtrack|score))?(?: version)?"
)
_SOUNDTRACK = re.compile(
    r"(?:(?P<work>.+) )?(?:original )?(?:motion picture |television |film |movie |tv )?"
    r"(?:soundtrack|ost)(?: version| album)?"
)
_IN_SOURCES = frozenset({"from", "in", "soundtrack", "ost"})
#: "from" in other languages; only with the work in quotation marks, for "de" and "aus" say more.
_FROM_WORK = re.compile(
    r"(?:tire |tire e |tratto |extraido )?"
    r"(?:de|del|dela|do|da|dal|dalla|du|aus|fra|fran|uit)(?: \w+){0,2}? (?P<work>\".+\")"
)
_SAME_RECORDING = re.compile(
    r"(?:(?:original|full|full length|us|main|explicit|dirty) )*(?:album|lp)(?: version)?"
    r"|original(?: (?:version|recording|mix))?"
    r"|main(?: version)?"
    r"|(?:explicit|dirty|uncensored)(?: (?:version|lyrics|content|audio))?"
    r"|(?:(?:japan|japanese|european|uk|us|digital|itunes|exclusive|vinyl|cd) )?"
    r"bonus(?: track)?(?: version)?|hidden track|non album(?: track)?|b side"
    r"|(?:super )?deluxe(?: (?:edition|version|album))?|standard(?: (?:edition|version))?"
    r"|(?:expanded|special|limited|collectors|platinum|international) (?:edition|album)"
    r"|(?:official )?(?:music |lyrics? )?(?:audio|video|visuali[sz]er)|official|lyrics? video"
    r"|new single|studio version|vinyl(?: (?:edition|version))?"
    r"|(?:original )?(?:motion picture )?score"
)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_VERSION_WORDS = _listed(
    "remix remixed remixes mix mixes mixed edit edits edited version remaster master mono stereo"
    " acoustic instrumental instrumentals karaoke backing demo demos session sessions"
    " unplugged dub rework reworked bootleg mashup orchestral symphonic acapella commentary"
    " rerecorded recorded recording rehearsal rehearsals outtake extended stripped slowed spedup"
    " nightcore reverb 8d vip flip refix remake reimagined rearranged revisited redux arranged arr"
    " performance tribute cover alternate alternative early rough clean censored amended"
    " unreleased"
)
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_VERSION = re.compile(
    r"^live\b|^from\b|\blive$|\blive (?:at|from|in|on)\b|\bfull length\b"
    r"|^(?:single|radio|club|loop|take \d+|reprise|medley|freestyle)$"
    r"|^(?:interlude|intro|outro|skit|introduction|prologue|epilogue)(?: \d+)?$"
    r"|\b(?:originally performed|made famous|in the style of|anniversary edition)\b"
    rf"|^[\d ]+$|^(?:\d+(?:st|nd|rd|th)? )?(?:{_MONTHS})\b.*\d$"
)
_SYNONYMS = {
    "rmx": "remix",
    "inst": "instrumental",
    "acappella": "acapella",
    "rerecording": "rerecorded",
    **dict.fromkeys(_listed("ver vers versao versie versione"), "version"),
    **dict.fromkeys(_listed("acustico acustica acoustique akustik"), "acoustic"),
    **dict.fromkeys(
        _listed("remastered remastering remasterizado remasterizada remasterise remasterizzato"),
        "remaster",
    ),
}
_PHRASES = re.compile(
    r"\b(?:"
    r"(?P<live>(?:en|ao|dal|al) vivo|en directo|en concierto)"
    r"|(?P<rerecorded>(?:re|new) record(?:ed|ing))"
    r"|(?P<spedup>(?:sped|speed) up)"
    r"|(?P<slowed>slowed down)"
    r"|(?P<acapella>a cap?pella)"
    r"|(?P<remaster>(?:digital(?:ly)? )?remaster(?: edition)?)"
    r"|(?P<radio_edit>radio (?:version|cut))"
    r"|(?P<remix>re mix)"
    r")\b"
)
#: A phrase has one of these.
_IN_PHRASES = _listed("vivo directo concierto re new up down cappella capella remaster radio")
#: Words of a tag that say nothing once there are others.
_FILLERS = frozenset({"version", "the", "and", "original"})
_BETWEEN = frozenset({"x", "vs"})
_KINDS = _VERSION_WORDS - _FILLERS | {"live"}
_YEAR_LAST = re.compile(r"^remaster (\d{4})$")


#: "with" in the languages of titles, at the start of a remark; "part. II" is a part.
_WITH = re.compile(
    r"(?:(?:duet|duo|dueto|duett|duetto|en duo|a duo|junto) )?"
    r"(?:(?P<english>with\b|[wf]/)|(?:con|avec|mit|med|met|com)\b|junto a\b"
    r"|(?:part\.|partic\.|participa[ct]\w*\b(?: especial\b)?(?: d[aeo]\b)?)"
    r"(?!\s*(?:\d|[a-z]\b|[ivx]+\b|one\b|two\b|three\b)))\s*+(?=\S)"
)
#: After such a "with" the title goes on: "with my heart", "con la luna". A guest of whom an article
#: is part of the name is known where it is among the artists.
_GOES_ON = _listed(
    "a all an her his it love me my no our that their this u us you your lyrics rap vocals words"
)
_GOES_ON_ELSEWHERE = _listed(
    # Spanish, Italian and Portuguese
    "al amor amore as calma carinho che chi el ela ele ella ellas ellos gli i il l la las le lei"
    " li lo los lui meu mi mia mil minha mio mis nessuno noi nosotros o os quem que quien seu su"
    " sua suo sus te teu ti todas todo todos tu tua tudo tuo tus tutti tutto um uma un una uno"
    " usted vida voce voces voi vos"
    # French
    " amour des du elle elles eux les ma mes moi mon nous sa ses son ta tes toi ton tout toute une"
    " vous"
    # German
    " allem das dem den der die dir ein eine einem einen einer euch ihm ihnen ihr liebe mein meine"
    " meinem meinen meiner mir uns viel"
    # Swedish, Norwegian, Danish and Dutch
    " alla alle de deg dej det dig din dine ditt een en et ett ham han henne het jer jou jouw"
    " karlek meg mej mig mij mijn min mine mitt oss"
)
#: With one of these it is another performance.
_ENSEMBLE = re.compile(
    r"orchest\w*|orquest\w*|orkest\w*|sympho\w*|sinfoni\w*|philharmoni\w*|filarm\w*"
    r"|choirs?|chorus|choeurs?|coros?|chor|ensemble|quartett?o?|strings"
)
_OWN = frozenset({"his", "her", "their"})
_PRODUCED = re.compile(
    r"[,;/&]?\s*+\b(?:co-?\s?)?prod"
    r"(?:\.|\b|uced\b|uzid[oa]\b|ucid[oa]\b|uit\b|uziert\b|ott[oa]\b)\s*+(?=\S)"
)


@lru_cache(_SEGMENTS)
def _segment(text: str) -> _Segment:
    """Judge one remark, folded and without its brackets; pure, and remembered."""
    featured: list[str] = []
    unknown: list[str] = []
    tags: list[str] = []
    sources: list[str] = []
    found = _FEATURING.search(text)
    if found is not None:
        featured.append(_guests(text[found.end() :]))
        text = text[: found.start()].strip()
    if (named := _WITH.match(text)) is not None:
        guests = _guests(text[named.end() :])
        goes_on = _GOES_ON if named["english"] else _GOES_ON_ELSEWHERE
        if guests and guests.split()[0] not in goes_on:
            featured.append(guests)
            text = ""
    elif _PRODUCED.match(text) and _VERSION_WORDS.isdisjoint(_words(text).split()):
        text = ""
    if '"' in text or "''" in text:
        text = _INCH.sub(r"\1 inch ", text)
        if (work := _FROM_WORK.fullmatch(text)) is not None:
            text = f"from {work['work']}"
    if "from" in text:
        text = _TITLE_FROM.sub(r"\1 ", text)
    for part in (_PARTS if '"' in text or "from" in text else _MIXED).split(text):
        words, said = _remark(part)
        if not words or _SAME_RECORDING.fullmatch(words):
            continue
        source = None
        # From a film, but "acoustic": then it is another version.
        if said & _IN_SOURCES and not said & _KINDS:
            source = _SOURCE.fullmatch(words) or _SOUNDTRACK.fullmatch(words)
        if source is not None:
            sources.append(source["work"] or "")
        elif (
            _QUOTED.fullmatch(part)
            and said.isdisjoint(_VERSION_WORDS)
            and not _VERSION.search(words)
        ):
            # The work without "from", or the title in another language.
            sources.append(words)
        elif said & _VERSION_WORDS or _VERSION.search(words):
            tags.append(_tag(words))
        elif found is not None:
            # "(Y feat. Z)": guests on both sides.
            featured.append(words)
        else:
            # After a version, it tells more of it: "Live at … / 25th June".
            (tags if tags else unknown).append(words)
    return _Segment(tuple(unknown), tuple(tags), tuple(featured), tuple(sources))


def _guests(text: str) -> str:
    """The words of who is named, without a producer named behind them."""
    produced = _PRODUCED.search(text)
    return _words(text if produced is None else text[: produced.start()])


def _tag(words: str) -> str:
    """A tag in short: "live version" is "live"; "spanish version" has nothing to drop."""
    said = words.split()
    short = [
        word
        for at, word in enumerate(said)
        # Between names it links them.
        if word not in _FILLERS and not (word in _BETWEEN and 0 < at < len(said) - 1)
    ]
    return _YEAR_LAST.sub(r"\1 remaster", " ".join(short)) if _KINDS & set(short) else words


def _remark(text: str) -> tuple[str, set[str]]:
    """A remark with one name for one thing in all languages, and the set of its words."""
    words = [_SYNONYMS.get(word, word) for word in _words(text).split()]
    if not _IN_PHRASES.isdisjoint(words):
        spelt = _PHRASES.sub(lambda found: str(found.lastgroup).replace("_", " "), " ".join(words))
        words = spelt.split()
    return " ".join(words), set(words)
