"""Makes up names of artists, songs and albums from the word lists."""

from __future__ import annotations

from random import Random

from . import vocabulary as words


def artist_name(rng: Random, language: str, label: str) -> str:
    """A name for an act of that umbrella."""
    pick = rng.random()
    first = rng.choice(words.FIRST_NAMES[language])
    last = rng.choice(words.LAST_NAMES[language])
    noun = rng.choice(words.NOUNS[language])
    adjective = rng.choice(words.ADJECTIVES[language])
    if language == "ko":
        if pick < 0.3:
            return (
                f"{noun.upper() if noun.isascii() else noun}{rng.choice(['', '7', '+', '.9', '!'])}"
            )
        if pick < 0.55:
            return f"{last} {first}"
        return f"{adjective} {noun}" if pick < 0.8 else first.upper()
    if language == "cl":
        if pick < 0.25:
            return f"{last} {rng.choice(['Quartet', 'Ensemble', 'Sinfonietta', 'Chamber Choir'])}"
        return f"{first} {last}" if pick < 0.8 else noun
    if language == "es" and pick < 0.22:
        return f"Los {noun}{'s' if noun[-1] in 'aeiou' else 'es'} de {rng.choice(words.PLACES)}"
    if language == "hi" and pick < 0.12:
        return f"{first} & {rng.choice(words.FIRST_NAMES['hi'])}"
    if label == "Jazz & Blues" and pick < 0.3:
        return f"The {last} {rng.choice(['Trio', 'Quartet', 'Quintet', 'Big Band'])}"
    if label in {"House", "Techno", "EDM", "Electronic"} and pick < 0.35:
        return rng.choice(
            [f"DJ {first}", f"{noun}{rng.randint(2, 99):02d}", f"{adjective}{noun}", noun.upper()]
        )
    if label == "Hip-Hop" and pick < 0.45:
        return rng.choice([f"Lil {noun}", f"{first} the {noun}", f"MC {first}", f"$ay {adjective}"])
    if label == "Metal" and pick < 0.4:
        return rng.choice(
            [f"{adjective} {noun}", f"Mörk {noun}", f"{noun} of {last}", f"{noun}grÿnd"]
        )
    if pick < 0.55:
        return f"{first} {last}"
    if pick < 0.7 and language == "en":
        return f"The {adjective} {noun}s"
    if pick < 0.78:
        return f"{first} {last} {'y' if language == 'es' else '&'} {_the(language)} {noun}s"
    if pick < 0.86 and language == "en":
        return f"{rng.choice(words.PLACES)} {noun} {rng.choice(words.BAND_TAILS)}"
    return f"{adjective} {noun}" if pick < 0.95 else noun


def song_title(rng: Random, language: str) -> str:
    """A bare title, without version words."""
    noun, other = rng.sample(words.NOUNS[language], 2)
    adjective = rng.choice(words.ADJECTIVES[language])
    pick = rng.random()
    if language == "cl":
        if pick < 0.55:
            form, key = rng.choice(words.FORMS), rng.choice(words.KEYS)
            mode = rng.choice(["Major", "Minor"])
            return f"{form} No. {rng.randint(1, 24)} in {key} {mode}, Op. {rng.randint(1, 99)}"
        return f"{adjective} {noun}" if pick < 0.8 else noun
    if language == "es":
        if pick < 0.3:
            return f"{noun} {adjective}"
        if pick < 0.5:
            return f"{noun} de {other}"
        if pick < 0.65:
            return f"¿Dónde Está Mi {noun}?"
        return f"{rng.choice(['Mi', 'Tu', 'Sin', 'Otra'])} {noun}" if pick < 0.9 else noun
    if language == "hi":
        if pick < 0.4:
            return f"{adjective} {noun}"
        return f"{noun} {rng.choice(['Ka', 'Ki', 'Mein', 'Se'])} {other}" if pick < 0.85 else noun
    if language == "ko":
        if pick < 0.5:
            return f"{adjective} {noun}"
        return f"{noun} ({other})" if pick < 0.75 else noun.upper()
    verb, second = rng.sample(words.VERBS, 2)
    if pick < 0.2:
        return f"{adjective} {noun}"
    if pick < 0.32:
        return f"{verb} Me {rng.choice(['Slowly', 'Tonight', 'Again', 'Twice', 'Right'])}"
    if pick < 0.44:
        return f"{noun} in the {other}"
    if pick < 0.54:
        return f"Don't {verb} the {noun}"
    if pick < 0.63:
        return f"{rng.choice(words.PLACES)} {noun}"
    if pick < 0.72:
        return f"{verb}, {second} & {rng.choice(words.VERBS)}"
    if pick < 0.8:
        return f"I {verb} Your {noun}"
    if pick < 0.88:
        return f"Who's Gonna {verb} My {noun}?"
    return noun if pick < 0.94 else f"The {noun} and the {other}"


def version_suffix(rng: Random, year: int, guest: str | None) -> str:
    """What follows a title: a guest, a remaster year, a version; usually nothing."""
    if guest is not None:
        return rng.choice([f" (feat. {guest})", f" feat. {guest}", f" (with {guest})"])
    pick = rng.random()
    if pick < 0.05 and year < 2005:
        return f" - Remastered {rng.randint(max(2003, year + 10), 2022)}"
    if pick < 0.07 and year < 2005:
        return f" - {rng.randint(2005, 2021)} Remaster"
    if pick < 0.095:
        return " - Live"
    if pick < 0.115 and year > 1978:
        return " - Radio Edit"
    if pick < 0.13:
        return " (Acoustic)"
    return " - Remix" if pick < 0.14 and year > 1980 else ""


def album_title(rng: Random, language: str, artist: str) -> str:
    """An album name; now and then the artist's own."""
    pick = rng.random()
    if pick < 0.08:
        return artist
    if pick < 0.12:
        return f"{artist}: {rng.choice(['Live at the', 'Songs from the', 'Return to the'])} " + (
            rng.choice(words.NOUNS["en"])
        )
    return song_title(rng, "en" if language == "cl" and pick < 0.3 else language)


def _the(language: str) -> str:
    return "Los" if language == "es" else "The"
