"""Schema validity of rows: a fast yes or no, and jsonschema's words for a no.

jsonschema needs about a millisecond for a wide row, too slow for every row of a release.
`compile_check` turns the part of JSON Schema our files use into nested closures, and `.columns`
into checks of many rows at once, so that only a row that fails is handed to jsonschema. All are
stricter than the standard in three points, because the app decodes strictly: `9.0` is no integer,
`$` does not match before a final line feed, and a `date-time` must exist in the calendar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from importlib import resources
from typing import Any

import orjson

from runclub_spider.publish.verify.columns import TYPES, ColumnCheck, column_check, matcher

SCHEMA_NAMES = ("catalog_wide", "cached_tracks", "audio_features", "cached_artists", "manifest")
#: Forms of a release, `manifest.schemaVersion`; the first had no number.
FORMS = (1, 2, 3)
NEWEST_FORM = FORMS[-1]

Check = Callable[[Any], bool]
Schema = dict[str, Any]

_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
_TYPES: dict[str, Check] = {
    "null": lambda value: value is None,
    "boolean": lambda value: value is True or value is False,
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) is float or type(value) is int,
    "string": lambda value: type(value) is str,
    "array": lambda value: type(value) is list,
    "object": lambda value: type(value) is dict,
}


class UnsupportedSchemaError(ValueError):
    """A schema uses a keyword the fast check does not know."""


def packaged_schema(name: str, form: int = NEWEST_FORM) -> Schema:
    """The schema of one file in this package's own copy, which does not follow the writer's."""
    folder = resources.files("runclub_spider.publish.verify") / "schemas" / str(form)
    schema: Schema = orjson.loads((folder / f"{name}.schema.json").read_bytes())
    return schema


def packaged_profile(name: str) -> Schema:
    """The schema of a profile's rows, or of its manifest."""
    folder = resources.files("runclub_spider.publish.verify") / "schemas" / "profile"
    schema: Schema = orjson.loads((folder / f"{name}.schema.json").read_bytes())
    return schema


def is_timestamp(text: str) -> bool:
    """Whether the text is a moment `YYYY-MM-DDTHH:MM:SSZ` that exists."""
    try:
        return len(text) == 20 and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


@cache
def row_check(name: str, form: int = NEWEST_FORM) -> RowCheck:
    """The check of one file's rows, compiled once."""
    return RowCheck(packaged_schema(name, form))


class RowCheck:
    """Validates the rows of one file."""

    def __init__(self, schema: Schema) -> None:
        """Compile a schema; raises `UnsupportedSchemaError` for what no file of ours needs."""
        self.keys: list[str] = list(schema["properties"])
        slow = partial(compile_check, root=schema)
        self._schema = schema
        self.accepts: Check = slow(schema)
        #: Whether all of many rows fit, each with the known keys first and in their order.
        self.accepts_all: ColumnCheck = column_check(schema, schema, slow, ordered=True)

    def explain(self, row: Any) -> Iterator[tuple[str, str]]:
        """Yield (rule, message) for each fault of a row that `accepts` refuses."""
        # Only a release at fault needs jsonschema, which takes longer to load than to ask.
        from runclub_spider.publish.verify.words import faults_of

        yield from faults_of(row, self._schema)


def compile_check(schema: Any, root: Schema) -> Check:
    """Make a function that says whether a value fits the schema.

    Raises:
        UnsupportedSchemaError: The schema uses something beyond our files' needs.
    """
    if schema is True:
        return lambda _value: True
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return compile_check(root["$defs"][name], root)
    unknown = schema.keys() - _ANNOTATIONS - _COMPILERS.keys() - _OBJECT_KEYWORDS - {"type"}
    if unknown:
        raise UnsupportedSchemaError(f"no fast check for {sorted(unknown)}")
    tests = [
        compiler(schema[keyword], root)
        for keyword, compiler in _COMPILERS.items()
        if keyword in schema
    ]
    if schema.keys() & _OBJECT_KEYWORDS:
        tests.append(_object(schema, root))
    return _typed(schema.get("type"), tests)


def _typed(types: str | list[str] | None, tests: list[Check]) -> Check:
    if types is None:
        return _all_of(tests)
    if isinstance(types, str) and not tests:
        return _TYPES[types]
    names = [types] if isinstance(types, str) else types
    allowed = frozenset(kind for name in names for kind in TYPES[name])
    if not tests:
        return lambda value: type(value) in allowed
    rest = _all_of(tests)
    return lambda value: type(value) in allowed and rest(value)


def _all_of(tests: Sequence[Check]) -> Check:
    """One check of several, in their order; a generator a value would take half of the time."""
    if not tests:
        return lambda _value: True
    first, *others = tests
    if not others:
        return first
    if len(others) == 1:
        second = others[0]
        return lambda value: first(value) and second(value)
    rest = _all_of(others)
    return lambda value: first(value) and rest(value)


def _object(schema: Schema, root: Schema) -> Check:
    properties = schema.get("properties", {})
    patterns = [
        (matcher(pattern), compile_check(sub, root))
        for pattern, sub in schema.get("patternProperties", {}).items()
    ]
    rest = schema.get("additionalProperties", True)
    other = compile_check(rest, root) if rest is not False else None
    names = compile_check(schema["propertyNames"], root) if "propertyNames" in schema else None
    required = frozenset(schema.get("required", ()))
    # All that holds for a key with a schema of its own is known before a row is seen.
    known = {
        key: _all_of([compile_check(sub, root), *(one for match, one in patterns if match(key))])
        for key, sub in properties.items()
        if names is None or names(key)
    }

    def unknown(key: str, item: Any) -> bool:
        if key in properties or (names is not None and not names(key)):
            return False
        matching = [sub for match, sub in patterns if match(key)]
        if not matching:
            return other is not None and other(item)
        return all(sub(item) for sub in matching)

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return True
        if not required <= value.keys():
            return False
        for key, item in value.items():
            if (test := known.get(key)) is not None:
                if not test(item):
                    return False
            elif not unknown(key, item):
                return False
        return True

    return check


def _pattern(pattern: str, _root: Schema) -> Check:
    match = matcher(pattern)
    return lambda value: type(value) is not str or match(value) is not None


def _format(name: str, _root: Schema) -> Check:
    if name != "date-time":
        raise UnsupportedSchemaError(f"no fast check for the format {name}")
    return lambda value: type(value) is not str or is_timestamp(value)


def _minimum(bound: float, _root: Schema) -> Check:
    number = _TYPES["number"]
    return lambda value: not number(value) or bool(value >= bound)


def _maximum(bound: float, _root: Schema) -> Check:
    number = _TYPES["number"]
    return lambda value: not number(value) or bool(value <= bound)


def _enum(values: list[Any], _root: Schema) -> Check:
    if not all(value is None or type(value) is str for value in values):
        raise UnsupportedSchemaError("only strings and null may stand in an enum")
    allowed = frozenset(values)
    return lambda value: (value is None or type(value) is str) and value in allowed


def _items(schema: Any, root: Schema) -> Check:
    item = compile_check(schema, root)
    return lambda value: type(value) is not list or all(map(item, value))


def _one_of(schemas: list[Any], root: Schema) -> Check:
    tests = [compile_check(schema, root) for schema in schemas]
    if len(tests) == 2:
        one, two = tests
        return lambda value: one(value) != two(value)
    return lambda value: sum(test(value) for test in tests) == 1


_COMPILERS: dict[str, Callable[[Any, Schema], Check]] = {
    "enum": _enum,
    "const": lambda value, root: _enum([value], root),
    "pattern": _pattern,
    "format": _format,
    "minimum": _minimum,
    "maximum": _maximum,
    "minLength": lambda least, _root: lambda value: type(value) is not str or len(value) >= least,
    "minItems": lambda least, _root: lambda value: type(value) is not list or len(value) >= least,
    "items": _items,
    "oneOf": _one_of,
}
_OBJECT_KEYWORDS = {
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "required",
}
