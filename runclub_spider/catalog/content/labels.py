"""The labels, and what becomes of the tracks that deserve them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Label(StrEnum):
    """What a track is beside a song by its artist; in the order in which labels are written."""

    KARAOKE = "karaoke"
    TRIBUTE = "tribute"
    RENDITION = "rendition"
    NOISE = "noise"
    SPOKEN = "spoken"
    ALTERED = "altered"
    DJ_MIX = "dj_mix"
    WORKOUT_COVER = "workout_cover"
    INSTRUMENTAL = "instrumental"
    LIVE = "live"
    MEDLEY = "medley"
    HOLIDAY = "holiday"
    CHILDREN = "children"


#: Labels by their bits: a column of 16 bits holds all labels of a track.
_BITS = {label: 1 << at for at, label in enumerate(Label)}


def mask_of(labels: Iterable[Label]) -> int:
    """Labels as the bits of a number, the first label the lowest."""
    return sum([_BITS[label] for label in set(labels)])


def of_mask(mask: int) -> tuple[Label, ...]:
    """The labels of such a number, in their order."""
    return tuple(label for label, bit in _BITS.items() if mask & bit)


class Treatment(StrEnum):
    """What a label does to a track, the severest first."""

    REJECT = "reject"
    LAST = "last"
    KEEP = "keep"


#: What nobody runs to, then what comes after every other track.
DEFAULTS: Mapping[Label, Treatment] = {
    **dict.fromkeys(Label, Treatment.LAST),
    Label.KARAOKE: Treatment.REJECT,
    Label.NOISE: Treatment.REJECT,
    Label.SPOKEN: Treatment.REJECT,
    Label.RENDITION: Treatment.REJECT,
    Label.LIVE: Treatment.KEEP,
}


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What becomes of each label; of a track with several, what the severest says."""

    treatments: tuple[tuple[Label, Treatment], ...] = tuple(DEFAULTS.items())

    @classmethod
    def parse(cls, text: str) -> ContentPolicy:
        """Read ``karaoke=reject,live=keep``; labels left out keep their default.

        Raises:
            ValueError: an unknown label or word, or a label named twice, in one line.
        """
        said: dict[Label, Treatment] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, word = (piece.strip() for piece in part.partition("="))
            if not equals or word not in list(Treatment):
                raise ValueError(f"{part!r} is not LABEL=WORD with one of {', '.join(Treatment)}")
            if name not in list(Label):
                raise ValueError(f"{name!r} is no label; use one of {', '.join(Label)}")
            if name in said:
                raise ValueError(f"{name} stands twice; name each label once")
            said[Label(name)] = Treatment(word)
        return cls(tuple({**DEFAULTS, **said}.items()))

    def __str__(self) -> str:
        """What differs from the defaults, as :meth:`parse` reads it."""
        return ",".join(f"{one}={said}" for one, said in self.treatments if said != DEFAULTS[one])

    def of(self, label: Label) -> Treatment:
        """What becomes of tracks with a label."""
        return dict(self.treatments)[label]

    def mask(self, treatment: Treatment) -> int:
        """The labels that are treated so, as :func:`mask_of` writes them."""
        return mask_of(label for label, said in self.treatments if said is treatment)

    def severest(self, labels: Iterable[Label]) -> tuple[Treatment, Label | None]:
        """What becomes of a track with these labels, and the first that says so.

        ``(Treatment.KEEP, None)`` without labels.
        """
        found = set(labels)
        for treatment in Treatment:
            for label, said in self.treatments:
                if said is treatment and label in found:
                    return treatment, label
        return Treatment.KEEP, None
