"""The script that this project replaces: one call after the other, everything in memory.

`python -m bench.yardsticks.script PLAN.json FOLDER` asks the search pages of each term, the
artists in fifties where the key may, and the features in forties; keeps each id and each ISRC
once, drops what is shorter than two or longer than six minutes or has no features, and writes
JSONL and CSV. Prints what it came to as JSON. It stores nothing on the way, resumes nothing, waits
out nothing and checks nothing.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

MARKET, FEATURES, ARTISTS = "US", 40, 50
SHORTEST_MS, LONGEST_MS = 120_000, 360_000


@dataclass(frozen=True, slots=True)
class Script:
    """What to ask, and of whom; `artists` in a batch, 0 where the key has no batches."""

    spotify: str
    reccobeats: str
    token_url: str
    client_id: str
    client_secret: str
    terms: list[str]
    rows: int
    most: int
    artists: int

    def write(self, path: Path) -> Path:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


class Client:
    """A session that counts its calls."""

    def __init__(self, script: Script) -> None:
        self.calls = 0
        self._session = requests.Session()
        self._session.trust_env = False
        # ReccoBeats refuses the library's own name.
        self._session.headers["User-Agent"] = "script/1.0"
        answer = self._session.post(
            script.token_url,
            data={"grant_type": "client_credentials"},
            auth=(script.client_id, script.client_secret),
            timeout=30,
        )
        answer.raise_for_status()
        self.bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def get(self, url: str, headers: dict[str, str], **params: str | int) -> Any:
        """The decoded answer."""
        answer = self._session.get(url, params=params, headers=headers, timeout=30)
        answer.raise_for_status()
        self.calls += 1
        return answer.json()


def found(script: Script, client: Client) -> dict[str, dict[str, Any]]:
    """The tracks of all terms, each id and each ISRC once."""
    tracks: dict[str, dict[str, Any]] = {}
    codes: set[str | None] = set()
    for term in script.terms:
        for offset in range(0, script.most, script.rows):
            query: dict[str, str | int] = {
                "q": term,
                "type": "track",
                "market": MARKET,
                "limit": script.rows,
            }
            page = client.get(f"{script.spotify}/search", client.bearer, **query, offset=offset)
            rows = page["tracks"]["items"]
            for row in filter(None, rows):
                code = (row.get("external_ids") or {}).get("isrc")
                if row["id"] in tracks or (code and code in codes):
                    continue
                if SHORTEST_MS <= (row.get("duration_ms") or 0) <= LONGEST_MS:
                    tracks[row["id"]] = row
                    codes.add(code)
            if len(rows) < script.rows:
                break
    return tracks


def batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def main(path: str, folder: str) -> None:
    script = Script(**json.loads(Path(path).read_bytes()))
    client = Client(script)
    tracks = found(script, client)
    artists: dict[str, Any] = {}
    features: dict[str, Any] = {}
    if script.artists:
        people = list(dict.fromkeys(one["id"] for row in tracks.values() for one in row["artists"]))
        for part in batches(people, script.artists):
            answer = client.get(f"{script.spotify}/artists", client.bearer, ids=",".join(part))
            artists |= {row["id"]: row for row in answer["artists"] if row}
    for part in batches(list(tracks), FEATURES):
        answer = client.get(f"{script.reccobeats}/audio-features", {}, ids=",".join(part))
        for row in answer["content"]:
            features[row["href"].rpartition("/")[2].partition("?")[0]] = row
    rows = [
        {
            "id": one,
            "name": track["name"],
            "artists": [person["name"] for person in track["artists"]],
            "genres": sorted(
                {
                    genre
                    for person in track["artists"]
                    for genre in artists.get(person["id"], {}).get("genres", ())
                }
            ),
            "album": track["album"]["name"],
            "year": (track["album"].get("release_date") or "")[:4],
            "isrc": (track.get("external_ids") or {}).get("isrc"),
            "duration_ms": track["duration_ms"],
            "popularity": track.get("popularity"),
            **{
                name: features[one].get(name) for name in ("tempo", "energy", "danceability", "key")
            },
        }
        for one, track in tracks.items()
        if one in features
    ]
    with (Path(folder) / "tracks.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with (Path(folder) / "tracks.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
    print(json.dumps({"exported": len(rows), "found": len(tracks), "calls": client.calls}))


if __name__ == "__main__":
    main(*sys.argv[1:])
