"""Two clients that ask a list of addresses, decode the answers and throw them away.

`python -m bench.yardsticks.clients bare|sequential PLAN.json [CALLS]` prints what it took as
JSON. `bare` is aiohttp with the project's concurrency, `sequential` is requests, one call after
the other as spotipy sends them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask; Spotify's addresses with a token, ReccoBeats' without."""

    spotify: list[str]
    reccobeats: list[str]
    token_url: str
    client_id: str
    client_secret: str
    user_agent: str
    spotify_concurrency: int
    reccobeats_concurrency: int

    def write(self, path: Path) -> Path:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


async def bare(plan: Plan) -> dict[str, float]:
    """Everything at once, as far as each API's cap allows."""
    import aiohttp
    import orjson

    size = calls = 0

    async def work(urls: Iterator[str], headers: dict[str, str]) -> None:
        nonlocal size, calls
        for url in urls:
            async with session.get(url, headers=headers) as answer:
                answer.raise_for_status()
                body = await answer.read()
            orjson.loads(body)
            size, calls = size + len(body), calls + 1

    # aiohttp does not undo one packing on another, which is sent where gzip and br are taken
    headers = {"User-Agent": plan.user_agent, "Accept-Encoding": "gzip, deflate"}
    begin, busy = time.perf_counter(), time.process_time()
    async with aiohttp.ClientSession(headers=headers) as session:
        form = {"grant_type": "client_credentials"}
        auth = aiohttp.BasicAuth(plan.client_id, plan.client_secret)
        async with session.post(plan.token_url, data=form, auth=auth) as answer:
            answer.raise_for_status()
            token = (await answer.json())["access_token"]
        spotify, reccobeats = iter(plan.spotify), iter(plan.reccobeats)
        bearer = {"Authorization": f"Bearer {token}"}
        await asyncio.gather(
            *(work(spotify, bearer) for _ in range(plan.spotify_concurrency)),
            *(work(reccobeats, {}) for _ in range(plan.reccobeats_concurrency)),
        )
    return {
        "seconds": time.perf_counter() - begin,
        "cpu": time.process_time() - busy,
        "calls": calls,
        "bytes": size,
    }


def sequential(plan: Plan, most: int) -> dict[str, float]:
    """An evenly spread sample, one call after the other on kept connections."""
    import requests

    size = 0
    begin = time.perf_counter()
    with requests.Session() as session:
        session.trust_env = False
        session.headers["User-Agent"] = plan.user_agent
        answer = session.post(
            plan.token_url,
            data={"grant_type": "client_credentials"},
            auth=(plan.client_id, plan.client_secret),
            timeout=30,
        )
        answer.raise_for_status()
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        calls = [(url, bearer) for url in plan.spotify] + [(url, {}) for url in plan.reccobeats]
        step = max(1, len(calls) // most)
        sample = calls[::step][:most]
        for url, headers in sample:
            answer = session.get(url, headers=headers, timeout=30)
            answer.raise_for_status()
            answer.json()
            size += len(answer.content)
    return {"seconds": time.perf_counter() - begin, "calls": len(sample), "bytes": size}


def main(kind: str, path: str, most: str = "100") -> None:
    plan = Plan(**json.loads(Path(path).read_bytes()))
    found = asyncio.run(bare(plan)) if kind == "bare" else sequential(plan, int(most))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
