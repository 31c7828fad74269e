"""The plan of searches. Renew the golden file with ``python -m tests.frontier.test_templates``."""

from __future__ import annotations

import csv
import io
import random
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.families import family_names, load_policies
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.queries import artist_term, narrowed, parse
from runclub_spider.frontier.templates import (
    MAX_TERM_LENGTH,
    YEARS,
    Kind,
    Seed,
    clean_term,
    load_seeds,
    normalise_term,
    read_seed_file,
    rotation,
    searchable_name,
    unique,
)

SEEDS = Path(__file__).parents[2] / "seeds"
# libyaml where PyYAML was built with it: these tests rewrite all files many times.
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
GOLDEN = Path(__file__).with_name("golden_plan.csv")
DECADE_WORDS = {normalise_term(label): label for label in DECADE_LABELS} | {
    f"{years[:4]}s": label for label, years in YEARS.items()
}
LAST = "track.templates[0].patterns[4]"
SECOND = "playlist.templates[1]"
UMBRELLAS = UmbrellaMap.load(SEEDS / "umbrellas.yaml")
PLAN = load_seeds(SEEDS, UMBRELLAS)
# The specification's six, in its order.
FAMILIES = (
    "editorial",
    "umbrella_energy",
    "decade_refreshers",
    "trend_feeders",
    "cadence",
    "long_tail",
)
ALL_FAMILIES = (*FAMILIES, "artists")

# The specification's "Sourcing Strategy and Seed Keywords", copied by hand.
EDITORIAL = """\
workout, running, run mix, cardio, HIIT, gym, pump up, training motivation, beast mode,
treadmill, power run, marathon training, tempo run, sprint workout, interval training"""
ENERGY_UMBRELLAS = """\
Pop, Rock, Indie, Hip-Hop, R&B, Electronic, Latin, Metal, Country, Afrobeat, K-pop,
Bollywood, Reggaeton, EDM, House, Techno"""
ENERGY_PATTERNS = """\
{x} workout, {x} running, {x} cardio, {x} HIIT, {x} pump up, {x} gym, {x} power run, {x}
interval, fast {x}, high energy {x}, {x} bangers, uptempo {x}"""
ENERGY_EXAMPLES = """\
rock running, fast rock, indie workout, uptempo indie, latin cardio, reggaeton running,
electronic workout, edm running, house workout, techno running, hip-hop workout, rap
running, metal workout, punk running"""
DECADES = "70s, 80s, 90s, 2000s, 2010s, 2020s"
DECADE_PATTERNS = """\
{x} hits, best of {x}, {x} pop hits, {x} rock hits, {x} dance hits, {x} throwbacks,
throwback hits, nostalgia {x}, club hits {x}, party hits {x}, {x} workout, {x} running"""
TRENDS = """\
Top 50 USA, Viral 50 USA, Top 50 Global, Viral 50 Global, New Music Friday, mint, Dance
Rising, Fresh Finds, Rock This, RapCaviar, Pop Rising, Viva Latino, Today’s Top Hits,
New Joints, New Music Pop, New Music Rock"""
CADENCES = range(150, 181, 5)
CADENCE_PATTERNS = """\
{x} bpm, {x} bpm workout, {x} bpm run mix, cadence {x} running, {x} spm running"""
SUB_GENRES = """\
dance pop, electropop, hyperpop, alternative rock, indie rock, pop punk, emo, punk rock,
house, big room, techno, trance, drum & bass, dubstep, electro house, trap, boom bap,
grime, drill, contemporary r&b, reggaeton, dembow, latin pop, urbano latino, afrobeat,
amapiano, bhangra, bollywood, k-pop, j-pop, metalcore, hard rock, hardcore punk, nu
disco, funk, disco"""
SUB_GENRE_PATTERNS = "{x} workout, {x} running, {x} cardio, fast {x}, high energy {x}"
INPUT_EXAMPLES = """\
metal running playlist, indie running, country tempo run, house workout, electronic
running, 80s running mix"""
SEARCH_EXAMPLES = """\
70s country, 1970s outlaw country, 90s alt rock, drum and bass running, latin reggaeton
fast"""


def listed(text: str) -> list[str]:
    return [each.strip() for each in text.replace("\n", " ").split(",")]


def patterned(patterns: str, values: list[str]) -> list[str]:
    return [pattern.replace("{x}", value) for pattern in listed(patterns) for value in values]


def keys(kind: str, family: str | None = None) -> set[str]:
    return {normalise_term(s.term) for s in PLAN if s.kind == kind and family in (None, s.family)}


def golden_text(seeds: tuple[Seed, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["kind", "family", "umbrella", "decade", "bpm", "locale", "term"])
    for s in seeds:
        writer.writerow([s.kind, s.family, s.umbrella, s.decade, s.bpm, s.locale, s.term])
    return out.getvalue()


def copy_of_seeds(directory: Path) -> Path:
    target = directory / "seeds"
    shutil.copytree(SEEDS, target)
    return target


def test_golden_plan() -> None:
    assert GOLDEN.exists(), "renew it: python -m tests.frontier.test_templates"
    assert golden_text(PLAN) == GOLDEN.read_text(encoding="utf-8")


def test_counts_per_family() -> None:
    counts = Counter((s.kind, s.family) for s in PLAN)
    assert counts == {
        ("track", "decade_refreshers"): 446,
        ("track", "long_tail"): 1765,
        ("track", "umbrella_energy"): 583,
        ("track", "cadence"): 45,
        ("track", "editorial"): 76,
        ("track", "trend_feeders"): 66,
        ("track", "artists"): 3791,
        ("playlist", "editorial"): 119,
        ("playlist", "umbrella_energy"): 899,
        ("playlist", "decade_refreshers"): 762,
        ("playlist", "trend_feeders"): 34,
        ("playlist", "cadence"): 90,
        ("playlist", "long_tail"): 499,
    }
    words = [n for (kind, family), n in counts.items() if kind == "track" and family != "artists"]
    assert 1_500 <= sum(words) <= 3_000
    assert 1_000 <= sum(n for (kind, _), n in counts.items() if kind == "playlist") <= 2_500
    assert {family for _, family in counts} == set(ALL_FAMILIES)


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(listed(EDITORIAL), id="editorial"),
        pytest.param(patterned(ENERGY_PATTERNS, listed(ENERGY_UMBRELLAS)), id="umbrella_energy"),
        pytest.param(listed(ENERGY_EXAMPLES), id="umbrella_energy-examples"),
        pytest.param(patterned(DECADE_PATTERNS, listed(DECADES)), id="decade_refreshers"),
        pytest.param(listed(TRENDS), id="trend_feeders"),
        pytest.param(
            patterned(CADENCE_PATTERNS, [str(b + v) for b in CADENCES for v in (-5, 0, 5)]),
            id="cadence",
        ),
        pytest.param(patterned(SUB_GENRE_PATTERNS, listed(SUB_GENRES)), id="long_tail"),
        pytest.param(listed(INPUT_EXAMPLES), id="input-examples"),
    ],
)
def test_specification_is_covered_by_playlist_names(expected: list[str]) -> None:
    assert {normalise_term(term) for term in expected} <= keys("playlist")


def test_specification_examples_of_song_searches() -> None:
    assert {normalise_term(term) for term in listed(SEARCH_EXAMPLES)} <= keys("track")


def test_trend_feeders_are_of_their_own_family() -> None:
    assert {normalise_term(term) for term in listed(TRENDS)} <= keys("playlist", "trend_feeders")


def test_terms_that_name_a_decade_are_about_it() -> None:
    named = [(s, set(DECADE_WORDS) & set(normalise_term(s.term).split())) for s in PLAN]
    assert {s.decade for s, words in named if words} == set(DECADE_LABELS)
    for seed, words in named:
        assert words <= {word for word, decade in DECADE_WORDS.items() if decade == seed.decade}


def test_decades_and_umbrellas_in_other_languages() -> None:
    shared = yaml.safe_load((SEEDS / "lists.yaml").read_text(encoding="utf-8"))
    for kind in ("track", "playlist"):
        cells = [s for s in PLAN if s.kind == kind and s.locale and s.umbrella and s.decade]
        assert len({(s.umbrella, s.decade, s.locale) for s in cells}) > 100
        for seed in cells:
            # Both words are of the seed's language.
            pairs = (
                f"{umbrella} {decade}"
                for umbrella in shared["umbrellas"][seed.umbrella][seed.locale]
                for decade in shared["decades"][seed.decade]["locale"][seed.locale]
            )
            assert seed.term in map(clean_term, pairs)


def test_cadence_seeds_carry_their_bpm() -> None:
    cadence = [s for s in PLAN if s.family == "cadence"]
    assert {s.bpm for s in cadence} == set(range(145, 186, 5))
    assert all(str(s.bpm) in s.term for s in cadence)
    assert all(s.bpm is None for s in PLAN if s.family != "cadence")


def test_every_possible_cell_is_searched_and_nearly_all_of_them_early() -> None:
    cells = set(UMBRELLAS.possible_cells(DECADE_LABELS))
    track = [s for s in PLAN if s.kind == "track"]
    assert {(s.umbrella, s.decade) for s in track if s.umbrella and s.decade} == cells
    assert len({(s.umbrella, s.decade) for s in track[:100]}) == 100
    assert {(s.umbrella, s.decade) for s in track[: len(cells)]} == cells
    assert all((s.umbrella, s.decade) in cells for s in PLAN if s.umbrella and s.decade)


def test_filter_queries_name_the_years_of_their_decade() -> None:
    filters = [s for s in PLAN if "year:" in s.term and s.family != "trend_feeders"]
    assert len(filters) > 1_000
    for seed in filters:
        assert seed.umbrella is not None
        assert seed.decade is not None
        assert seed.term.endswith(f" year:{YEARS[seed.decade]}")  # type: ignore[index]
        assert seed.term.startswith('artist:"' if seed.family == "artists" else 'genre:"')


def test_sub_genres_stand_under_the_umbrella_they_map_to() -> None:
    content = yaml.safe_load((SEEDS / "long_tail.yaml").read_text(encoding="utf-8"))
    for groups in content["genres"].values():
        for umbrella, genres in groups.items():
            # The specification files hardcore punk with metal; its genre is punk.
            assert {g: UMBRELLAS.of_genre(g) for g in genres} == dict.fromkeys(genres, umbrella)


def test_no_duplicates_and_terms_are_clean() -> None:
    assert len({(normalise_term(s.term), s.kind) for s in PLAN}) == len(PLAN)
    assert all(s.term == clean_term(s.term) and "{" not in s.term for s in PLAN)
    assert unique(PLAN) == unique((*PLAN, *PLAN)) == PLAN


def test_kind_and_family_narrow_the_plan_only() -> None:
    assert family_names(SEEDS) == (*ALL_FAMILIES, "custom")
    for family in ALL_FAMILIES:
        part = load_seeds(SEEDS, UMBRELLAS, kind="track", family=family)
        assert part == tuple(s for s in PLAN if s.kind == "track" and s.family == family)


@pytest.mark.parametrize(
    "same",
    [
        ["70s country", "1970s Country", "70's country", "70’s country", "seventies COUNTRY"],
        ["2000s hits", "00s hits", "noughties hits"],
        ["drum & bass running", "Drum and Bass running", "drum&bass  running"],
        ["hip-hop workout", "hip hop workout", "ｈｉｐ　ｈｏｐ workout"],
    ],
)
def test_spellings_of_one_seed(same: list[str]) -> None:
    assert len({normalise_term(term) for term in same}) == 1


def test_other_numbers_are_no_decades() -> None:
    assert normalise_term("1920s jazz") == "1920s jazz"
    assert normalise_term("170 bpm") == "170 bpm"
    assert normalise_term("70s") != normalise_term("80s")


@given(st.text() | st.sampled_from([s.term for s in PLAN]))
def test_normalisation_is_idempotent(text: str) -> None:
    once = normalise_term(text)
    assert normalise_term(once) == once
    assert clean_term(clean_term(text)) == clean_term(text)


def shuffled(value: object, rng: random.Random, *, sequences: bool, key: str = "") -> object:
    """Return a seed file's content with its maps and lists in another order.

    Templates and their patterns are sequences: they stand in the order of the plan.
    """
    if isinstance(value, dict):
        items = [
            (name, shuffled(child, rng, sequences=sequences, key=name))
            for name, child in value.items()
        ]
        rng.shuffle(items)
        return dict(items)
    # A genre's two decades are a span, not a list.
    if isinstance(value, list) and not set(map(str, value)) <= set(DECADE_LABELS):
        children = [shuffled(child, rng, sequences=sequences) for child in value]
        if sequences or key not in {"templates", "patterns"}:
            rng.shuffle(children)
        return children
    return value


def rewritten(
    directory: Path, rng: random.Random | None, *, sequences: bool = False, tighter: int = 1
) -> tuple[Seed, ...]:
    """The plan of seed files in another order, with all caps divided by ``tighter``."""
    seeds = copy_of_seeds(directory)
    for name in (*ALL_FAMILIES, "lists"):
        path = seeds / f"{name}.yaml"
        content = yaml.load(path.read_bytes(), Loader)
        for section in filter(None, (content.get("track"), content.get("playlist"))):
            section["caps"] = {of: max(1, cap // tighter) for of, cap in section["caps"].items()}
        if rng is not None:
            content = shuffled(content, rng, sequences=sequences)
        path.write_text(yaml.dump(content, None, Dumper, sort_keys=False), encoding="utf-8")
    return load_seeds(seeds, UMBRELLAS)


few = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(number=st.integers(0, 2**32))
def test_order_of_the_input_does_not_change_the_plan(
    number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("seeds")
    assert rewritten(directory, random.Random(number)) == PLAN


@few
@given(number=st.integers(0, 2**32), tighter=st.integers(2, 40))
def test_nor_what_caps_leave_out(
    number: int, tighter: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plain, other = (tmp_path_factory.mktemp(name) for name in ("plain", "other"))
    capped = rewritten(plain, None, tighter=tighter)
    assert len(capped) < len(PLAN)
    assert rewritten(other, random.Random(number), tighter=tighter) == capped


@few
@given(number=st.integers(0, 2**32))
def test_order_of_templates_changes_the_order_only(
    number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("seeds")
    other = rewritten(directory, random.Random(number), sequences=True)
    assert {(normalise_term(s.term), s.kind) for s in other} == {
        (normalise_term(s.term), s.kind) for s in PLAN
    }


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["track", "playlist"]),
    family=st.integers(1, 900),
    umbrella=st.integers(1, 60),
    decade=st.integers(1, 200),
    locale=st.integers(1, 80),
)
def test_caps_hold(
    kind: Kind,
    family: int,
    umbrella: int,
    decade: int,
    locale: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = yaml.safe_load((SEEDS / "umbrella_energy.yaml").read_text(encoding="utf-8"))
    caps = {"umbrella": umbrella, "decade": decade, "locale": locale}
    content[kind]["caps"] = {"family": family, **caps}
    directory = tmp_path_factory.mktemp("caps")
    shutil.copy(SEEDS / "lists.yaml", directory)
    path = directory / "umbrella_energy.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    seeds = read_seed_file(path, kind, UMBRELLAS)
    assert 0 < len(seeds) <= family
    for dimension, cap in caps.items():
        counts = Counter(value for s in seeds if (value := getattr(s, dimension)))
        assert max(counts.values(), default=0) <= cap
    assert len({normalise_term(s.term) for s in seeds}) == len(seeds)


def test_each_cap_lets_in_as_many_as_it_says(tmp_path: Path) -> None:
    text = (SEEDS / "umbrella_energy.yaml").read_text(encoding="utf-8")
    shutil.copy(SEEDS / "lists.yaml", tmp_path)
    for dimension in ("umbrella", "decade", "locale"):
        content = yaml.safe_load(text)
        content["track"]["caps"] = {"family": 900, dimension: 7}
        path = tmp_path / "umbrella_energy.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        seeds = read_seed_file(path, "track", UMBRELLAS)
        counts = Counter(value for s in seeds if (value := getattr(s, dimension)))
        assert set(counts.values()) == {7}


def test_rotation_is_fair_and_loses_nothing() -> None:
    turned = rotation(PLAN)
    assert sorted(turned, key=repr) == sorted(PLAN, key=repr)
    assert rotation(PLAN) == turned
    assert {s.family for s in turned[: len(FAMILIES)]} == set(FAMILIES)
    long_tail = [s.umbrella for s in turned if s.family == "long_tail"]
    assert len(set(long_tail[: len(UMBRELLAS.labels)])) == len(UMBRELLAS.labels)
    assert rotation([]) == ()


def test_own_terms(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("\ufeff# mine\n70s country\n\n  Seventies Country \r\nbeur  punk\n", "utf-8")
    assert read_seed_file(path, "playlist") == (
        Seed("70s country", "playlist", "custom"),
        Seed("beur punk", "playlist", "custom"),
    )


def test_own_terms_in_the_directory_come_first(tmp_path: Path) -> None:
    seeds = copy_of_seeds(tmp_path)
    (seeds / "search_terms.txt").write_text("my own thing\n", encoding="utf-8")
    plan = load_seeds(seeds, UMBRELLAS)
    assert plan[0] == Seed("my own thing", "track", "custom")
    assert plan[1:] == PLAN
    assert load_seeds(seeds, UMBRELLAS, family="custom") == plan[:1]


def test_own_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "family: custom\n"
        "lists: {mood: [happy, sad]}\n"
        "track:\n"
        "  order: 1\n"
        "  caps: {family: 3}\n"
        "  templates:\n"
        '    - patterns: ["{mood} {main}"]\n'
        "      umbrellas: [Rock, Metal]\n",
        encoding="utf-8",
    )
    assert [(s.term, s.umbrella) for s in read_seed_file(path, "track", UMBRELLAS)] == [
        ("happy rock", "Rock"),
        ("happy metal", "Metal"),
        ("sad rock", "Rock"),
    ]
    with pytest.raises(ConfigurationError, match="key 'playlist': missing"):
        read_seed_file(path, "playlist", UMBRELLAS)
    with pytest.raises(ConfigurationError, match=r"mine.yaml:7: .*\{main\} is unknown"):
        read_seed_file(path, "track")


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "key", "cure"),
    [
        ("cadence", "family: cadence", "family: cadenza", 2, "family", "write 'cadence'"),
        ("cadence", "family: cadence", "family: editorial", 2, "family", "rename the file"),
        ("cadence", "  vary: 5", "  vary: -1", 7, "bpm.vary", "greater than"),
        ("cadence", "  vary: 5", "  vari: 5", 7, "bpm.vari", "check the spelling"),
        ("cadence", "  order: 4", "  order: high", 22, "track.order", "valid integer"),
        ("cadence", "  order: 4\n", "", 21, "track.order", "add it"),
        ("cadence", "caps: {family: 80}", "caps: {family: 0}", 23, "track.caps.family", "greater"),
        ("cadence", '"cadence {bpm}"', '"cadence {bmp}"', 25, LAST, "{bmp} is"),
        ("cadence", '"cadence {bpm}"', '"cadence {bpm"', 25, LAST, "brace"),
        ("cadence", '"cadence {bpm}"', '""', 25, LAST, "empty"),
        ("cadence", '"cadence {bpm}"', "180", 25, LAST, "in quotes"),
        ("cadence", "umbrella: Pop", "umbrella: Pup", 17, f"{SECOND}.umbrella", "Pup"),
        ("cadence", "umbrella: Pop", "decade: 60s", 17, f"{SECOND}.decade", "'70s'"),
        ("cadence", "umbrella: Pop", "umbrellas: [Pup]", 17, f"{SECOND}.umbrellas[0]", "Pup"),
        ("cadence", "umbrella: Pop", "genres: [odd]", 17, f"{SECOND}.genres[0]", "odd"),
        ("long_tail", "Pop: {dance", "Pup: {dance", 10, "genres.examples.Pup", "use one of Pop"),
        ("long_tail", "emo: 90s", "emo: 60s", 11, "genres.examples.Rock.emo", "'70s'"),
        ("long_tail", "emo: 90s", "emo: [90s, 80s]", 11, "genres.examples.Rock.emo", "swap"),
        ("editorial", "  keyword: [", "  main: [", 6, "lists.main", "choose another"),
        ("cadence", "{family: 80}", "{family: 9, locale: 0}", 23, "track.caps.locale", "greater"),
        ("cadence", "umbrella: Pop", "locales: [xx]", 17, f"{SECOND}.locales[0]", "one of da, "),
        ("cadence", "umbrella: Pop", "locales: []", 17, f"{SECOND}.locales", "at least 1 item"),
        ("editorial", "song_word: [running", 'song_word: [" "', 15, "lists.song_word[0]", "at le"),
        ("editorial", "  song_word: [", "  bpm: [", 15, "lists.bpm", "choose another"),
        ("lists", "  90s:\n", "  60s:\n", 15, "decades.60s", "'70s'"),
        ("lists", "  Pop: {de", "  Pup: {de", 38, "umbrellas.Pup", "use one of Pop"),
        ("lists", "{es: [reguetón]}", "reguetón", 47, "umbrellas.Reggaeton", "dictionary"),
        ("lists", "[deutschpop]", '[""]', 38, "umbrellas.Pop.de[0]", "at least 1 character"),
        ("lists", "    word: 70s", "    word:", 6, "decades.70s.word", "in quotes"),
        ("lists", "  running:\n", "  decade:\n", 57, "locale.decade", "choose another"),
        ("lists", "lists: {}", "lists: {alias: [a]}", 98, "lists.alias", "choose another"),
    ],
)  # fmt: skip
def test_mistakes_name_file_line_key_and_cure(
    tmp_path: Path, name: str, old: str, new: str, line: int, key: str, cure: str
) -> None:
    seeds = copy_of_seeds(tmp_path)
    path = seeds / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_seeds(seeds, UMBRELLAS)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: key '{key}': ")
    assert cure in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", b"", "holds no term"),
        ("a.txt", b"# note\n\n", "holds no term"),
        ("a.txt", b"one\ntw\xe9\n", ":2: not UTF-8"),
        ("a.txt", b"one\n" + b"x" * 251, ":2: key 'term': has 251 characters"),
        ("a.txt", b"one\ntw\x00o\n", ":2: key 'term': holds a control character"),
        ("a.yaml", b"", "the file is empty"),
        ("a.yaml", b"family: [\n", ":2: not valid YAML"),
        ("a.yaml", b"family: \xff\n", ":1: not UTF-8"),
        ("a.yaml", b"just words\n", ":1: key '(root)': must hold keys"),
        ("a.yaml", b"family: custom\nfamily: custom\n", ":2: key 'family': stands twice"),
        ("a.yaml", b"family: a\x00b\n", "not valid YAML"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_seed_file(path, "track", UMBRELLAS)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert problem in message
    assert "\n" not in message


@pytest.mark.parametrize("suffix", [".txt", ".yaml"])
def test_missing_file_and_directory(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        read_seed_file(tmp_path / f"none{suffix}", "track")
    (tmp_path / f"dir{suffix}").mkdir()
    with pytest.raises(ConfigurationError, match="is a directory"):
        read_seed_file(tmp_path / f"dir{suffix}", "track")
    with pytest.raises(ConfigurationError, match="no such file"):
        load_seeds(tmp_path / "nowhere", UMBRELLAS)


TRACK = "track: {order: 9, caps: {family: 2}, templates: [{patterns: ['{main} hills']}]}\n"


def test_a_new_file_is_a_new_family(tmp_path: Path) -> None:
    seeds = copy_of_seeds(tmp_path)
    (seeds / "hills.yaml").write_text(f"family: hills\n{TRACK}", encoding="utf-8")
    plan = load_seeds(seeds, UMBRELLAS)
    assert [s for s in plan if s.family != "hills"] == list(PLAN)
    assert [(s.term, s.kind) for s in plan if s.family == "hills"] == [
        ("pop hills", "track"),
        ("rock hills", "track"),
    ]
    assert family_names(seeds) == (*ALL_FAMILIES, "hills", "custom")


def test_a_family_without_a_file_is_none(tmp_path: Path) -> None:
    seeds = copy_of_seeds(tmp_path)
    (seeds / "cadence.yaml").unlink()
    assert load_seeds(seeds, UMBRELLAS) == tuple(s for s in PLAN if s.family != "cadence")
    assert "cadence" not in family_names(seeds)


def test_files_of_an_earlier_version_give_the_same_plan(tmp_path: Path) -> None:
    """They do not say how well their finds must suit a run."""
    seeds = copy_of_seeds(tmp_path)
    for name in FAMILIES:
        path = seeds / f"{name}.yaml"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("suitability:")]
        assert len(kept) == len(lines) - 1
        path.write_text("".join(kept), encoding="utf-8")
    assert load_seeds(seeds, UMBRELLAS) == PLAN
    assert load_policies(seeds) == load_policies(SEEDS)


@pytest.mark.parametrize(
    ("name", "content", "line", "problem"),
    [
        ("hills", "family: hills\n", 1, "key '(root)': searches nothing"),
        ("hills", f"# mine\nfamily: Hills\n{TRACK}", 2, "key 'family': 'Hills' does not fit"),
        ("hills-1", f"family: hills-1\n{TRACK}", 1, "key 'family': 'hills-1' is no name"),
        ("kexp", f"family: kexp\n{TRACK}", 1, "key 'family': 'kexp' is a family of the program"),
        ("custom", f"family: custom\n{TRACK}", 1, "key 'family': 'custom' is a family of the"),
        ("hills", TRACK, 1, "key 'family': missing"),
        ("hills", f"family: hills\nsuit: 1\n{TRACK}", 2, "key 'suit': unknown key"),
    ],
)
def test_a_bad_family_file_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, line: int, problem: str
) -> None:
    seeds = copy_of_seeds(tmp_path)
    path = seeds / f"{name}.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_seeds(seeds, UMBRELLAS)
    assert str(caught.value).startswith(f"{path}:{line}: {problem}")
    assert "\n" not in str(caught.value)


def test_a_file_from_elsewhere_belongs_to_a_family_of_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    same = "suitability: {tempo: 0.6, energy: 0.25, danceability: 0.15, least: 0.5}\n"
    for family, said, refused in (
        ("cadence", "", None),
        ("cadence", same, None),
        ("cadence", "suitability: {least: 0.1}\n", "mine.yaml:2: key 'suitability': differs"),
        ("hills", "", "mine.yaml:1: key 'family': no such family; use one of editorial, "),
        ("kexp", "", "mine.yaml:1: key 'family': no such family"),
    ):
        path.write_text(f"family: {family}\n{said}{TRACK}", encoding="utf-8")
        if refused is None:
            found = read_seed_file(path, "track", UMBRELLAS, seeds_dir=SEEDS)
            assert {seed.family for seed in found} == {family}
        else:
            with pytest.raises(ConfigurationError, match=re.escape(refused)):
                read_seed_file(path, "track", UMBRELLAS, seeds_dir=SEEDS)


# Known artists


def test_every_possible_cell_has_fifteen_known_artists() -> None:
    counts = Counter((s.umbrella, s.decade) for s in PLAN if s.family == "artists")
    cells = UMBRELLAS.possible_cells(DECADE_LABELS)
    assert {cell: counts[cell] for cell in cells if counts[cell] < 15} == {}
    assert set(counts) == set(cells)


def test_searches_for_known_artists_are_those_for_found_ones_within_years() -> None:
    terms = {s.term for s in PLAN if s.family == "artists"}
    assert 'artist:"Fela Kuti" year:1970-1979' in terms
    # The filter's quotes end at a name's own.
    assert 'artist:"Lee Scratch Perry" year:1970-1979' in terms
    for term in terms:
        query = parse(term)
        found = artist_term(term.split('"')[1])
        assert found is not None
        assert query.years is not None
        assert narrowed(found, query.years) == term


ARTISTS = """\
family: mine
artists:
  Rock:
    Someone: [70s, 80s]
    'The "Others"': [80s]
  House:
    Someone: [90s]
track: {order: 9, caps: {family: 99}, templates: [{patterns: ['artist:"{artist}" year:{years}']}]}
"""


def test_artists_of_any_family_are_asked_in_their_decades(tmp_path: Path) -> None:
    seeds = copy_of_seeds(tmp_path)
    (seeds / "mine.yaml").write_text(ARTISTS, encoding="utf-8")
    found = load_seeds(seeds, UMBRELLAS, family="mine")
    assert [(s.umbrella, s.decade, s.term) for s in found] == [
        ("Rock", "70s", 'artist:"Someone" year:1970-1979'),
        ("Rock", "80s", 'artist:"Someone" year:1980-1989'),
        ("Rock", "80s", 'artist:"The Others" year:1980-1989'),
        ("House", "90s", 'artist:"Someone" year:1990-1999'),
    ]


def test_earlier_seeds_have_lists_and_files_of_those_names(tmp_path: Path) -> None:
    """A list `artist` and a family `artists` without the key `artists` mean what they meant."""
    seeds = copy_of_seeds(tmp_path)
    (seeds / "artists.yaml").write_text(
        "family: artists\nlists: {artist: [Abba]}\n"
        "track: {order: 9, caps: {family: 2}, templates: [{patterns: ['{artist} run']}]}\n",
        encoding="utf-8",
    )
    assert [s.term for s in load_seeds(seeds, UMBRELLAS, family="artists")] == ["Abba run"]
    (seeds / "artists.yaml").unlink()
    assert load_seeds(seeds, UMBRELLAS) == tuple(s for s in PLAN if s.family != "artists")


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "cure"),
    [
        ("  Rock:", "  Rok:", 3, "artists.Rok", "no such umbrella; use one of Pop"),
        ("[70s, 80s]", "[70s, 60s]", 4, "artists.Rock.Someone[1]", "'70s'"),
        ("[70s, 80s]", "[]", 4, "artists.Rock.Someone", "at least 1 item"),
        ("[70s, 80s]", "70s", 4, "artists.Rock.Someone", "list"),
        ("[70s, 80s]", "[70s, 70s]", 4, "artists.Rock.Someone[1]", "stands already under Rock"),
        ("[90s]", "[80s]", 7, "artists.House.Someone[0]", "stands already under Rock; keep one"),
        ("[90s]", "[70s]", 7, "artists.House.Someone[0]", "before House begins (80s); remove it"),
        ("Someone: [90s]", "'!!!': [90s]", 7, "artists.House.!!!", "write the artist's name"),
        ("Someone: [90s]", "Yes: [90s]", 7, "artists.House.Yes", "in quotes"),
        ("Someone: [90s]", "311: [90s]", 7, "artists.House.311", "in quotes"),
        ("Someone: [90s]", f"{'x' * 230}: [90s]", 7, f"artists.House.{'x' * 230}", "searched"),
        ("artists:", "lists: {artist: [a]}\nartists:", 3, "artists", "choose another name"),
    ],
)  # fmt: skip
def test_a_bad_entry_of_an_artist_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, line: int, key: str, cure: str
) -> None:
    seeds = copy_of_seeds(tmp_path)
    path = seeds / "mine.yaml"
    path.write_text(ARTISTS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_seeds(seeds, UMBRELLAS)
    assert str(caught.value).startswith(f"{path}:{line}: key '{key}': ")
    assert cure in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=300))
def test_a_name_is_searched_whole_or_not_at_all(name: str) -> None:
    plain = searchable_name(name)
    if plain is None:
        assert len(name) > 200 or not any(letter.isalnum() for letter in name)
    else:
        assert searchable_name(plain) == plain
        assert re.sub(r'[\s"]', "", plain) == re.sub(r'[\s"]', "", name)
        assert len(f'artist:"{plain}" year:1970-1979') <= MAX_TERM_LENGTH


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(PLAN), encoding="utf-8")
