"""The manifest: its form, and every figure that can be computed again from the files."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from runclub_spider.publish.verify.files import DATA_FILES, MANIFEST
from runclub_spider.publish.verify.joins import UNDATED, Counts
from runclub_spider.publish.verify.lines import (
    StrictJsonError,
    control_characters,
    keys_in_order,
    parse_strictly,
)
from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.rows import HARD_CAP_MS, Policies
from runclub_spider.publish.verify.schema import FORMS, NEWEST_FORM, packaged_schema, row_check

SANDBOX = "sandbox"
MIN_FEATURES_PCT = 95.0
MIN_YEAR_PCT = 90.0
# The manifest may round its percentage to two decimals.
_ROUNDING = 0.0051
# A gate its share to six.
_SHARE_ROUNDING = 1e-6
_LARGEST = 64 * 1024 * 1024
_UNSOUND = "unsound"
#: From this form on it tells what was imported.
_IMPORTS_FROM = 3
#: From this form on what the gates measured must be what the rows give.
_GATES_FROM = 3

Manifest = dict[str, Any]


class UnknownFormError(Exception):
    """A release of a form that this program does not know."""


#: Stands for a manifest that is not there or no JSON.
NOTHING = object()


def parse_manifest(root: Path, problems: Problems) -> Any:
    """Parse the manifest, whatever it holds; `NOTHING`, with the reasons, when it is no JSON."""
    path = root / MANIFEST
    if not path.is_file():
        return NOTHING
    with path.open("rb") as stream:
        text = stream.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        problems.add(MANIFEST, None, "json", f"larger than {_LARGEST >> 20} MiB")
        return NOTHING
    try:
        return parse_strictly(text)
    except StrictJsonError as error:
        problems.add(MANIFEST, None, error.rule, str(error))
        return NOTHING


def form_of(data: Any) -> int:
    """The form that a manifest gives its release; the newest for what is no manifest.

    Raises:
        UnknownFormError: This program does not know that form.
    """
    if type(data) is not dict:
        return NEWEST_FORM
    form = data.get("schemaVersion", FORMS[0])
    if type(form) is not int or form not in FORMS:
        raise UnknownFormError(
            f"schemaVersion is {show(form)}, this program knows {FORMS[0]} to {NEWEST_FORM}: "
            "verify with the program that made the release, or a newer one"
        )
    return form


def checked_manifest(data: Any, form: int, problems: Problems) -> Manifest | None:
    """A parsed manifest whose form is right; None, with the reasons noted, otherwise."""
    if data is NOTHING:
        return None
    check = row_check("manifest", form)
    if not check.accepts(data):
        for rule, message in check.explain(data):
            problems.add(MANIFEST, None, rule, message)
        return None
    for place, part, keys in _ordered_objects(data, packaged_schema("manifest", form)):
        if not keys_in_order({key: None for key in part if key in keys}, keys):
            problems.add(MANIFEST, None, "key-order", f"{place}: the keys are not in order")
    if form >= 2:
        for place, char in control_characters(data):
            problems.add(MANIFEST, None, "text-control", f"{place} holds U+{ord(char):04X}")
    manifest: Manifest = data
    return manifest


def _is_limit(one: Any) -> bool:
    """Whether it says after how many calls an API refused a family of endpoints."""
    if type(one) is not dict or one.keys() != {"api", "family", "calls"}:
        return False
    return type(one["api"]) is type(one["family"]) is str and _is_count(one["calls"])


def _is_reading(one: Any) -> bool:
    """Whether it says how far the searches for playlists of a cell were read."""
    numbers = ("searches", "asked", "left", "requests")
    if type(one) is not dict or one.keys() != {*numbers, "newOnLastPages", "state"}:
        return False
    last = one["newOnLastPages"]
    return (
        all(_is_count(one[name]) for name in numbers)
        and (one["asked"] <= one["searches"] and one["left"] <= one["searches"])
        and (type(last) is list and all(map(_is_count, last)))
        and one["state"] in ("filled", "exhausted", "open", "unasked")
    )


def _is_count(one: Any) -> bool:
    return type(one) is int and one >= 0


def _ordered_objects(
    data: Manifest, schema: dict[str, Any]
) -> list[tuple[str, dict[str, Any], list[str]]]:
    """The manifest and its objects of fixed keys, each with the keys in their order."""
    objects = [("manifest", data, schema["required"])]
    for key, part in schema["properties"].items():
        if part.get("required"):
            objects.append((key, data[key], part["required"]))
    return objects


def policies_of(manifest: Manifest | None, form: int) -> Policies:
    """The filters a manifest claims, and what a release of its form must fulfil."""
    if manifest is None:
        return Policies(form=form)
    filters = manifest["filtersApplied"]
    return Policies(
        market=manifest["spotify"]["market"],
        min_duration_ms=filters["minDurationMs"],
        max_duration_ms=filters["maxDurationMs"],
        unique_isrc="isrc" in filters["dedupePolicy"].lower(),
        decade_from_original=filters["decadeFrom"] == "original",
        form=form,
        latest_year=int(manifest["version"][:4]) + 1,
        rejected_labels=frozenset(
            # Releases before form 3 do not tell.
            label
            for label, said in filters.get("contentPolicy", {}).items()
            if said == "reject"
        ),
    )


def check_manifest(folder: str, manifest: Manifest, counts: Counts, problems: Problems) -> None:
    """Hold the manifest against the folder's name and the counts of the data files."""
    checks = _Checks(manifest, counts, problems)
    checks.version(folder)
    checks.sandbox()
    checks.filters()
    checks.accounting()
    checks.unsound()
    checks.totals()
    checks.imported()
    checks.merged()
    checks.canonical()
    checks.changes()
    checks.balance()
    checks.decades()
    checks.figures()
    checks.exhaustion()
    checks.gates()


class _Checks:
    def __init__(self, manifest: Manifest, counts: Counts, problems: Problems) -> None:
        self._manifest = manifest
        self._counts = counts
        self._problems = problems
        self._tracks = counts.lines.get(DATA_FILES[0])

    def _fail(self, rule: str, message: str) -> None:
        self._problems.add(MANIFEST, None, rule, message)

    def version(self, folder: str) -> None:
        version, hashes = self._manifest["version"], self._manifest["fileHashes"]
        if folder != version:
            self._fail("version", f"the folder is called {folder}, the version {version}")
        try:
            date.fromisoformat(version[:10])
        except ValueError:
            self._fail("version", f"{version[:10]} is no date")
        # A hash that is not the file's is reported as such; here the manifest's own count.
        if all(name in hashes for name in DATA_FILES):
            lines = "".join(f"{hashes[name]}  {name}\n" for name in DATA_FILES)
            digest = hashlib.sha256(lines.encode("ascii")).hexdigest()[:8]
            if version[11:19] != digest:
                self._fail("version", f"{version} should carry {digest}, from the data files")

    def sandbox(self) -> None:
        features_from = self._manifest["reccobeats"]["source"]
        signs = {
            "the version": self._manifest["version"].endswith(f"-{SANDBOX}"),
            "spotify.source": self._manifest["spotify"]["source"] == SANDBOX,
            "reccobeats.source": features_from == SANDBOX,
            "a note": any(SANDBOX in note.lower() for note in self._manifest["notes"]),
        }
        made_of_it = any(says_so for sign, says_so in signs.items() if sign != "a note")
        # Of a store for which no features were asked yet.
        signs["reccobeats.source"] |= features_from == "unknown"
        # A real release may well mention the sandbox in a note.
        if made_of_it and not all(signs.values()):
            silent = " and ".join(sign for sign, says_so in signs.items() if not says_so)
            self._fail("sandbox", f"made from the sandbox, but not by {silent}")

    def filters(self) -> None:
        filters = self._manifest["filtersApplied"]
        shortest, longest = filters["minDurationMs"], filters["maxDurationMs"]
        if longest > HARD_CAP_MS:
            self._fail("duration-policy", f"maxDurationMs {longest} is above {HARD_CAP_MS}")
        if shortest > longest:
            self._fail("duration-policy", f"minDurationMs {shortest} is above maxDurationMs")

    def accounting(self) -> None:
        counts = self._manifest["accounting"]
        seen = ("nullRows", "localRows", "episodeRows", "repeatedRows", "distinctTracks")
        fates = ("exported", "rejected", "mergedIsrc", "mergedSoft", "balanceRejects", "pending")
        for whole, parts in (("rowsSeen", seen), ("distinctTracks", fates)):
            total = sum(counts[part] for part in parts)
            if counts[whole] != total:
                message = f"{whole} is {counts[whole]}, but {' + '.join(parts)} is {total}"
                self._fail("accounting", message)
        by_rule = sum(counts["rejectedByRule"].values())
        if counts["rejected"] != by_rule:
            self._fail(
                "accounting", f"rejected is {counts['rejected']}, its rules add to {by_rule}"
            )
        if self._tracks is not None and counts["exported"] != self._tracks:
            message = f"exported is {counts['exported']}, but there are {self._tracks} rows"
            self._fail("accounting", message)

    def unsound(self) -> None:
        """The rows that were left out are counted, and not in the release."""
        found = self._manifest.get(_UNSOUND)
        if found is None:  # before form 2
            return
        counted = self._manifest["accounting"]["rejectedByRule"].get(_UNSOUND, 0)
        if found["tracks"] != counted:
            message = f"{_UNSOUND}.tracks is {found['tracks']}, rejectedByRule says {counted}"
            self._fail("accounting", message)
        if len(found["listed"]) > found["tracks"]:
            message = f"{found['tracks']} tracks are unsound, but {len(found['listed'])} are listed"
            self._fail("accounting", message)
        for row in found["listed"] if self._counts.sound else ():
            if self._counts.holds(row["trackId"]):
                message = f"{row['trackId']} is said to be left out, but is in the release"
                self._fail("accounting", message)

    def totals(self) -> None:
        totals, lines = self._manifest["totals"], self._counts.lines
        names = ("tracks", None, "audioFeatures", "artists")
        for name, file in zip(names, DATA_FILES, strict=True):
            if name is not None and totals[name] != lines.get(file, totals[name]):
                message = f"{name} is {totals[name]}, but {file} has {lines[file]} rows"
                self._fail("totals", message)
        if not self._counts.sound:
            return
        # Before form 3 there were none.
        labels = totals.get("byContentLabel")
        if labels is not None and labels != dict(self._counts.content):
            message = f"byContentLabel is {labels}, the rows give {dict(self._counts.content)}"
            self._fail("content-labels", message)
        claimed = Counter(
            {
                (umbrella, decade): count
                for umbrella, decades in totals["byUmbrellaAndDecade"].items()
                for decade, count in decades.items()
            }
        )
        actual = self._counts.cells()
        for cell in sorted(claimed.keys() | actual.keys()):
            if claimed[cell] != actual[cell]:
                message = f"{' / '.join(cell)} is {claimed[cell]}, the rows give {actual[cell]}"
                self._fail("cells", message)

    def imported(self) -> None:
        """The sources of imported features are those of the rows."""
        if self._manifest.get("schemaVersion", FORMS[0]) < _IMPORTS_FROM or not self._counts.sound:
            return
        claimed = self._manifest["importedFeatures"]
        actual = {
            source: {"tracks": tracks, "licences": sorted(self._counts.licences[source])}
            for source, tracks in self._counts.imported.items()
        }
        if claimed != actual:
            message = f"importedFeatures is {show(claimed)}, the rows give {show(actual)}"
            self._fail("imported-features", message)

    def decades(self) -> None:
        claimed = self._manifest["decades"]
        if not self._counts.sound:
            return
        for name in ("byAlbumYear", "byOriginalYear"):
            actual = {d: n for (by, d), n in self._counts.decades.items() if by == name}
            if claimed[name] != actual:
                message = f"decades.{name} is {claimed[name]}, the rows give {actual}"
                self._fail("decades", message)
        if claimed["withOriginalYear"] != self._counts.originals:
            message = (
                f"withOriginalYear is {claimed['withOriginalYear']}, "
                f"the rows give {self._counts.originals}"
            )
            self._fail("decades", message)

    def figures(self) -> None:
        """What the report draws takes each row once."""
        found = self._manifest.get("figures")
        if found is None or not self._counts.sound:  # before form 3 there were none
            return
        claimed, actual = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for year, one in found["byReleaseYear"].items():
            claimed.update({(year, name): one[name] for name in ("tracks", "withFeatures")})
        for (number, has), tracks in self._counts.years.items():
            year = str(number or "unknown")
            actual.update({(year, "tracks"): tracks, (year, "withFeatures"): has * tracks})
        for year, name in sorted(claimed.keys() | actual.keys()):
            if (said := claimed[year, name]) != (rows := actual[year, name]):
                message = f"{name} of {year} is {said}, the rows give {rows}"
                self._fail("figures", message)
        for name in ("durationSeconds", "popularity", "suitability"):
            if (total := sum(found[name].values())) != self._tracks:
                self._fail("figures", f"{name} adds up to {total}, of {self._tracks} rows")
        measured, folded = (
            sum(map(Counter[str], found["tempo"][name].values()), Counter[str]())
            for name in ("measured", "folded")
        )
        # Not every release of this form tells limits, so its schema says nothing of them.
        limits = found.get("limits", [])
        if type(limits) is not list or not all(map(_is_limit, limits)):
            self._fail("figures", f"limits is {show(limits)}, no list of API, family and calls")
        # What is no tempo has no bin.
        if measured != folded or measured.total() > self._counts.with_tempo:
            message = f"measured {dict(measured)} and folded {dict(folded)}"
            self._fail("figures", f"{message} of {self._counts.with_tempo} rows with a tempo")

    def exhaustion(self) -> None:
        """The states of the cells are counted right."""
        found = self._manifest["exhaustion"]
        actual = Counter(cell["state"] for row in found["cells"].values() for cell in row.values())
        for state in sorted(found["states"].keys() | actual.keys()):
            if (claimed := found["states"].get(state, 0)) != actual[state]:
                message = f"{claimed} cells are said to be {state}, but {actual[state]} are"
                self._fail("exhaustion", message)
        # Not every release of this form tells of playlists, so its schema says nothing of them.
        for umbrella, row in found["cells"].items():
            for decade, cell in row.items():
                if "playlists" in cell and not _is_reading(cell["playlists"]):
                    message = f"{show(umbrella)} {show(decade)}: {show(cell['playlists'])}"
                    self._fail("exhaustion", f"no reading of playlists: {message}")

    def merged(self) -> None:
        account = self._manifest["accounting"]
        most = account["mergedIsrc"] + account["mergedSoft"]
        if self._counts.sound and self._counts.merged > most:
            message = f"rows stand for {self._counts.merged} tracks, but only {most} were merged"
            self._fail("accounting", message)

    def canonical(self) -> None:
        found = self._manifest["canonical"]
        if found["changed"] < len(found["changes"]):
            message = f"changed is {found['changed']}, but {len(found['changes'])} are listed"
            self._fail("canonical", message)
        for change in found["changes"]:
            if change["before"] == change["after"]:
                self._fail("canonical", f"{change['isrc']} is said to change into itself")
        # Before form 3 no code stood twice.
        divided = found.get("divided")
        if divided is None:
            return
        if self._counts.sound and divided["rows"] != self._counts.sharing:
            message = f"{divided['rows']} rows are said to share an ISRC, {self._counts.sharing} do"
            self._fail("canonical", message)
        if divided["tracks"] < 2 * divided["isrcs"]:
            message = f"{divided['isrcs']} ISRCs are said to be of {divided['tracks']} tracks"
            self._fail("canonical", message)

    def changes(self) -> None:
        """The account of changes adds up, and what it lists is where it says."""
        found = self._manifest["changes"]
        kept, listed = found["kept"], found["listed"]
        sums = [
            ("previousTracks", found["previousTracks"], "kept + removed", kept + found["removed"]),
            ("added", found["added"], "addedByReason", sum(found["addedByReason"].values())),
            (
                "removed",
                found["removed"],
                "removedByReason",
                sum(found["removedByReason"].values()),
            ),
        ]
        if self._tracks is not None:
            sums.append(("kept + added", kept + found["added"], "the rows", self._tracks))
        for name, number, parts, total in sums:
            if number != total:
                self._fail("changes", f"{name} is {number}, but {parts} give {total}")
        if found["moved"] + found["changed"] > kept:
            message = f"{found['moved']} moved and {found['changed']} changed of {kept} kept tracks"
            self._fail("changes", message)
        if found["against"] is None and found["previousTracks"]:
            self._fail("changes", f"{found['previousTracks']} tracks before the first release")
        for kind, rows in listed.items():
            if len(rows) > found[kind]:
                self._fail("changes", f"{kind} is {found[kind]}, but {len(rows)} are listed")
            for row in rows if self._counts.sound else ():
                inside = self._counts.holds(row["trackId"])
                if inside == (kind == "removed"):
                    state = "in" if inside else "not in"
                    message = f"{row['trackId']} is listed as {kind}, but is {state} the release"
                    self._fail("changes", message)

    def balance(self) -> None:
        """The certificate adds up, follows from the rows, and proves what it says."""
        found = self._manifest["balance"]
        target = found["target"]
        cells = {
            (umbrella, decade): cell
            for umbrella, decades in found["cells"].items()
            for decade, cell in decades.items()
        }
        if found["minimum"] > target:
            self._fail("balance", f"minimum {found['minimum']} is above target {target}")
        for wanted, number, name in (
            (found["wanted"], len(cells), "wanted"),
            (found["proof"]["wanted"], len(found["proof"]["cells"]), "proof.wanted"),
        ):
            if wanted != target * number:
                self._fail("balance", f"{name} is {wanted}, {number} cells want {target} each")
        for cell, count in cells.items():
            short = max(0, target - count["tracks"])
            if count["shortfall"] != short:
                message = f"{' / '.join(cell)} lacks {short}, not {count['shortfall']}"
                self._fail("balance", message)
        total = sum(cell["shortfall"] for cell in cells.values())
        if found["totalShortfall"] != total:
            self._fail("balance", f"totalShortfall is {found['totalShortfall']}, not {total}")
        proven = found["proof"]["wanted"] - found["proof"]["tracks"]
        if found["totalShortfall"] != proven:
            message = f"totalShortfall is {found['totalShortfall']}, the proof gives {proven}"
            self._fail("balance", message)
        if self._counts.sound:
            self._balance_of_rows(cells)

    def _balance_of_rows(self, cells: dict[tuple[str, str], Any]) -> None:
        actual, helped = self._counts.cells(), Counter[tuple[str, str, str]]()
        for cell, count in cells.items():
            if count["tracks"] != actual[cell]:
                message = f"{' / '.join(cell)} has {actual[cell]} tracks, not {count['tracks']}"
                self._fail("balance", message)
            helped.update({(*cell, step): n for step, n in count["backfill"].items()})
        if +helped != self._counts.backfill:
            self._fail("balance", "backfill differs from what _extra.backfill_for gives")
        proof = self._manifest["balance"]["proof"]
        named = {tuple(cell) for cell in proof["cells"]}
        serving = sum(
            number
            for (umbrellas, decade), number in self._counts.labels.items()
            if any((umbrella, decade or UNDATED) in named for umbrella in umbrellas)
        )
        if serving > proof["tracks"] or not named <= cells.keys():
            message = f"{serving} rows may serve the cells of the proof, not {proof['tracks']}"
            self._fail("balance", message)

    def gates(self) -> None:
        for gate in self._manifest["gates"]:
            refuses = gate.get("level", "fail") == "fail" and not gate.get("accepted")
            if not gate["passed"] and refuses:
                self._fail("gate", f"{gate['name']} neither passed nor was accepted")
        if self._tracks == 0:
            self._fail("empty", "the release holds no track")
        if not self._counts.sound or not self._tracks:
            return
        self._gate_values(self._tracks)
        features = 100 * self._counts.with_features / self._tracks
        found = {
            "featureCoveragePct": features,
            "tempoCoveragePct": 100 * self._counts.with_tempo / self._tracks,
        }
        for name, percent in found.items():
            # Releases of an older form do not tell the second.
            claimed = self._manifest["reccobeats"].get(name, percent)
            if abs(claimed - percent) > _ROUNDING:
                self._fail("coverage", f"{name} is {claimed}, the rows give {percent:.2f}")
        self._coverage_gate("feature", features, MIN_FEATURES_PCT)
        self._coverage_gate("year", 100 * self._counts.with_year / self._tracks, MIN_YEAR_PCT)

    def _gate_values(self, tracks: int) -> None:
        """Gates of a known name measured what the rows give."""
        if self._manifest.get("schemaVersion", FORMS[0]) < _GATES_FROM:
            return
        actual = {
            "min_tracks": tracks,
            "feature_coverage": self._counts.with_features / tracks,
            "year_coverage": self._counts.with_year / tracks,
        }
        for gate in self._manifest["gates"]:
            name, value = gate["name"], gate["value"]
            if name not in actual:
                continue
            if type(value) not in (int, float) or abs(value - actual[name]) > _SHARE_ROUNDING:
                message = f"{name} measured {show(value)}, the rows give {actual[name]:g}"
                self._fail("gate", message)

    def _coverage_gate(self, subject: str, percent: float, least: float) -> None:
        accepted = any(
            subject in gate["name"].lower() and gate.get("accepted")
            for gate in self._manifest["gates"]
        )
        if percent < least and not accepted:
            message = f"{percent:.2f} % of the tracks have it, {least:g} % are wanted"
            self._fail(f"{subject}-coverage", message)
