"""JOBDIR's queue, begun anew when it was not written by this code or cannot be read.

Nothing is lost with it: every page that waits stands in the store.
"""

from __future__ import annotations

import inspect
import pickle
import shutil
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy import __version__ as scrapy_version
from scrapy.core.scheduler import Scheduler
from scrapy.utils.job import job_dir

from runclub_spider import __version__
from runclub_spider.crawl import requests
from runclub_spider.crawl.run import Run
from runclub_spider.store.queue import pages

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.pqueues import ScrapyPriorityQueue
    from twisted.internet.defer import Deferred

#: Says in a JOBDIR which code wrote it.
MARK = "runclub-spider.written-by"
# What Scrapy keeps there; whatever else lies in the folder is left alone.
_QUEUE, _SEEN, _STATE = "requests.queue", "requests.seen", "spider.state"
_NEW = (
    "JOBDIR was written by other code or cannot be read: it was begun anew, and every page that "
    "waits is asked from the store's queue"
)


class StoreScheduler(Scheduler):
    """Scrapy's scheduler; its disk queue is a convenience that may fail."""

    def open(self, spider: Spider) -> Deferred[None] | None:
        """Open the queues, without what an earlier program left in a form of its own."""
        assert self.crawler is not None
        self._run = Run.of(self.crawler)
        folder = job_dir(self.crawler.settings)
        if folder is not None:
            self._prepare(Path(folder))
        return super().open(spider)

    def _prepare(self, folder: Path) -> None:
        mark = folder / MARK
        kept = [folder / name for name in (_SEEN, _STATE) if (folder / name).exists()]
        queue = folder / _QUEUE
        if queue.is_dir() and any(queue.iterdir()):
            kept.append(queue)
        if kept and (not mark.exists() or mark.read_text(errors="replace") != form()):
            self._begin_anew(folder)
        elif not _is_readable(folder / _STATE):
            # A kill cut it short; it holds nothing of ours.
            (folder / _STATE).unlink()
        mark.write_text(form())

    def _begin_anew(self, folder: Path) -> None:
        for name in (_SEEN, _STATE):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / _QUEUE, ignore_errors=True)
        (folder / _QUEUE).mkdir(parents=True)
        self._run.outcome.note(_NEW)

    def _dq(self) -> ScrapyPriorityQueue:
        """The disk queue; an empty one where the files of the old cannot be opened."""
        try:
            return super()._dq()
        except Exception:  # noqa: BLE001 - whatever is in these files
            assert self.dqdir is not None
            self._begin_anew(Path(self.dqdir).parent)
            return super()._dq()

    def _dqpop(self) -> Request | None:
        """The next request of the disk queue that can be read."""
        while self.dqs is not None:
            left = len(self.dqs)
            try:
                return super()._dqpop()
            except Exception:  # noqa: BLE001 - a pickle may raise anything
                self._run.outcome.note(_NEW)
                if len(self.dqs) == left:
                    # It would be read for ever.
                    self.dqs = None
        return None


def form() -> str:
    """What must be the same for a request to be read back: versions, and the shapes in it."""
    shapes = inspect.getsource(pages.PageTask) + inspect.getsource(requests.to_request)
    digest = sha256(shapes.encode()).hexdigest()[:16]
    return f"runclub-spider {__version__}, Scrapy {scrapy_version}, {digest}\n"


def _is_readable(state: Path) -> bool:
    if not state.exists():
        return True
    try:
        # Scrapy is about to read the same file in the same way.
        pickle.loads(state.read_bytes())  # noqa: S301
    except Exception:  # noqa: BLE001 - a pickle may raise anything
        return False
    return True
