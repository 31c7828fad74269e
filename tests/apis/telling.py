"""What an error tells, to whoever looks: text, repr, traceback, causes."""

from __future__ import annotations

import traceback


def everything_told(error: BaseException) -> str:
    """Text, repr and traceback of an error, those of its causes included."""
    seen, texts = set(), traceback.format_exception(error)
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        texts += [str(current), repr(current), repr(current.args)]
        current = current.__cause__ or current.__context__
    return "\n".join(texts)


def assert_nothing_told(error: BaseException, *secrets: str) -> None:
    """None of these is in it."""
    told = everything_told(error)
    assert [secret for secret in secrets if secret in told] == []
