"""The accounts of a fleet: a YAML file of keys, each with a name, that its owner alone can read.

Values are taken as they are written: a key of digits is no number. No message holds one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from runclub_spider.catalog.yaml_file import read_text
from runclub_spider.config import Config, open_to_others, project_dir
from runclub_spider.errors import ConfigurationError

_SETTING = "SPOTIFY_ACCOUNTS_FILE"
_NULL = "tag:yaml.org,2002:null"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Key = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=2000)]


class Account(BaseModel):
    """A key of Spotify and what it is called, in the ledger too."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    client_id: _Key
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None

    @model_validator(mode="after")
    def _usable(self) -> Account:
        if self.client_secret is None and self.refresh_token is None:
            raise ValueError("it has no client_secret (nor a refresh_token); add it")
        return self

    def changes(self, config: Config) -> dict[str, Any]:
        """The settings that are this account's: its key, and where its own token is kept."""
        kept = config.token_file
        return {
            "spotify_client_id": self.client_id,
            "spotify_client_secret": _plain(self.client_secret),
            "spotify_refresh_token": _plain(self.refresh_token),
            "token_file": kept.with_name(f"{kept.stem}-{self.name}{kept.suffix}"),
        }

    def environment(self, config: Config) -> dict[str, str]:
        """The same for a command: what the account has not is empty, and no other's."""
        given = {name.upper(): value for name, value in self.changes(config).items()}
        return {
            **{name: "" if value is None else str(value) for name, value in given.items()},
            "SPOTIFY_ACCOUNT": self.name,
        }


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def accounts(config: Config) -> tuple[Account, ...]:
    """The accounts of the configured file, in its order; none where no file is configured.

    Raises:
        ConfigurationError: in one line what of the file cannot be used, and the cure.
    """
    if config.spotify_accounts_file is None:
        return ()
    return read(project_dir() / config.spotify_accounts_file)


def read(path: Path) -> tuple[Account, ...]:
    """The accounts of a file; raises `ConfigurationError`."""
    text = read_text(path, _Wrong)
    if open_to_others(path):
        raise _Wrong(f"{path}: others can read it, and it holds secrets; run `chmod 600 {path}`")
    try:
        root = yaml.compose(text, _Loader)
    except yaml.YAMLError as error:
        # Its own words may hold a piece of the text.
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise _Wrong(f"{path}{line}: not valid YAML; put values in quotes") from None
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        raise _Wrong(f"{path}: it holds no list of accounts; write `- name: …`, `  client_id: …`")
    found = tuple(_account(path, node) for node in root.value)
    lines = [node.start_mark.line + 1 for node in root.value]
    for what in ("name", "client_id"):
        _once(path, what, [getattr(one, what) for one in found], lines)
    return found


def _account(path: Path, node: yaml.Node) -> Account:
    place = f"{path}:{node.start_mark.line + 1}"
    if not isinstance(node, yaml.MappingNode):
        raise _Wrong(f"{place}: an account is no map of names and values; write `- name: …`")
    given = dict[str, str]()
    for key, value in node.value:
        here = f"{path}:{key.start_mark.line + 1}"
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name not in Account.model_fields:
            known = ", ".join(Account.model_fields)
            raise _Wrong(f"{here}: an account has {known}, and nothing else; remove it")
        if name in given:
            raise _Wrong(f"{here}: {name} stands twice; keep one")
        if not isinstance(value, yaml.ScalarNode):
            raise _Wrong(f"{here}: {name} is no text; write it in quotes")
        if value.tag != _NULL and value.value:
            given[name] = value.value
    try:
        return Account.model_validate(given)
    except ValidationError as error:
        raise _Wrong(f"{place}: {_told(error)}") from None


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if not first["loc"]:
        return first["msg"].removeprefix("Value error, ")
    name = first["loc"][0]
    if first["type"] == "missing":
        return f"the account has no {name}; add it"
    if name == "name":
        return "its name is to be 1 to 40 letters, digits, dots, dashes or underscores; mend it"
    return f"{name} holds what no key does; copy it again"


def _once(path: Path, what: str, values: Sequence[str], lines: Sequence[int]) -> None:
    for at, value in enumerate(values):
        if value in values[:at]:
            first = lines[values.index(value)]
            raise _Wrong(
                f"{path}:{lines[at]}: the same {what} as the account of line {first}; "
                "each has its own, and one owner's several keys share a quota"
            )


class _Wrong(ConfigurationError):
    """Of the file, whose setting is named."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{_SETTING} {message}")
