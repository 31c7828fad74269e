"""What the fuzz tests share: which damages they try, and the commands they run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from runclub_spider.publish.verify import verify_release
from testkit.killer import Launcher
from testkit.places import Place
from tests.e2e.running import Done, launched
from tests.fuzz import shapes
from tests.fuzz.damage import Damage, damages

ROWS, WHOLE = 50, 5
#: Seconds; far above what a run here needs beside others.
PATIENCE = 300
#: Gates are about shares of a catalogue, of which most is damaged here.
NO_GATES = {
    "FEATURE_COVERAGE_MIN": "0",
    "YEAR_COVERAGE_MIN": "0",
    "FEATURE_NULL_MAX": "1",
    "MEAN_DURATION_MIN_MS": "0",
    "MEAN_DURATION_MAX_MS": "360000",
}


def chosen(row: Any, one_of: int) -> list[Damage]:
    """The damages of a kind of row that this run tries, the same ones each time."""
    return [
        one for one in damages(row) if hashlib.sha256(str(one).encode()).digest()[0] % one_of == 0
    ]


def numbered(found: Sequence[Damage]) -> dict[int, Damage]:
    """A row's number for each damage; the last rows of each page of fifty stay whole."""
    numbers = (n for n in range(1, 10 * len(found) + ROWS) if n % ROWS < ROWS - WHOLE)
    return dict(zip(numbers, found, strict=False))


def last_of(cases: dict[int, Damage]) -> int:
    """Rows up to the end of the last page."""
    return (max(cases) // ROWS + 1) * ROWS


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands that must neither crash nor say what a terminal would obey."""

    launcher: Launcher

    def __call__(
        self,
        place: Place,
        env: dict[str, str],
        *argv: str,
        codes: Container[int] = frozenset({0}),
        **more: str,
    ) -> Done:
        """One command; a page that cannot be read is asked again at once."""
        settings = {**NO_GATES, "API_BACKOFF_SECONDS": "0", **env, **more}
        done = launched(self.launcher, *argv, env=place.env(None, **settings), timeout=PATIENCE)
        assert "Traceback" not in done.text, done.text
        assert not [c for c in done.text if not c.isprintable() and c != "\n"], repr(done.text)
        assert done.code in codes, done.text
        return done


def terms(place: Place, names: Sequence[str]) -> tuple[str, ...]:
    """A seeds file of these."""
    place.root.mkdir(parents=True, exist_ok=True)
    path = place.root / "seeds.txt"
    path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return "-a", f"seeds={path}"


def released(place: Place) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The wide rows by id and the manifest of a release that verifies, with no row quarantined."""
    # Coverage is a matter of gates, which are off here.
    found = [str(p) for p in verify_release(place.latest) if not p.rule.endswith("-coverage")]
    assert found == []
    text = (place.latest / "catalog_wide.jsonl").read_text(encoding="utf-8")
    # Every reader of lines must find the same lines.
    assert len(text.splitlines()) == text.count("\n")
    rows = {row["spotify_track_id"]: row for row in map(json.loads, text.split("\n")[:-1])}
    manifest = json.loads((place.latest / "manifest.json").read_bytes())
    assert "unsound" not in manifest["accounting"]["rejectedByRule"]
    return rows, manifest


def clean_tracks(numbers: range) -> dict[str, Any]:
    """Search answers with whole tracks of these numbers, fifty a term."""
    return {
        f"term {at}": {"tracks": shapes.page([shapes.track(n) for n in numbers[at : at + ROWS]])}
        for at in range(0, len(numbers), ROWS)
    }
