"""What jsonschema says of a row that does not fit its schema, in this project's rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from runclub_spider.publish.verify.columns import matcher
from runclub_spider.publish.verify.problems import show
from runclub_spider.publish.verify.schema import is_timestamp


def faults_of(row: Any, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (rule, message) for each fault of a row that does not fit."""
    errors = _Validator(schema, format_checker=_FORMATS).iter_errors(row)
    # A date with a fraction fails both its pattern and its format: one fault.
    yield from dict.fromkeys(map(_in_words, errors))


def _strict_pattern(
    _validator: Any, pattern: str, value: Any, _schema: Any
) -> Iterator[ValidationError]:
    if isinstance(value, str) and not matcher(pattern)(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_FORMATS = FormatChecker(formats=())
_FORMATS.checks("date-time")(lambda value: not isinstance(value, str) or is_timestamp(value))
_Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _strict_pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _checker, value: type(value) is int
    ),
)


def _in_words(error: ValidationError) -> tuple[str, str]:
    # Of a oneOf, the alternative that came closest says more than "none fits".
    cause = best_match(error.context) or error if error.context else error
    place = ".".join(str(step) for step in cause.absolute_path) or "row"
    value = cause.instance
    wants_integer = cause.validator == "type" and "integer" in str(cause.validator_value)
    if wants_integer and type(value) is float and value.is_integer():
        return "integer", f"{place} is an integer written as a float"
    of_date = isinstance(cause.schema, dict) and cause.schema.get("format") == "date-time"
    if of_date and type(value) is str:
        return "timestamp", f"{place} is {show(value)}, not YYYY-MM-DDTHH:MM:SSZ"
    detail = cause.message
    if len(detail) > 160:
        detail = f"{show(value)} breaks {cause.validator!r}"
    return "schema", f"{place}: {detail}"
