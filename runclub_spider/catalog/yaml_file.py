"""Files that people write: read whole, and every mistake told in one line with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from runclub_spider.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MAX_DEPTH = 20  # levels of a file; ours have six
# libyaml where PyYAML was built with it: the seed files are read at every start.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Keys and list positions from the root of a file.
Where = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)


class YamlFile:
    """A YAML file with the line number of every key, so that a mistake can be shown.

    ``error`` is the exception class raised for anything wrong, with a one-line message.
    """

    def __init__(self, path: Path, error: type[Exception] = ConfigurationError) -> None:
        self.path = path
        self._error = error
        self._lines: dict[Where, int] = {}
        text = read_text(path, error)
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            if node is None:
                raise error(f"{path}: the file is empty; give it its keys or remove it")
            self._index(node, ())
            self.data = loader.construct_document(node)
        except yaml.YAMLError as exc:
            mark = getattr(exc, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            problem = getattr(exc, "problem", None) or str(exc).splitlines()[0]
            raise error(f"{path}{line}: not valid YAML: {problem}; correct this line") from exc

    def _index(self, node: yaml.Node, where: Where) -> None:
        self._lines[where] = node.start_mark.line + 1
        if len(where) > _MAX_DEPTH:
            raise self.mistake(where, "is nested too deeply or contains itself; write it flat")
        if isinstance(node, yaml.SequenceNode):
            for position, child in enumerate(node.value):
                self._index(child, (*where, position))
        elif isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise self.mistake(where, "has a list or map for a key; write a plain word")
                here = (*where, key.value)
                if here in self._lines:
                    raise self._error(
                        f"{self.path}:{key.start_mark.line + 1}: key '{dotted(here)}': "
                        "stands twice; keep one"
                    )
                self._index(child, here)
                self._lines[here] = key.start_mark.line + 1

    def mistake(self, where: Where, problem: str) -> Exception:
        """Return the error for the value at ``where`` (keys and list positions from the root)."""
        known = where
        while known not in self._lines:
            known = known[:-1]
        # A missing key is named though it has no line; deeper steps are pydantic's own.
        shown = dotted(where[: len(known) + 1] if problem.startswith("missing") else known)
        return self._error(
            f"{self.path}:{self._lines[known]}: key '{shown or '(root)'}': {problem}"
        )

    def validated(self, model: type[_Model]) -> _Model:
        """Return the content as a pydantic ``model``; the first mistake is raised."""
        try:
            return model.model_validate(self.data)
        except ValidationError as exc:
            # A misspelt key is also a missing one: say the spelling first.
            first = min(exc.errors(), key=lambda each: each["type"] != "extra_forbidden")
            cure = {
                "extra_forbidden": "unknown key; check the spelling or remove it",
                "missing": "missing; add it",
                "model_type": "must hold keys with values; see the other seed files",
                "string_type": f"must be text, found {first['input']!r}; put it in quotes",
            }.get(first["type"], f"{first['msg'][0].lower()}{first['msg'][1:]}; correct the value")
            raise self.mistake(self._place(first["loc"], first["input"]), cure) from exc

    def _place(self, where: Where, found: object) -> Where:
        """The place of a mistake; of a key that is no text, as it is written in the file."""
        if where[-1:] != ("[key]",):
            return where
        above = where[:-2]
        for place in self._lines:
            if place[:-1] == above and place and yaml.safe_load(str(place[-1])) == found:
                return place
        return above


def read_text(path: Path, error: type[Exception] = ConfigurationError) -> str:
    """Return the UTF-8 text of ``path``; whatever prevents it is raised as ``error``."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as exc:
        raise error(f"{path}: no such file; check the path") from exc
    except IsADirectoryError as exc:
        raise error(f"{path}: is a directory; name a file in it") from exc
    except OSError as exc:
        raise error(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise error(f"{path}:{line}: not UTF-8; save the file as UTF-8") from exc


def dotted(where: Sequence[str | int]) -> str:
    """Return a path of keys and list positions as ``umbrellas[3].label``."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
