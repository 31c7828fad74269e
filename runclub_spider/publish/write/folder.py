"""The export folder: one writer at a time, and nothing in it is touched that is not ours.

People keep other things beside releases, and two stores may share a folder. So whatever is
removed must be known by more than its name: a release by the store's memory and its manifest, a
staging folder by the mark inside it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runclub_spider.config import utc_now
from runclub_spider.errors import ConfigurationError, RunclubError, RunPaused
from runclub_spider.publish.files import fsync, read_json
from runclub_spider.text import moment

LATEST, MANIFEST = "latest", "manifest.json"
#: A release's name; what follows the hash tells where made-up data came from.
VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9a-f]{8}(-[0-9A-Za-z.-]+)?")
#: Files of a refused release that is kept for the person who must mend it.
FAILURE_FILES = ("manifest.json", "report.html", "problems.txt")
_LOCK = ".publish.lock"
_STAGING = ".staging-runclub-"
# Inside a staging folder: says that it is ours.
_MARK = "runclub-staging"
_MOST_HOLDER = 500


@contextmanager
def held(export: Path, what: str) -> Iterator[None]:
    """Make the folder and be its only writer while `what` (a command's words) is done.

    What killed runs left in it is removed first. The lock dies with its process, and its file is
    gone at the end.

    Raises:
        RunPaused: another process publishes there; the message names it.
        ConfigurationError: the folder cannot be used.
    """
    try:
        export.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(export / _LOCK)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to EXPORT_DIR {export}: {error.strerror}; mend its permissions or "
            "choose another folder"
        ) from None
    try:
        text = f"{what}, pid {os.getpid()}, since {moment(utc_now())}"
        # A full disk takes no name; the lock holds without it.
        with suppress(OSError):
            (export / _LOCK).write_text(text, encoding="utf-8")
        _clear_staging(export)
        yield
    finally:
        # Before the lock is let go: whoever holds the file now is the only one that may.
        with suppress(OSError):
            (export / _LOCK).unlink()
        os.close(descriptor)


def _locked(path: Path) -> int:
    """A descriptor of the lock's file, locked; it is the one that still has the name."""
    # For reading: a file system can be made read-only beside a lock that is held for hours. One
    # over a network wants to write what it locks.
    mode = os.O_RDONLY
    while True:
        flags = mode | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(0, f"{path.name} is no regular file")
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, _MOST_HOLDER, 0).decode(errors="replace").strip()
                raise RunPaused(
                    f"another run publishes to {path.parent} ({holder or 'it is just starting'}); "
                    "nothing was published, run `scrapy publish` when it is done"
                ) from None
            except OSError as error:
                if error.errno != errno.EBADF or mode == os.O_RDWR:
                    raise
                mode = os.O_RDWR
            else:
                if _same(descriptor, path):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # Its holder has just finished and taken the file away, or the mode is the wrong one.
        os.close(descriptor)


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


@contextmanager
def staging(export: Path) -> Iterator[Path]:
    """A folder beside the releases; whatever is left in it at the end is removed."""
    folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=export))
    try:
        (folder / _MARK).write_text(f"pid {os.getpid()}\n", encoding="ascii")
        yield folder
    finally:
        # What cannot be removed now, the next one removes; why it cannot is told by then.
        with suppress(RunclubError):
            _remove(folder)


def _clear_staging(export: Path) -> None:
    """Remove what killed runs left; the lock says that no other is at work."""
    for folder in export.glob(f"{_STAGING}*"):
        if not folder.is_symlink() and folder.is_dir() and (folder / _MARK).is_file():
            _remove(folder)
        else:
            # Killed before it was marked. Of anything else this takes nothing away.
            with suppress(OSError):
                folder.rmdir()


def _remove(folder: Path) -> None:
    """Remove a staging folder, its mark last: half removed, it is still known as ours."""
    try:
        for path in folder.iterdir():
            if path.name != _MARK:
                _delete(path)
        (folder / _MARK).unlink(missing_ok=True)
        folder.rmdir()
    except OSError as error:
        raise RunclubError(
            f"cannot remove {folder}, left by an unfinished publish: {error.strerror}; remove it "
            "by hand and run the same command again"
        ) from None


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def check_latest(export: Path) -> None:
    """Raise `ConfigurationError` when `latest` is something that publishing must not replace."""
    latest = export / LATEST
    if os.path.lexists(latest) and not latest.is_symlink():
        kind = "folder" if latest.is_dir() else "file"
        raise ConfigurationError(
            f"{latest} is a {kind} and not the link that publishing makes: move it away, or set "
            "EXPORT_DIR to another folder"
        )


def is_release(folder: Path) -> bool:
    """Whether a folder is a release: its name is a version, and its manifest says the same."""
    if not VERSION.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    try:
        document = read_json(folder / MANIFEST)
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("version") == folder.name


def put_in_place(ready: Path, export: Path, *, known: Collection[str]) -> Path:
    """Rename a finished release from staging to where it belongs, and point `latest` at it.

    A release of the same name is replaced: its data are the same, but a file may be damaged.

    Args:
        ready: the finished folder, called by its version, in a staging folder.
        export: the export folder.
        known: versions that the store remembers.

    Raises:
        ConfigurationError: something that is no release of ours has the name.
    """
    target = put_beside(ready, export, known=known)
    link = ready.parent / LATEST
    link.symlink_to(target.name, target_is_directory=True)
    # In one step: readers see the old release or the new one.
    link.replace(export / LATEST)
    fsync(export)
    return target


def put_beside(ready: Path, export: Path, *, known: Collection[str] = ()) -> Path:
    """The same without `latest`."""
    target = export / ready.name
    if os.path.lexists(target):
        ours = target.name in known and target.is_dir() and not target.is_symlink()
        if not (ours or is_release(target)):
            raise ConfigurationError(
                f"{target} is in the way and is no release: move it away and run the same "
                "command again"
            )
        target.rename(ready.parent / f"replaced-{target.name}")
    ready.rename(target)
    fsync(export)
    return target


def prune(export: Path, trash: Path, *, known: Collection[str], current: str, keep: int) -> None:
    """Drop this store's releases beyond the newest `keep`; everything else stays.

    Args:
        export: the export folder.
        trash: a staging folder, where they go first: half of one must not look like a release.
        known: versions that the store remembers as its own.
        current: the one that stays in any case.
        keep: how many stay.
    """
    releases = [export / name for name in known if is_release(export / name)]
    releases.sort(
        key=lambda path: (path.name == current, path.stat().st_mtime, path.name), reverse=True
    )
    for path in releases[keep:]:
        path.rename(trash / f"pruned-{path.name}")


def keep_failure(export: Path, version: str, made: Path) -> Path:
    """Copy what tells of a refused release beside the releases; returns where it is."""
    folder = export / f"failed-{version}"
    number = 1
    while os.path.lexists(folder) and not _is_failure(folder):
        number += 1
        folder = export / f"failed-{version}-{number}"
    folder.mkdir(exist_ok=True)
    for name in FAILURE_FILES:
        (folder / name).unlink(missing_ok=True)
        if (made / name).is_file():
            shutil.copyfile(made / name, folder / name)
    return folder


def _is_failure(folder: Path) -> bool:
    """Whether a folder holds nothing but what `keep_failure` puts there."""
    return (
        not folder.is_symlink()
        and folder.is_dir()
        and all(path.name in FAILURE_FILES and path.is_file() for path in folder.iterdir())
    )


def holds_real(export: Path) -> bool:
    """Whether `latest` is a release of real data; by its name where it cannot be read."""
    latest = export / LATEST
    try:
        return bool(read_json(latest / MANIFEST)["spotify"]["source"] == "spotify")
    except (OSError, ValueError, LookupError, TypeError):
        found = VERSION.fullmatch(latest.readlink().name) if latest.is_symlink() else None
        return found is not None and found[1] is None
