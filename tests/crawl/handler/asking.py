"""Asks addresses through the real download stack of a crawl, and writes down what comes.

Run as `python -m tests.crawl.handler.asking FOLDER [NAME=VALUE …]`: the folder holds `urls`, one a
line, and gets `answers`, one JSON object a line.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response
from scrapy.settings import Settings
from twisted.python.failure import Failure

from runclub_spider.apis.call import Api, Call, Family
from runclub_spider.apis.reccobeats.service import ReccoBeats
from runclub_spider.config import Config
from runclub_spider.crawl.requests import to_request
from runclub_spider.crawl.run import Run
from testkit.killer import Launcher


class Asker(Spider):
    """One request an address, as a call of an API."""

    name = "asker"
    folder: Path

    async def start(self) -> AsyncIterator[Any]:
        # Makes its guard.
        Run.of(self.crawler).apis[ReccoBeats]
        for url in (self.folder / "urls").read_text().split():
            call = Call(Api.RECCOBEATS, Family.FEATURES, *url.rsplit("/", 1))
            yield to_request(call, callback=self.parse, errback=self.lost, dont_filter=True)

    def parse(self, response: Response) -> None:
        headers = {name.decode().lower() for name in response.headers}
        self.write(
            response.request,
            status=response.status,
            body=base64.b64encode(response.body).decode(),
            headers=sorted(headers),
            kind=type(response).__name__,
        )

    def lost(self, failure: Failure) -> None:
        self.write(failure.request, error=str(failure.value))  # type: ignore[attr-defined]

    def write(self, request: Request | None, **found: Any) -> None:
        assert request is not None
        with (self.folder / "answers").open("a") as file:
            file.write(json.dumps({"url": request.url, **found}) + "\n")


@dataclass(frozen=True)
class Got:
    """What came of one address."""

    status: int
    body: bytes
    headers: frozenset[str]
    kind: str
    error: str | None


def ask(
    launcher: Launcher, folder: Path, urls: Sequence[str], **settings: object
) -> dict[str, Got]:
    """Ask all of the addresses in one crawl."""
    folder.mkdir(exist_ok=True)
    (folder / "urls").write_text("\n".join(urls))
    given = [f"{name}={value}" for name, value in settings.items()]
    done = launcher.start(str(folder), *given, env=os.environ, module="tests.crawl.handler.asking")
    assert done.wait(120) == 0, done.stderr
    found = {}
    for line in (folder / "answers").read_text().splitlines():
        row = json.loads(line)
        found[row["url"]] = Got(
            row.get("status", 0),
            base64.b64decode(row.get("body", "")),
            frozenset(row.get("headers", ())),
            row.get("kind", ""),
            row.get("error"),
        )
    return found


def main(folder: Path, given: Sequence[str]) -> None:
    settings = Settings()
    settings.setmodule("runclub_spider.settings")
    for name in Config.names():
        settings.set(name, None)
    settings.update(
        {
            "CACHE_DIR": str(folder / "cache"),
            "EXPORT_DIR": str(folder / "export"),
            "ITEM_PIPELINES": {},
            "EXTENSIONS": {},
            "SPIDER_MIDDLEWARES": {},
            "API_RETRIES": 1,
            "API_BACKOFF_SECONDS": 0.01,
        }
    )
    for pair in given:
        name, _, value = pair.partition("=")
        settings.set(name, value, "cmdline")
    Asker.folder = folder
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler(Asker)
    process.crawl(crawler)
    process.start()
    Run.of(crawler).close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
