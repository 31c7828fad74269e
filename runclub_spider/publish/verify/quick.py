"""A JSON Schema as a validator of pydantic-core: yes or no in less than half of Python's time.

Every row of a release is asked, and nearly all are right. What a part of a schema means is said
once more here, in the strict sense that :mod:`.schema` describes; a part that cannot be said so
is given to the closures of that module, which know every keyword of our files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, core_schema

Check = Callable[[Any], bool]
Schema = dict[str, Any]

# Keywords that refuse nothing.
_WORDS = {"title", "description", "$schema", "$id", "$defs"}
_OF_OBJECTS = {"properties", "required", "additionalProperties", "patternProperties"}
_BOUNDS = {"minimum": "ge", "maximum": "le"}
# A pattern that both engines read, and read alike: neither looking around, nor a class that
# Unicode widens.
_PLAIN = re.compile(r"(?!.*(?:\\[dwsbDWSB]|\(\?)).*", re.DOTALL)


def quick_check(schema: Schema, slow: Callable[[Any], Check]) -> Check:
    """A function that says whether a value fits the schema.

    Args:
        schema: of a file's rows, with its `$defs`.
        slow: the check of a part of it in Python.
    """
    return SchemaValidator(_Translation(schema, slow).of(schema)).isinstance_python


class _Translation:
    def __init__(self, root: Schema, slow: Callable[[Any], Check]) -> None:
        self._root = root
        self._slow = slow

    def of(self, schema: Any) -> CoreSchema:
        """What a part of the schema means."""
        if schema is True:
            return core_schema.any_schema()
        if "$ref" in schema:
            return self.of(self._root["$defs"][schema["$ref"].removeprefix("#/$defs/")])
        if schema.keys() - _WORDS == {"const"}:
            return core_schema.literal_schema([schema["const"]])
        if schema.keys() - _WORDS == {"enum"}:
            return core_schema.literal_schema(schema["enum"])
        if schema.keys() - _WORDS == {"oneOf"} and _tells_apart(schema["oneOf"]):
            return core_schema.union_schema(
                [self.of(sub) for sub in schema["oneOf"]], mode="left_to_right"
            )
        types = schema.get("type")
        if isinstance(types, list) and len(types) == 2 and "null" in types:
            (other,) = (name for name in types if name != "null")
            if "enum" not in schema:
                return core_schema.nullable_schema(self._typed(other, schema))
        if isinstance(types, str):
            return self._typed(types, schema)
        return self._in_python(schema)

    def _typed(self, name: str, schema: Schema) -> CoreSchema:
        keywords = schema.keys() - _WORDS - {"type"}
        if name == "boolean" and not keywords:
            return core_schema.bool_schema(strict=True)
        if name in ("integer", "number") and keywords <= _BOUNDS.keys():
            bounds = {_BOUNDS[key]: schema[key] for key in sorted(keywords)}
            if name == "integer":
                return core_schema.int_schema(strict=True, **bounds)
            return core_schema.float_schema(strict=True, **bounds)
        if name == "string" and keywords <= {"minLength", "pattern"}:
            pattern = schema.get("pattern")
            if pattern is None or _PLAIN.fullmatch(pattern):
                least = schema.get("minLength")
                return core_schema.str_schema(strict=True, min_length=least, pattern=pattern)
        if name == "string" and schema.get("format") == "date-time":
            rest = self._typed(name, {key: schema[key] for key in schema if key != "format"})
            return core_schema.chain_schema([rest, self._in_python({"format": "date-time"})])
        if name == "array" and keywords <= {"items", "minItems"}:
            items = self.of(schema["items"]) if "items" in schema else None
            return core_schema.list_schema(items, strict=True, min_length=schema.get("minItems"))
        if name == "object" and keywords <= _OF_OBJECTS:
            return self._object(schema)
        return self._in_python({**schema, "type": name})

    def _object(self, schema: Schema) -> CoreSchema:
        properties, required = schema.get("properties", {}), set(schema.get("required", ()))
        rest = schema.get("additionalProperties", True)
        patterns = schema.get("patternProperties", {})
        if not required <= properties.keys() or not (properties or rest is not True):
            return self._in_python(schema)
        if patterns:
            # No row of ours has a key that only a pattern allows: such a one is left to Python.
            if any(
                sub is not True and re.search(pattern, key)
                for pattern, sub in patterns.items()
                for key in properties
            ):
                return self._in_python(schema)
            known = self._object({key: schema[key] for key in schema if key != "patternProperties"})
            slow = self._in_python(schema)
            return core_schema.union_schema([known, slow], mode="left_to_right")
        if not properties and rest is not False:
            return core_schema.dict_schema(
                core_schema.str_schema(strict=True), self.of(rest), strict=True
            )
        return core_schema.typed_dict_schema(
            {
                key: core_schema.typed_dict_field(self.of(sub), required=key in required)
                for key, sub in properties.items()
            },
            strict=True,
            extra_behavior="forbid" if rest is False else "allow",
            extras_schema=None if isinstance(rest, bool) else self.of(rest),
        )

    def _in_python(self, schema: Schema) -> CoreSchema:
        accepts = self._slow(schema)

        def checked(value: Any) -> Any:
            if not accepts(value):
                raise ValueError
            return value

        return core_schema.no_info_plain_validator_function(checked)


def _tells_apart(schemas: list[Any]) -> bool:
    """Whether objects of one alternative fit no other, for a key that all want tells which."""
    wanted = [frozenset(schema.get("required", ())) for schema in schemas]
    for key in frozenset.intersection(*wanted):
        parts = [schema.get("properties", {}).get(key, {}) for schema in schemas]
        values = [value for part in parts for value in part.get("enum", [part.get("const")])]
        if None not in values and len(values) == len(set(values)):
            return all(schema.get("type") == "object" for schema in schemas)
    return False
