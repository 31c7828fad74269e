"""Runs a crawl and says how much processor time each of its parts took.

`python -m bench.marked FILE crawl SPIDER …` is `scrapy crawl SPIDER …`; at its end FILE holds, as
JSON, the processor seconds of this process at its first request (`first`) and when everything was
committed and the release began (`stored`).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from scrapy import cmdline

from runclub_spider.config import Config
from runclub_spider.crawl.extensions import publisher
from runclub_spider.crawl.handler import ApiDownloadHandler


def main(file: str, *command: str) -> None:
    marks: dict[str, float] = {}
    send, publish = ApiDownloadHandler.download_request, publisher._publish

    async def first(self: ApiDownloadHandler, request: Any) -> Any:
        marks.setdefault("first", time.process_time())
        return await send(self, request)

    def release(config: Config, what: str) -> str:
        marks["stored"] = time.process_time()
        return publish(config, what)

    ApiDownloadHandler.download_request = first  # type: ignore[method-assign]
    publisher._publish = release
    sys.argv = ["scrapy", *command]
    try:
        cmdline.execute()
    finally:
        Path(file).write_text(json.dumps(marks), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
