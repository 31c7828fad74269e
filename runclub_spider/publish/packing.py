"""Files put together, their compressed copies and checksums, beside what else a release takes.

zlib, SHA-256 and copying work without the interpreter's lock, so threads do this while the rest of
a release is worked out on another processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from runclub_spider.publish.files import gzip_copy, join, sha256


class Packing:
    """Takes files that are whole; to be left before they go."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor()
        self._copies: list[Future[Path]] = []
        self._digests: dict[Path, Future[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What is begun must end: its files may be about to go.
        self._threads.shutdown(cancel_futures=True)

    def join(self, parts: Sequence[Path], target: Path) -> None:
        """Begin to write a file of the bytes of others; it is whole when its checksum is known."""
        self._digests[target] = self._threads.submit(join, parts, target)

    def take(self, paths: Sequence[Path]) -> None:
        """Begin with the checksums of files, which are asked for first, and compressed copies."""
        for one in paths:
            self._begin(one)
        self._copies += [self._threads.submit(gzip_copy, one) for one in paths]

    def digest(self, path: Path) -> str:
        """The checksum of a file as it was when it was taken, or asked about first."""
        return self.digests([path])[0]

    def digests(self, paths: Sequence[Path]) -> list[str]:
        """The same of several at once."""
        for one in paths:
            self._begin(one)
        return [self._digests[one].result() for one in paths]

    def _begin(self, path: Path) -> None:
        """Begin with the checksum of a file, unless it is begun."""
        if path not in self._digests:
            self._digests[path] = self._threads.submit(sha256, path)

    def finish(self) -> None:
        """Wait for the copies.

        Raises:
            OSError: one cannot be written.
        """
        for copy in self._copies:
            copy.result()
