"""The gate at the wire: all that comes from outside passes here before it means anything to us.

Every parser decodes with `decode`, reads each record with `admit`, and hands on a `Reading`.
Models say what a field may hold: ids by their pattern, numbers finite and in a range that both
databases take, addresses of the web, lists and objects where these are meant. A bool is no
number, and neither is a text. What a field may not hold is dropped and counted, and the record
goes on without it; only what it cannot be without makes it unreadable. Texts are cleaned by
`catalog.normalize.clean_text`. Pure.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from math import isfinite, nan
from string import ascii_uppercase
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, cast, get_args, get_origin

import msgspec
import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.fields import FieldInfo

from runclub_spider.apis.call import AnswerError
from runclub_spider.catalog.dates import EARLIEST_YEAR, LATEST_YEAR
from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.catalog.normalize import clean_text

#: Rises with what the parsers can read: a page that could not be read is worth asking again.
PARSER_VERSION = 1

#: Longest web address, and longest id or version that is only passed on, in characters.
MOST_ADDRESS, MOST_WORD = 2_000, 200
#: Most artists of a track, images of an artist, and so on; no list of one record is longer.
MOST_LISTED = 200
#: Most genres of an artist, and characters of the name of one.
MOST_GENRES, MOST_GENRE = 50, 100
#: Of what both databases call an integer.
MOST_WHOLE = 2**31 - 1
#: The type that is told of a row whose shape does not fit its model.
MALFORMED = "malformed"
#: Rows from which it is no chance that none of them has a name.
FEW = 5

# --- what a field may hold -----------------------------------------------------------------------

SPOTIFY_ID = re.compile(r"[0-9A-Za-z]{22}")
MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COUNTRIES = frozenset(map("".join, product(ascii_uppercase, repeat=2)))

SpotifyId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{22}$")]
Uuid = Annotated[
    str, StringConstraints(pattern=r"^(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
]
Mbid = Annotated[str, StringConstraints(pattern=f"^{MBID.pattern}$")]
# The characters that an address is written in (RFC 3986); `$` is the end for pydantic's engine.
_PLAIN = '[^\\x00-\\x20"<>\\\\^`{|}\x7f-\U0010ffff'
_ADDRESS = f"(?i:https?)://{_PLAIN}/?#]{_PLAIN}]*"
#: http or https with a host.
Address = Annotated[str, StringConstraints(pattern=f"^{_ADDRESS}$", max_length=MOST_ADDRESS)]
Whole = Annotated[int, Field(ge=0, le=MOST_WHOLE)]


def _rounded(value: Any) -> Any:
    return round(value) if type(value) is float and isfinite(value) else value


#: Some answers carry durations as 210000.0 (recorded answers, flag float_number).
Milliseconds = Annotated[int, BeforeValidator(_rounded), Field(ge=0, le=MOST_WHOLE)]
Percent = Annotated[int, Field(ge=0, le=100)]
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
#: For a list of records; see `MOST_LISTED`. Told of one wrong record, not of a million.
Listed = Field(max_length=MOST_LISTED, fail_fast=True)


class Record(BaseModel):
    """Base of the models: strict, and `called` by a name in the stats. Unknown keys are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", populate_by_name=True)

    called: ClassVar[str]
    #: Keys that records of a model are known to carry and that the catalogue does not need.
    unread: ClassVar[frozenset[str]] = frozenset()


_R = TypeVar("_R", bound=Record)


# --- what is said of an answer -------------------------------------------------------------------


@dataclass(slots=True)
class Oddities:
    """What an answer held that this code has never seen, or does not take; counted, never fatal.

    `unknown` are rows by their type, `unexpected` are keys that nothing reads and `dropped` are
    values that were no such thing, both as `model.field`.
    """

    unknown: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, other: Oddities) -> None:
        """Count another answer's as well."""
        self.unknown += other.unknown
        self.unexpected += other.unexpected
        self.dropped += other.dropped


@dataclass(slots=True, kw_only=True)
class Reading:
    """How the rows of an answer could be read; the base of what parsers return.

    Attributes:
        read: rows that were what they should be, a local file and an episode included.
        unreadable: the others by the field that was to blame, as `model.field`; a literal null
            is neither.
        wanting: rows that were read, but lack what a release cannot do without, by the field.
        odd: what else was odd.
    """

    read: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    wanting: Counter[str] = field(default_factory=Counter)
    odd: Oddities = field(default_factory=Oddities)

    def refuse(self, field: str, told: str | None = None) -> None:
        """Count a row that cannot be read, by the field to blame; `told` is its type."""
        self.unreadable[field] += 1
        self.odd.unknown[MALFORMED if told is None else told] += 1

    @property
    def drift(self) -> str | None:
        """The field that made all rows of an answer useless; None as long as one can be used.

        An answer like that is not what the API used to give: its rows were served, none was
        read, and they were not just nulls. Some rows without a name may be chance.
        """
        if not self.read:
            return _most(self.unreadable)
        if self.read >= FEW and self.wanting.total() >= self.read:
            return _most(self.wanting)
        return None


def _most(blamed: Counter[str]) -> str | None:
    """The most frequent; of equals the first by name."""
    return min(blamed, key=lambda name: (-blamed[name], name), default=None)


# --- an answer -----------------------------------------------------------------------------------


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer, whole if it can be.

    A value that is none (a lone surrogate, bytes that are no UTF-8, NaN, a number beyond all
    bounds, a control character in a text) or that lies too deep does not spoil the others: it
    comes as something that no field takes, or as a text to be cleaned.

    Raises:
        AnswerError: it is no JSON, was cut short, or holds something else than an object.
    """
    return decode_and_tell(body)[0]


def decode_and_tell(body: bytes) -> tuple[dict[str, Any], bool]:
    """The same, and whether all of its texts are text that every database takes."""
    clean = b"\\u0000" not in body
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        data, clean = _forgiving(body, str(error)), False
    if not isinstance(data, dict):
        raise AnswerError(f"a JSON {type(data).__name__} instead of an object")
    return data, clean


#: What is deeper is no answer of any API here: it is read as null.
_DEEPEST = 64
#: Integers of more digits are floats, as orjson has it; of very many Python would read none.
_DIGITS = 20
# A text that does not end is one token as well, or each sign of it would be tried anew.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def _forgiving(body: bytes, why: str) -> Any:
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        try:
            return _DECODER.decode(text)
        except RecursionError:
            return _DECODER.decode(_shallow(text))
    except (ValueError, RecursionError):
        raise AnswerError(f"not JSON ({why})") from None


def _shallow(text: str) -> str:
    """JSON with null in the place of all that is deeper than `_DEEPEST`."""
    kept, depth, start = [], 0, 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in "[{":
            depth += 1
            if depth == _DEEPEST:
                kept.append(text[start : token.start()])
        elif sign in "]}":
            if depth == _DEEPEST:
                kept.append("null")
                start = token.end()
            depth -= 1
    if depth >= _DEEPEST:
        raise ValueError("cut short")
    return "".join((*kept, text[start:]))


def _integer(digits: str) -> float:
    number = int(digits) if len(digits) <= _DIGITS else 2**64
    return number if -(2**63) <= number < 2**64 else float(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keys that are text; of two equal ones the last counts, as orjson has it."""
    return {key if key.isprintable() else clean_text(key): value for key, value in pairs}


_DECODER = json.JSONDecoder(
    strict=False,
    parse_int=_integer,
    parse_constant=lambda _: nan,
    object_pairs_hook=_object,
)


def read_exact(model: type[_R], body: bytes) -> _R | None:
    """An answer with nothing odd about it, in one go and by a struct made of its model.

    None for any other: one whose values would have to be dropped, decoded forgivingly or told of
    is read by `decode` and `admit`. What is read here they read alike; a page of 50 tracks takes
    them four times as long. The record has the model's fields, and nothing else of it.
    """
    try:
        return cast("_R", _decoder(model).decode(body))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


@cache
def _decoder(model: type[Record]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_exact(model))


@cache
def _exact(model: type[Record]) -> type[msgspec.Struct]:
    """The model as a struct; of one that tells of keys it takes only those it reads or knows."""
    fields: list[Any] = []
    for name, info in model.model_fields.items():
        assert info.alias is None, f"{model.__name__}.{name} has another name in answers"
        default = () if info.is_required() else (info.default,)
        fields.append((name, _exactly(Annotated[(info.annotation, info)]), *default))
    told = model.model_config["extra"] == "allow"
    fields += [(name, msgspec.Raw, None) for name in sorted(model.unread) if told]
    # Those that must be there come first.
    fields.sort(key=len)
    return msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=told, gc=False)


def _exactly(kind: Any) -> Any:
    """A field's type as msgspec has it, with structs in the places of the models in it."""
    if isinstance(kind, type) and issubclass(kind, Record):
        return _exact(kind)
    inner = get_args(kind)
    if get_origin(kind) is Annotated:
        part, bounds = _exactly(inner[0]), _bounds(inner[1:])
        return Annotated[part, msgspec.Meta(**bounds)] if bounds else part
    if get_origin(kind) is list:
        return list[_exactly(inner[0])]  # type: ignore[misc]
    if get_origin(kind) in (Union, UnionType):
        return Union[tuple(map(_exactly, inner))]  # noqa: UP007 - of parts known at run time
    return kind


def _bounds(metadata: Iterable[Any]) -> dict[str, Any]:
    """What bounds a value, by msgspec's names.

    A validator that runs before only widens what is taken, and is left to `admit`.
    """
    found: dict[str, Any] = {}
    for one in metadata:
        if isinstance(one, FieldInfo):
            found |= _bounds(one.metadata)
            continue
        for name in ("ge", "le", "max_length", "pattern"):
            if (value := getattr(one, name, None)) is not None:
                found[name] = value
    if "pattern" in found:
        # To Python `$` is the place before a last line break as well.
        found["pattern"] = found["pattern"].removesuffix("$") + r"\Z"
    return found


# --- a record ------------------------------------------------------------------------------------


class Unreadable(ValueError):
    """A record lacks what it cannot be without; `field` names it as `model.field`."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


# What is mended may show what else is wrong; nothing is nested deeper than this.
_ROUNDS = 8


def admit(model: type[_R], raw: object, odd: Oddities) -> _R:
    """Read a record; values that are none are taken out of `raw` and counted.

    Raises:
        Unreadable: it is no object, or a field that must be there is not.
    """
    if type(raw) is not dict:
        raise Unreadable(model.called)
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            _mend(model, raw, error, odd)
    raise Unreadable(model.called)


def read_rows(model: type[_R], raws: Iterable[object], reading: Reading) -> list[_R]:
    """The records that can be read, in order; the others and what is odd are noted.

    One bad record must not spoil the rest, now and at every retry.
    """
    found = []
    for raw in raws:
        if raw is None:
            continue
        try:
            found.append(admit(model, raw, reading.odd))
        except Unreadable as error:
            reading.refuse(error.field)
    reading.read += len(found)
    return found


_Path = tuple[int | str, ...]


def _mend(model: type[Record], raw: Any, error: ValidationError, odd: Oddities) -> None:
    """Take out what the error names; of a list of records those that cannot be read."""
    lists: dict[_Path, None] = {}
    missing: list[_Path] = []
    mended = False
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        path, kind = one["loc"], one["type"]
        place = next((at for at, part in enumerate(path) if isinstance(part, int)), None)
        if place is not None:
            lists[path[:place]] = None
        elif kind == "too_long" and path and isinstance(_at(raw, path), list):
            lists[path] = None
        elif kind == "missing":
            missing.append(path)
        elif not path:
            raise Unreadable(model.called)
        else:
            _drop(model, raw, path, odd, whole=kind == "int_type")
            mended = True
    for path in lists:
        _mend_list(model, raw, path, odd)
    if mended or lists:
        return
    for path in missing:
        if len(path) == 1:
            raise Unreadable(_name(model, path))
        _drop(model, raw, path[:-1], odd)


def _drop(
    model: type[Record], raw: Any, path: _Path, odd: Oddities, *, whole: bool = False
) -> None:
    holder, key = _at(raw, path[:-1]), path[-1]
    value = holder.get(key)
    if whole and type(value) is float and value.is_integer():
        holder[key] = int(value)
        return
    holder.pop(key, None)
    odd.dropped[_name(model, path)] += 1


def _mend_list(model: type[Record], raw: Any, path: _Path, odd: Oddities) -> None:
    rows = _at(raw, path)
    part = _part(_owner(model, path), str(path[-1]))
    kept = []
    for row in rows[:MOST_LISTED]:
        try:
            admit(part, row, odd)
        except Unreadable:
            continue
        kept.append(row)
    if lost := len(rows) - len(kept):
        odd.dropped[_name(model, path)] += lost
    rows[:] = kept


def _at(raw: Any, path: _Path) -> Any:
    for key in path:
        raw = raw[key]
    return raw


def _owner(model: type[Record], path: _Path) -> type[Record]:
    for key in path[:-1]:
        model = _part(model, str(key))
    return model


def _name(model: type[Record], path: _Path) -> str:
    return f"{_owner(model, path).called}.{path[-1]}"


@cache
def _part(model: type[Record], key: str) -> type[Record]:
    """The model of what stands below a key."""
    fields = model.model_fields
    found = fields.get(key) or next(one for one in fields.values() if one.alias == key)
    waiting = [found.annotation]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, Record):
            return one
        waiting += get_args(one)
    raise TypeError(f"{model.__name__}.{key} holds no record")


def is_address(text: str) -> bool:
    """Whether a text is an `Address`."""
    return len(text) <= MOST_ADDRESS and re.fullmatch(_ADDRESS, text) is not None


# --- a value -------------------------------------------------------------------------------------


def word(text: str | None, odd: Oddities, name: str, most: int = MOST_WORD) -> str | None:
    """An id or a word that is only passed on, clean; None when it is blank or too long."""
    if not text:
        return None
    if len(text) > most:
        odd.dropped[name] += 1
        return None
    return clean_text(text) or None


def isrc(said: object, odd: Oddities, name: str) -> str | None:
    """An ISRC in its one form; None when there is none."""
    if said is None or said == "":
        return None
    code = normalise_isrc(said) if isinstance(said, str) else None
    if code is None:
        odd.dropped[name] += 1
    return code


def year(said: int | None, odd: Oddities, name: str, *, first: int = EARLIEST_YEAR) -> int | None:
    """A year from `first` to next year; None for any other."""
    if said is None or first <= said <= LATEST_YEAR:
        return said
    odd.dropped[name] += 1
    return None


def rows_of(data: Mapping[str, Any], key: str) -> list[Any]:
    """The list of rows below a key.

    Raises:
        AnswerError: there is none.
    """
    rows = data.get(key)
    if not isinstance(rows, list):
        raise AnswerError(f"no list `{key}` in the answer")
    return rows


def texts(values: Sequence[object]) -> list[str]:
    """The texts of a list."""
    return [one for one in values if isinstance(one, str)]


def countries(values: Sequence[Any], odd: Oddities, name: str) -> tuple[str, ...] | None:
    """ISO codes of two letters, sorted; None when all that a list holds is something else."""
    try:
        found = _COUNTRIES.intersection(values)
    except TypeError:
        # A list or an object among them.
        found = _COUNTRIES.intersection(texts(values))
    if len(found) == len(values):
        # Most lists come in order, which makes sorting them cheap.
        return tuple(sorted(values))
    wrong = sum(not isinstance(one, str) or one not in found for one in values)
    if wrong:
        odd.dropped[name] += wrong
    return None if wrong and not found else tuple(sorted(found))
