"""Genre names in one form."""

import unicodedata


def normalise_genre(text: str) -> str:
    """Return a genre as the specification writes it: lower case, hyphen to space, "&" to "and".

    White space is collapsed and stripped as well. Idempotent: ``"R&B"`` gives ``"randb"``,
    ``"Hip-Hop  Soul"`` gives ``"hip hop soul"``.
    """
    lower = text.lower().replace("-", " ").replace("&", "and")
    # A small letter may have a composed form with its accent where the capital has none.
    return " ".join((lower if lower.isascii() else unicodedata.normalize("NFC", lower)).split())
