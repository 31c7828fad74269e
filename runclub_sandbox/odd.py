"""Rows as odd as the world's: the catalogue of damages, and which object gets which.

The catalogue is pure: a mutation takes a row and gives a damaged copy. What JSON itself cannot
say (``NaN``, a lone surrogate, 2**70) stands in the copy as a piece of text that
``orjson.dumps`` writes out as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from .world import hashed

Path = tuple[str | int, ...]
Kind = tuple[str, str]
Change = Callable[[Any], Any]

#: The fault's name.
ODD = "odd"
DEEP = 1000
#: The field is taken out.
_MISSING = object()


def _raw(text: str) -> orjson.Fragment:
    return orjson.Fragment(text.encode())


def _to(value: Any) -> Change:
    return lambda _: value


def _with(text: str) -> Change:
    """A text with something in its middle."""
    return lambda old: f"{old[: len(old) // 2]}{text}{old[len(old) // 2 :]}"


def _surrogate(old: str) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(old)[:-1] + b'\\ud800"')


def _twice(old: Any) -> Any:
    return [*old[:1], *old]


#: What may befall a field, by what the field is. The names are what ``/__odd`` shows.
OF_FIELDS: Mapping[str, Mapping[str, Change]] = {
    "id": {
        "id: no pattern": _to("abc"),
        "id: a path": _to("../me/player?x="),
        "id: a fragment": _to("?#frag"),
        "id: blanks": _to("a b"),
        "id: line feed": lambda old: f"{old}\n",
        "id: NUL": lambda old: f"{old}"[:-1] + "\x00",
        "id: foreign digits": lambda old: f"{old}"[:-1] + "４",
        "id: 2,500 letters": _to("a" * 2500),
        "id: empty": _to(""),
        "id: null": _to(None),
        "id: a number": _to(12345),
        "id: a list": lambda old: [old],
        "id: missing": _to(_MISSING),
    },
    "number": {
        "number: NaN": _to(_raw("NaN")),
        "number: Infinity": _to(_raw("Infinity")),
        "number: -Infinity": _to(_raw("-Infinity")),
        "number: 1e999": _to(_raw("1e999")),
        "number: 'NaN'": _to("NaN"),
        "number: 'Infinity'": _to("Infinity"),
        "number: '1e999'": _to("1e999"),
        "number: -1": _to(-1),
        "number: 2**31": _to(2**31),
        "number: 2**63": _to(2**63),
        "number: 2**70": _to(_raw(str(2**70))),
        "number: -2**70": _to(_raw(str(-(2**70)))),
        "number: 5,000 digits": _to(_raw("9" * 5000)),
        "number: whole float": float,
        "number: half": lambda old: old + 0.5,
        "number: true": _to(True),
        "number: a text": str,
        "number: words": _to("about three"),
        "number: null": _to(None),
        "number: a list": lambda old: [old],
        "number: an object": lambda old: {"value": old},
    },
    "text": {
        "text: NUL": _with("\x00"),
        "text: BEL": _with("\x07"),
        "text: C1": _with("\x9b31m"),
        "text: CSI": _with("\x1b[2J\x1b[31m"),
        "text: OSC title": _with("\x1b]0;owned\x07"),
        "text: OSC link": _with("\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\"),
        "text: turned around": _with("\u202e"),
        "text: format characters": _with("\u200b\u2066\ufeff\u00ad"),
        "text: line separators": _with("\u2028\u2029\x85"),
        "text: CR LF": _with("\r\n"),
        "text: lone surrogate": _surrogate,
        "text: non-characters": _with("\uffff\ufdd0"),
        "text: 40 kB": lambda old: old + "x" * 40_000,
        "text: 40 kB of dashes": lambda old: f"{old} (a) a{'-' * 40_000}…x",
        "text: 40 kB of marks": lambda old: old + "\u0301\u0323" * 10_000,
        "text: 17 MB": lambda old: old + "x" * (17 << 20),
        "text: empty": _to(""),
        "text: blanks": _to(" \u3000\t"),
        "text: formula": _to("=cmd|' /C calc'!A0"),
        "text: formula of a link": _to('=HYPERLINK("http://evil.example","here")'),
        "text: formula with -": _to("-2+3"),
        "text: formula with +": _to("+2+3"),
        "text: formula with @": _to("@SUM(1)"),
        "text: formula with a tab": _to("\t=1+1"),
        "text: HTML": _to("<script>alert(1)</script>"),
        "text: HTML attribute": _to('"><img src=x onerror=alert(1)>'),
        "text: template": _to("{{7*7}}${7*7}%s"),
        "text: null": _to(None),
        "text: a number": _to(17),
        "text: a list": lambda old: [old],
        "text: an object": lambda old: {"text": old},
    },
    "url": {
        "url: javascript": _to("javascript:alert(1)"),
        "url: data": _to("data:text/html,<script>alert(1)</script>"),
        "url: file": _to("file:///etc/passwd"),
        "url: relative": _to("/track/1"),
        "url: no scheme": _to("//evil.example/1"),
        "url: broken": _to("http://[::1"),
        "url: line feed": _to("https://i.scdn.co/\r\nX: 1"),
        "url: 5 kB": _to("https://i.scdn.co/image/" + "a" * 5000),
        "url: empty": _to(""),
        "url: a number": _to(17),
    },
    "date": {
        "date: 2999-01-01": _to("2999-01-01"),
        "date: 0000": _to("0000"),
        "date: 0000-00-00": _to("0000-00-00"),
        "date: -1": _to("-1"),
        "date: 20240101": _to("20240101"),
        "date: 2024-13-45": _to("2024-13-45"),
        "date: foreign digits": _to("２０２４"),
        "date: words": _to("yesterday"),
        "date: empty": _to(""),
        "date: null": _to(None),
        "date: a number": _to(2024),
        "date: line feed": lambda old: f"{old}\n",
    },
    "flag": {
        "flag: a text": _to("false"),
        "flag: null": _to(None),
        "flag: 2": _to(2),
        "flag: a list": lambda old: [old],
    },
    "list": {
        "list: null in it": lambda old: [None, *old],
        "list: first one twice": _twice,
        "list: an object": lambda old: {"items": list(old)},
        "list: nested": lambda old: [list(old)],
        "list: a text": _to("none"),
        "list: numbers": _to([1, 2.5, True]),
        "list: null": _to(None),
        "list: 1,000 long": lambda old: [*old] + [*old[:1]] * DEEP,
    },
    "object": {
        "object: a list": lambda old: [old],
        "object: its values": lambda old: list(old.values()),
        "object: a text": _to("none"),
        "object: null": _to(None),
        "object: empty": _to({}),
    },
    "any": {
        "any: missing": _to(_MISSING),
        "any: nested 1,000 deep": _to(_raw("[" * DEEP + "]" * DEEP)),
        "any: objects 1,000 deep": _to(_raw('{"a":' * DEEP + "1" + "}" * DEEP)),
    },
}

#: What may befall a whole row.
OF_ROWS: Mapping[str, Change] = {
    "row: null": _to(None),
    "row: a list": lambda row: [row],
    "row: a text": _to("none"),
    "row: a number": _to(17),
    "row: empty": _to({}),
}
#: Drawn for one damaged object of some hundred only, of kinds that stand once in an answer: with
#: an artist of all its rows the answer would be beyond what any client takes.
RARE = "text: 17 MB"
_ONE_IN = 400
_ONCE = frozenset({"track", "play", "recording"})

_IDS = frozenset(
    {"id", "isrc", "artist_mbid", "recording_id", "release_id", "release_group_id", "genre_mbid"}
)
_DATES = frozenset({"release_date", "first-release-date", "first_release_date", "airdate"})
_URLS = frozenset({"url", "preview_url", "resource"})
#: Spotify's rows hold other objects, which are drawn by themselves, and what nobody reads.
_OTHERS = frozenset({"album", "artists", "items", "linked_from"})
_UNREAD = frozenset({"href", "uri", "external_urls"})

#: What is drawn: kinds of objects, and what fields they have.
KINDS: Mapping[Kind, tuple[str, ...]] = {
    ("spotify", "track"): ("id", "number", "text", "url", "flag", "list", "object", "any"),
    ("spotify", "artist"): ("id", "number", "text", "url", "list", "object", "any"),
    ("spotify", "album"): ("id", "number", "text", "url", "date", "list", "any"),
    ("spotify", "playlist"): ("id", "number", "text", "url", "flag", "list", "object", "any"),
    ("reccobeats", "features"): ("id", "number", "url", "any"),
    ("reccobeats", "track"): ("id", "number", "text", "url", "list", "any"),
    ("kexp", "play"): ("id", "number", "text", "url", "date", "flag", "list", "any"),
    ("musicbrainz", "recording"): ("id", "number", "text", "date", "list", "object", "any"),
    ("musicbrainz", "artist"): ("id", "number", "text", "list", "object", "any"),
    ("musicbrainz", "url"): ("id", "text", "url", "list", "object", "any"),
    ("listenbrainz", "recording"): ("id", "number", "text", "date", "list", "object", "any"),
}


def mutations(kind: Kind) -> list[str]:
    """Names of what may befall an object of a kind, without the rare one."""
    found = [name for target in KINDS[kind] for name in OF_FIELDS[target] if name != RARE]
    return [*found, *OF_ROWS]


def fields(row: Any, *, own: bool = False) -> Iterator[tuple[Path, str]]:
    """Every field of a row with what it is: a key of :data:`OF_FIELDS`; null ones are ``any``.

    Args:
        row: JSON-ready.
        own: leave out what of Spotify's rows belongs to other objects or is never read.
    """

    def walk(value: Any, path: Path, key: str) -> Iterator[tuple[Path, str]]:
        if path:
            yield path, _target(key, value)
        # a page of a playlist's rows is called as the rows are
        if own and key in _OTHERS and not (key == "items" and isinstance(value, dict)):
            return
        if isinstance(value, dict):
            for name, inner in value.items():
                if not (own and name in _UNREAD):
                    yield from walk(inner, (*path, name), name)
        elif isinstance(value, list | tuple):
            for place, inner in enumerate(value):
                yield from walk(inner, (*path, place), key)

    yield from walk(row, (), "")


def _target(key: str, value: Any) -> str:
    match value:
        case str() | int() if key in _IDS:
            return "id"
        case dict():
            return "object"
        case list() | tuple():
            return "list"
        case bool():
            return "flag"
        case int() | float():
            return "number"
        case None if key == "preview_url":
            return "url"
        case str() if key in _DATES:
            return "date"
        case str() if key in _URLS or value.startswith(("https://", "http://")):
            return "url"
        case str():
            return "text"
    return "any"


def _of_field(target: str, change: Change, row: Any, key: str) -> Any:
    """A copy of the row in which one field of that kind is changed."""
    own = key.startswith("spotify:")
    found = [path for path, of in fields(row, own=own) if target in {of, "any"}]
    if not found:
        return row
    # the identity of the row itself is what hurts most
    if target == "id" and ("id",) in found and hashed("own id", key) % 3:
        found = [("id",)]
    return _changed(row, min(found, key=lambda path: hashed("field", key, *path)), change)


def _of_row(change: Change, row: Any, key: str) -> Any:  # noqa: ARG001 - the table's shape
    return change(row)


def _changed(value: Any, path: Path, change: Change) -> Any:
    if not path:
        return change(value)
    first, *rest = path
    new = _changed(value[first], tuple(rest), change)
    if isinstance(value, dict):
        copy = {**value, first: new}
        if new is _MISSING:
            del copy[first]
        return copy
    row = list(value)
    row[int(first)] = None if new is _MISSING else new
    return row


#: Every mutation by name: a function of a row and a key. The key decides among several fields; one
#: that begins with "spotify:" leaves the objects inside a row alone, which are drawn by themselves.
#: A row without such a field comes back as it was.
MUTATIONS: Mapping[str, Callable[[Any, str], Any]] = {
    **{
        name: partial(_of_field, target, change)
        for target, changes in OF_FIELDS.items()
        for name, change in changes.items()
    },
    **{name: partial(_of_row, change) for name, change in OF_ROWS.items()},
}


@dataclass(slots=True, eq=False)
class Odd:
    """Which objects are damaged, and how: by seed, kind and id, the same in every answer.

    Attributes:
        seed: the sandbox's.
        rates: share of the damaged objects by API.
        served: damaged rows that went out, by API.
    """

    seed: int
    rates: Mapping[str, float]
    served: Counter[str] = field(default_factory=Counter)
    _known: dict[tuple[str, str, str], str | None] = field(default_factory=dict)

    def mutation(self, api: str, kind: str, one: str) -> str | None:
        """The name of what befalls an object, or None."""
        key = (api, kind, one)
        if key not in self._known:
            self._known[key] = self._draw(api, kind, one)
        return self._known[key]

    def row(self, api: str, kind: str, one: str, row: Any) -> Any:
        """The row of an object as it is served."""
        if not self.rates or (name := self.mutation(api, kind, one)) is None:
            return row
        self.served[api] += 1
        return MUTATIONS[name](row, f"{api}:{self.seed}:{kind}:{one}")

    def drawn(self, api: str, kind: str, ids: Iterator[str]) -> dict[str, str]:
        """The damaged ones of some objects, with what befalls them."""
        named = ((one, self.mutation(api, kind, one)) for one in ids)
        return {one: name for one, name in named if name is not None}

    def _draw(self, api: str, kind: str, one: str) -> str | None:
        rate = self.rates.get(api, 0.0)
        if not rate or hashed("odd", self.seed, api, kind, one) / 2**64 >= rate:
            return None
        dice = hashed("how odd", self.seed, api, kind, one)
        names = mutations((api, kind))
        rare = dice % _ONE_IN == 0 and kind in _ONCE and "text" in KINDS[api, kind]
        return RARE if rare else names[dice % len(names)]


def shares(faults: Mapping[str, float]) -> dict[str, float]:
    """The share of damaged objects by API, from rates per ``KIND`` or ``API:KIND``."""
    every = faults.get(ODD, 0.0)
    rates = {api: faults.get(f"{api}:{ODD}", every) for api, _ in KINDS}
    return {api: rate for api, rate in rates.items() if rate}


#: No row is damaged.
CALM = Odd(0, {})
