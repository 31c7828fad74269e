"""A store on which a run can be tried: everything happens, and nothing stays."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.store.db.address import exists
from runclub_spider.store.db.engine import Store


class TrialStore(Store):
    """The configured store within one transaction that is rolled back when it is closed.

    The run sees its own changes, so what it says it would do is what it would do. Where there
    is no SQLite file yet, an empty one is made in a temporary folder.
    """

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self._outer: sa.Connection | None = None
        self._scratch: Path | None = None

    @classmethod
    def open(cls, config: Config, *, create: bool = True, set_aside: bool = False) -> Self:
        """Open the configured store, which must be up to date, or an empty one.

        Raises:
            StoreError: it cannot be used as it is.
        """
        scratch = None
        if create and not exists(config):
            scratch = Path(tempfile.mkdtemp(prefix="runclub-trial-"))
            config = config.model_copy(update={"database_url": f"sqlite:///{scratch}/trial.sqlite"})
            Store.open(config).close()
        found = super().open(config, create=False, set_aside=set_aside)
        found._scratch = scratch
        return found

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A part of the one transaction: undone by itself on an error."""
        if self._outer is None:
            self._outer = self.engine.connect()
            self._outer.begin()
        with self._outer.begin_nested():
            yield self._outer

    def _kept_copy(self, version: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """None is needed: an upgrade is undone with the rest."""
        return nullcontext()

    def _claim(self) -> None:
        """Not even the holder's token stays."""

    def close(self) -> None:
        """Undo everything."""
        if self._outer is not None:
            self._outer.rollback()
            self._outer.close()
        super().close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
