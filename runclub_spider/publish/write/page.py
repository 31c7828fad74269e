"""What the pages of a release have in common: one file, no request, and scripts known by hash."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from markupsafe import Markup

from runclub_spider import resources

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = resources.folder("publish/write")


@cache
def template(name: str) -> Template:
    """A template of a page; it escapes whatever it is given."""
    # Here, for the parts of a release are written without it.
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data"] = data
    return environment.get_template(name)


@cache
def text_template(name: str) -> Template:
    """A template of a file that is no markup: what it is given stays as it is."""
    # As above.
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=False,  # noqa: S701 -- no HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


@cache
def script(*names: str) -> Markup:
    """Files of scripts as elements, in their order; a library has its licence above it."""
    return Markup("\n").join(_element(_text_of(name)) for name in names)


@cache
def style(name: str) -> Markup:
    """A file of styles as an element."""
    return Markup("<style>\n{}</style>").format(Markup(_text_of(name)))  # noqa: S704 -- ours


@cache
def policy(*names: str) -> str:
    """What a page may do: run the scripts of these files as they are, and load nothing at all."""
    hashes = " ".join(f"'sha256-{_digest(_text_of(name))}'" for name in names)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def data(value: Any) -> Markup:
    """A value as JSON that cannot end the element it stands in."""
    text = orjson.dumps(value).decode().replace("<", "\\u003c")
    return Markup(text)  # noqa: S704 -- no markup without a "<"


def _element(text: str) -> Markup:
    return Markup("<script>{}</script>").format(Markup(text))  # noqa: S704 -- ours


@cache
def _text_of(name: str) -> str:
    """A file as it goes into a page, under the licence that lies beside it."""
    path = _FOLDER / name
    text = path.read_text(encoding="utf-8")
    licence = path.with_name(f"{path.name.split('.')[0]}.licence.txt")
    return f"/*!\n{licence.read_text(encoding='utf-8')}*/\n{text}" if licence.exists() else text


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
