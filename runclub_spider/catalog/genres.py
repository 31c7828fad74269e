"""Genre names in one form."""


def normalise_genre(text: str) -> str:
    """Return a genre as the specification writes it: lower case, hyphen to space, "&" to "and".

    White space is collapsed and stripped as well. Idempotent: ``"R&B"`` gives ``"randb"``,
    ``"Hip-Hop  Soul"`` gives ``"hip hop soul"``.
    """
    return " ".join(text.lower().replace("-", " ").replace("&", "and").split())
