"""Schema validity of many values at once: the rows of a block, column by column.

A row in Python costs tens of microseconds, however it is asked; a column of a hundred values
costs little more than one value, because types, bounds and patterns are asked by loops in C.
What a part of a schema means is said once more here, in the strict sense that :mod:`.schema`
describes; a part that cannot be asked so is given to the closures of that module, value by value.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

Check = Callable[[Any], bool]
ColumnCheck = Callable[[Sequence[Any]], bool]
Schema = dict[str, Any]

# Keywords that refuse nothing.
_WORDS = {"title", "description", "$schema", "$id", "$defs"}
#: The exact types of a kind of values, since isinstance(True, int) holds.
TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}
# What values a keyword is about; it says nothing of others.
_ABOUT: dict[str, tuple[type, ...]] = {
    "pattern": (str,),
    "format": (str,),
    "minLength": (str,),
    "minimum": (int, float),
    "maximum": (int, float),
    "minItems": (list,),
    "items": (list,),
}
_OF_OBJECTS = {"properties", "required", "additionalProperties", "patternProperties"}


def column_check(
    schema: Any, root: Schema, slow: Callable[[Any], Check], *, ordered: bool = False
) -> ColumnCheck:
    """A function that says whether all of many values fit the schema.

    Args:
        schema: a part of a file's schema.
        root: the whole, with its `$defs`.
        slow: makes the check of one value by a part of the schema.
        ordered: The known keys of an object must also come first, in the schema's order.
    """
    if schema is True:
        return _anything
    if "$ref" in schema:
        return column_check(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, slow)
    keywords = schema.keys() - _WORDS - {"type"}
    tests: list[tuple[frozenset[type], ColumnCheck]] = []
    for keyword in sorted(keywords - _OF_OBJECTS):
        if keyword in ("enum", "const"):
            wanted = schema["enum"] if keyword == "enum" else [schema["const"]]
            tests.append((_ALL, _one_of_values(wanted)))
        elif keyword == "oneOf" and (key := _key_that_tells(schema["oneOf"])) is not None:
            tests.append((_ALL, _by_kind(key, schema["oneOf"], root, slow)))
        elif keyword in _ABOUT:
            test = _keyword(keyword, schema[keyword], root, slow)
            tests.append((frozenset(_ABOUT[keyword]), test))
        else:
            return _each(slow(schema))
    if keywords & _OF_OBJECTS:
        tests.append((frozenset((dict,)), _objects(schema, root, slow, ordered=ordered)))
    types = schema.get("type")
    names = [types] if isinstance(types, str) else types or TYPES
    allowed = frozenset(kind for name in names for kind in TYPES[name])
    return _typed(allowed, tests)


def matcher(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """A pattern's search as ECMA-262 has it: Python's `$` would also accept a final line feed."""
    return re.compile(re.sub(r"\$$", r"\\Z", pattern)).search


def all_match(pattern: str, flags: int = 0) -> Callable[[Collection[str]], bool]:
    """Whether a pattern from `^` to `$`, which no line feed fits, matches each of many texts.

    They are asked as the lines of one text: a call for each takes twice the time.
    """
    lines = re.compile(f"(?:{pattern}\n)*", re.MULTILINE | flags).fullmatch

    def check(values: Collection[str]) -> bool:
        text = "\n".join([*values, ""])
        return text.count("\n") == len(values) and lines(text) is not None

    return check


_ALL = frozenset(chain.from_iterable(TYPES.values()))


def _anything(_values: Sequence[Any]) -> bool:
    return True


def _typed(
    allowed: frozenset[type], tests: Sequence[tuple[frozenset[type], ColumnCheck]]
) -> ColumnCheck:
    def check(values: Sequence[Any]) -> bool:
        kinds = set(map(type, values))
        if not kinds <= allowed:
            return False
        for about, test in tests:
            if kinds <= about:
                part = values
            elif kinds.isdisjoint(about):
                continue
            else:
                part = [value for value in values if type(value) in about]
            if part and not test(part):
                return False
        return True

    return check


def _each(check: Check) -> ColumnCheck:
    return lambda values: all(map(check, values))


def _one_of_values(wanted: list[Any]) -> ColumnCheck:
    allowed = frozenset(wanted)
    kinds = frozenset(map(type, wanted))
    return lambda values: kinds.issuperset(map(type, values)) and allowed.issuperset(values)


def _keyword(keyword: str, said: Any, root: Schema, slow: Callable[[Any], Check]) -> ColumnCheck:
    if keyword == "pattern":
        match = all_match(said)
        # A set, for many rows share their moments, days and markets.
        return lambda values: match(set(values))
    if keyword == "format":
        one = slow({keyword: said})
        return lambda values: all(map(one, set(values)))
    if keyword == "minimum":
        return lambda values: bool(min(values) >= said)
    if keyword == "maximum":
        return lambda values: bool(max(values) <= said)
    if keyword == "items":
        items = column_check(said, root, slow)
        return lambda values: items(list(chain.from_iterable(values)))
    return lambda values: min(map(len, values)) >= said  # minLength, minItems


def _objects(
    schema: Schema, root: Schema, slow: Callable[[Any], Check], *, ordered: bool
) -> ColumnCheck:
    """Objects of equal keys are columns of their values."""
    properties = schema.get("properties", {})
    first = tuple(properties) if ordered else ()
    patterns = [
        (matcher(pattern), column_check(sub, root, slow))
        for pattern, sub in schema.get("patternProperties", {}).items()
    ]
    rest = schema.get("additionalProperties", True)
    other = None if rest is False else column_check(rest, root, slow)
    required = frozenset(schema.get("required", ()))
    known = {key: column_check(sub, root, slow) for key, sub in properties.items()}

    @lru_cache(maxsize=1 << 10)
    def tests_of(keys: tuple[str, ...]) -> list[tuple[int, ColumnCheck]] | None:
        """What the columns of objects of these keys must fulfil; None if they may not stand."""
        if not required.issubset(keys) or keys[: len(first)] != first:
            return None
        found = []
        for at, key in enumerate(keys):
            tests = [test for match, test in patterns if match(key)]
            if key in known:
                tests.append(known[key])
            elif not tests:
                if other is None:
                    return None
                tests.append(other)
            found += [(at, test) for test in tests if test is not _anything]
        return found

    def check(values: Sequence[dict[str, Any]]) -> bool:
        for keys, group in _by_keys(values).items():
            tests = tests_of(keys)
            if tests is None:
                return False
            columns = list(zip(*map(dict.values, group), strict=True))
            if not all(test(columns[at]) for at, test in tests):
                return False
        return True

    return check


def _by_keys(values: Sequence[dict[str, Any]]) -> Mapping[tuple[str, ...], Any]:
    """Objects by their keys."""
    kinds = set(map(tuple, values))
    if len(kinds) == 1:  # as nearly always
        return {kinds.pop(): values}
    groups = defaultdict(list)
    for value in values:
        groups[tuple(value)].append(value)
    return groups


def _by_kind(
    key: str, schemas: list[Schema], root: Schema, slow: Callable[[Any], Check]
) -> ColumnCheck:
    """Objects of several kinds, each by the schema of its own."""
    tests = [column_check(schema, root, slow) for schema in schemas]
    kinds = {value: at for at, schema in enumerate(schemas) for value in _values_of(key, schema)}

    def check(values: Sequence[Any]) -> bool:
        groups: list[list[Any]] = [[] for _ in tests]
        for value in values:
            told = value.get(key) if type(value) is dict else None
            if type(told) is not str or told not in kinds:
                return False
            groups[kinds[told]].append(value)
        return all(test(group) for test, group in zip(tests, groups, strict=True))

    return check


def _key_that_tells(schemas: list[Schema]) -> str | None:
    """A key whose value says which of the alternatives an object is; None without one."""
    wanted = [frozenset(schema.get("required", ())) for schema in schemas]
    for key in sorted(map(str, frozenset.intersection(*wanted))):
        values = [value for schema in schemas for value in _values_of(key, schema)]
        if all(type(value) is str for value in values) and len(values) == len(set(values)):
            return key
    return None


def _values_of(key: str, schema: Schema) -> list[Any]:
    part = schema.get("properties", {}).get(key, {})
    found: list[Any] = part["enum"] if "enum" in part else [part.get("const")]
    return found
