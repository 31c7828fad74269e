"""Whether `latest` already is what publishing would make; light, because every run asks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import sqlalchemy as sa

from runclub_spider import __version__
from runclub_spider.catalog.content.digest import digest
from runclub_spider.catalog.families import load_policies
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.config import Config
from runclub_spider.publish.files import read_json, sha256
from runclub_spider.publish.write import folder
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.read import catalogue

#: The form of a release, `manifest.schemaVersion`: raised with any change of a release's bytes, so
#: that equal input is published anew by a program that writes it otherwise.
FORM = 3
DATA_FILES = (
    "catalog_wide.jsonl",
    "cached_tracks.jsonl",
    "audio_features.jsonl",
    "cached_artists.jsonl",
)


def unchanged(config: Config, what: str) -> str | None:
    """Say that there is nothing new to publish, or None when publishing has to look.

    `what` are the command's words, for another that wants the same export folder.

    Raises:
        RunPaused: another process publishes to the export folder.
        ConfigurationError: it cannot be used.
    """
    store = Store.open(config)
    try:
        with folder.held(config.export_dir, what), store.begin() as connection:
            inputs = input_digest(config, connection, load_umbrellas(config.seeds_dir))
            known = published(config, connection, inputs)
    finally:
        store.close()
    return known and nothing_new(config, known)


def nothing_new(config: Config, version: str) -> str:
    """What publishing says of input that was published already."""
    return f"Nothing new to publish: {config.export_dir.name}/latest is {version}."


def input_digest(config: Config, connection: sa.Connection, umbrellas: UmbrellaMap) -> str:
    """What a release depends on, in one number: content, configuration, seeds' folder and code."""
    policy = config.model_dump(mode="json", include=set(config.changing_release()))
    families = {name: asdict(one) for name, one in load_policies(config.seeds_dir).items()}
    tables = [umbrellas.digest, families, digest()]
    parts = [meta.revision(connection), policy, *tables, __version__, FORM]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def published(config: Config, connection: sa.Connection, inputs: str) -> str | None:
    """The release made from the same input, if it still is `latest`, whole."""
    for version, data in catalogue.releases_of(connection, inputs):
        if is_current(config.export_dir, config.export_dir / version, data):
            return version
    return None


def is_current(export: Path, target: Path, digest: str) -> bool:
    """Whether `latest` already is this release, whole and of this program's form."""
    latest = export / folder.LATEST
    try:
        if not (latest.is_symlink() and target.is_dir() and latest.resolve() == target.resolve()):
            return False
        document = read_json(target / folder.MANIFEST)
        # Equal data have an equal name, in whatever form they were released.
        if document["schemaVersion"] != FORM:
            return False
        hashes = document["fileHashes"]
        # A name that leads elsewhere is none of ours, and a folder is not asked for its hash.
        whole = all(
            ".." not in Path(name).parts
            and not Path(name).is_absolute()
            and sha256(target / name) == known
            for name, known in hashes.items()
        )
        return whole and data_digest(hashes) == digest
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError):
        return False


def data_digest(hashes: Mapping[str, str]) -> str:
    """sha256 over `<hash>  <name>` lines of the four data files."""
    lines = "".join(f"{hashes[name]}  {name}\n" for name in DATA_FILES)
    return hashlib.sha256(lines.encode()).hexdigest()
