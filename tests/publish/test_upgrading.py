"""A newer program on a release and a store of an earlier one."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from runclub_spider.config import Config
from runclub_spider.publish import verify
from runclub_spider.publish.account.diff import compare
from runclub_spider.publish.verify import verify_release
from runclub_spider.publish.verify.schema import FORMS, NEWEST_FORM, SCHEMA_NAMES, packaged_schema
from runclub_spider.publish.write import report, up_to_date
from runclub_spider.publish.write.release import SCHEMAS, publish
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from testkit.killer import ROOT
from tests.fixtures import unpacked

GOLDEN = Path(__file__).parent / "golden.json"
# Their bytes follow from the others', and from the versions of libraries.
_PACKED = (".gz", ".parquet")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return unpacked("c3893d9", tmp_path)


def configured(place: Path) -> Config:
    return Config(
        cache_dir=place / "cache",
        export_dir=place / "export",
        seeds_dir=ROOT / "seeds",
        feature_coverage_min=0.5,
        source_date_epoch=1_796_000_000,
    )


def digests(latest: Path) -> dict[str, str]:
    """Of the four data files, and of everything else but what packs them."""
    document = json.loads((latest / "manifest.json").read_bytes())
    data = up_to_date.data_digest(document["fileHashes"])
    rest = {
        name: found
        for name, found in document.pop("fileHashes").items()
        if name not in up_to_date.DATA_FILES and not name.endswith(_PACKED)
    }
    del document["createdAt"]
    text = json.dumps([rest, document], sort_keys=True)
    return {"data": data, "rest": hashlib.sha256(text.encode()).hexdigest()}


def test_bytes_change_only_with_the_number_of_the_form(place: Path) -> None:
    """A release of the same store, whose digests are recorded with `up_to_date.FORM`."""
    publish(configured(place))
    found = {"form": up_to_date.FORM, **digests(place / "export" / "latest")}
    assert found == json.loads(GOLDEN.read_bytes()), (
        "the bytes of a release changed: raise up_to_date.FORM and record these digests in "
        f"{GOLDEN.name} (docs/ARCHITECTURE.md says how): {json.dumps(found)}"
    )


def test_the_writer_and_verify_agree_on_the_form() -> None:
    assert up_to_date.FORM == NEWEST_FORM


def test_the_writers_schemas_are_those_of_verifys_own_copy() -> None:
    written = {path.name: path.read_bytes() for path in SCHEMAS.glob("*.schema.json")}
    frozen = Path(verify.__path__[0]) / "schemas" / str(NEWEST_FORM)
    assert written == {path.name: path.read_bytes() for path in frozen.iterdir()}
    assert written.keys() == {f"{name}.schema.json" for name in SCHEMA_NAMES}


def test_every_form_keeps_its_schemas() -> None:
    """Byte by byte what was released with them, or those releases would not verify any more."""
    recorded = json.loads((GOLDEN.parent / "frozen.json").read_bytes())
    assert {str(form) for form in FORMS} == recorded.keys()
    for form, known in recorded.items():
        found = {
            name: hashlib.sha256(
                json.dumps(packaged_schema(name, int(form)), sort_keys=True).encode()
            ).hexdigest()
            for name in SCHEMA_NAMES
        }
        assert found == known


def test_an_old_release_verifies_as_it_did(place: Path) -> None:
    """It was made with a lower gate for features; nothing else is said of it."""
    problems = verify_release(place / "export" / "latest")
    assert {problem.rule for problem in problems} <= {"feature-coverage"}


def test_an_old_release_has_its_report(place: Path, tmp_path: Path) -> None:
    latest = place / "export" / "latest"
    written = report.write(latest, tmp_path / "report.html").read_text(encoding="utf-8")
    assert latest.resolve().name in written
    assert "</html>" in written


def test_an_old_store_is_published_anew_and_compared_with_its_old_release(place: Path) -> None:
    latest = place / "export" / "latest"
    # Equal data have an equal name: the new form takes the place of the old.
    old = place / "before" / latest.resolve().name
    shutil.copytree(latest.resolve(), old)
    assert publish(configured(place)).startswith("Released ")
    new = latest.resolve()
    assert json.loads((new / "manifest.json").read_bytes())["schemaVersion"] == up_to_date.FORM
    assert {problem.rule for problem in verify_release(new)} <= {"feature-coverage"}
    for pair in ((old, new), (new, old)):
        assert compare(*pair).kept == len((old / "catalog_wide.jsonl").read_bytes().splitlines())
    again = publish(configured(place))
    assert again == f"Nothing new to publish: export/latest is {new.name}."


def test_the_form_is_part_of_what_a_release_follows_from(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgraded program must not say that there is nothing new."""
    config = configured(place)
    publish(config)
    store = Store.open(config)
    umbrellas = up_to_date.load_umbrellas(config.seeds_dir)
    with store.reading() as connection:
        assert meta.revision(connection) > 0
        now = up_to_date.input_digest(config, connection, umbrellas)
        assert up_to_date.published(config, connection, now) is not None
        monkeypatch.setattr(up_to_date, "FORM", up_to_date.FORM + 1)
        then = up_to_date.input_digest(config, connection, umbrellas)
        assert up_to_date.published(config, connection, then) is None
    store.close()
