"""The file of a person's matches, read before anything is asked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from runclub_spider.catalog.overrides import Overrides, read_overrides
from runclub_spider.errors import ConfigurationError


def load_overrides(path: Path, setting: str) -> tuple[Overrides, str]:
    """The overrides and the digest of their file; none where there is no file.

    `setting` is what names the file.

    Raises:
        ConfigurationError: one line that names the setting, the file and the entry.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Overrides(), ""
    except OSError as error:
        raise ConfigurationError(f"{setting} {path.name}: {error.strerror}") from None
    try:
        return read_overrides(yaml.safe_load(content)), hashlib.sha256(content).hexdigest()
    except (ValueError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())
        raise ConfigurationError(f"{setting} {path.name}: {line}") from None
