"""Names are made of glossary words and plain English ones, and the words that went stay away."""

import ast
import builtins
import keyword
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from sqlalchemy.sql.compiler import RESERVED_WORDS

from configs.tables import TABLES
from features.catalogue.entries import NOUNS, PATTERNS
from features.catalogue.measures import MEASURES
from pipeline.__main__ import app
from serve.store.tables import metadata

ROOT = Path(__file__).parent.parent
PACKAGES = ("configs", "features", "models", "serve", "pipeline")

# Plain words besides those of tests/plain_english.txt: what Python, SQL and HTTP prescribe.
PRESCRIBED = (*keyword.kwlist, *dir(builtins), *RESERVED_WORDS, *(status.phrase for status in HTTPStatus))

# What a plain word may end in, and what its root has there.
ENDINGS = (
    ("ies", "y"), ("ied", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"),
    ("er", ""), ("er", "e"), ("ers", ""), ("ers", "e"), ("or", ""), ("or", "e"), ("est", ""), ("est", "e"),
    ("ly", ""), ("able", ""), ("able", "e"), ("ion", ""), ("ion", "e"),
)  # fmt: skip

# Names that say nothing about what they hold (CONTRIBUTING, rule 4).
VAGUE = {
    "one", "told", "said", "found", "there", "own", "few", "every", "now", "then", "given", "came",
}  # fmt: skip


# Those that are left; a name that is corrected leaves this list, and none joins it.
LEFT = {
    "models/matrix.py found",
    "pipeline/commands/models.py every",
    "pipeline/ingest/recorded_contacts.py own",
    "pipeline/scoring/profiles.py own",
    "serve/workbooks/sheets.py own",
}


class Name(NamedTuple):
    """One public name and its place, as path:line."""

    text: str
    place: str


class Retired(NamedTuple):
    """A word that went, as a pattern within a name, and the standard word.

    ``elsewhere`` names other senses that stay, as "path name" patterns, each with its reason in ``why``.
    """

    pattern: str
    standard: str
    elsewhere: str = r"(?!)"
    why: str = ""


RETIRED = (
    Retired(r"as_if_prompt", "last_versions"),
    Retired(r"aftermath", "outcome_window"),
    Retired(r"replay", "recompute_late_arrivals", r"pipeline/(?:replay|commands)/.*|pipeline/commands replay|"
                                                  r"Makefile replay", "the Mondays of a past year run again"),
    Retired(r"mend(?:ed|s|ing)?", "patch, correct"),
    Retired(r"thin(?:ned)?|old_years", "compact_history, downsample_negatives"),
    Retired(r"happenings?", "event_tables"),
    Retired(r"world", "tables, entities"),
    Retired(r"grids?", "array"),
    Retired(r"pace|speed", "rate_ratio", r"features/catalogue.* speed", "part of features' names in every "
                                                                        "bundle"),
    Retired(r"golden", "reference_rows"),
    Retired(
        r"trials?", "smoke_test, experiment, random assignment",
        r"(?:pipeline/training/tuning|pipeline/commands).* (?:on_)?trials?", "Optuna's word for "
                                                                                         "one search",
    ),
    Retired(r"grow|grown", "train, Trained"),
    Retired(r"worth|helpfulness|helpful", "expected_value, response"),
    Retired(r"typical", "fill_value"),
    Retired(
        r"lots?|drawn", "random assignment, control group",
        r"(?:models|pipeline/evaluation|pipeline/training)/.* drawn", "a bootstrap's sample",
    ),
    Retired(r"telling", "effective_n"),
    Retired(r"witness(?:es)?|shown_by", "figure of a fact", r".*(?:audit|access_log).*",
            "a head kept elsewhere"),
    Retired(
        r"judg(?:e|ed|es|ing|ement)", "evaluate, validate",
        r"configs/.* judged_snapshots", "a key in the settings of every bundle, which keep their bytes",
    ),
    Retired(r"promised?|promises", "predicted"),
    Retired(r"came", "observed", r".* came_back", "money that is with the bank again"),
    Retired(r"introduce", "register_challenger"),
    Retired(r"wire", "http"),
    Retired(r"doorway|passage", "edge middleware, request context"),
    Retired(r"shortcut", "fast_path"),
    Retired(
        r"lookup|together", "point_read, batcher",
        r"(?:features/engine|models/matrix|pipeline/commands).*", "a table of values by code; all origins as "
                                                                  "one",
    ),
    Retired(r"usual", "rate anomaly", r"(?:features|models)/.*", "a customer's or peers' mean"),
    Retired(r"pinned|noting|recording", "at_run, append, write"),
    Retired(r"publications?", "run_version", r"pipeline/.*", "a scored run with all that is published of it"),
    Retired(r"beside|briefs?", "extras, list_rows", r"serve/answers/.*", "its bytes mark prepared answers"),
    Retired(r"charge", "branch row", r".* in_charge", "the manager in charge"),
    Retired(r"board", "branch summary"),
    Retired(r"apart|spread_out", "distributed_ingest", r".* (?:days|weeks)_apart", "a distance"),
    Retired(r"lay_over|lay_out", "overlay, choose_buckets"),
    Retired(r"by_line|alike", "one_row_per_line, schema_like"),
    Retired(r"twins?|without_twins", "deduplicate"),
    Retired(r"look_ahead", "scan_latest_date"),
    Retired(r"spool(?:ed)?", "on_disk_matrix"),
    Retired(r"gone_within", "time_to_attrition"),
    Retired(r"notices?", "notifications", r"serve/pages/sign_in.* notice", "a line on a page"),
    Retired(
        r"settle", "outbox",
        r".* settle_days|features/families/holdings.*|pipeline/demo_bank.*", "money that settles",
    ),
    Retired(r"spinner", "progress"),
    Retired(r"seats?", "managers"),
    Retired(r"dirt|lives", "noise, states"),
    Retired(r"told|said", "explain_sql_errors, explanation"),
)  # fmt: skip


@cache
def glossary_terms() -> tuple[str, ...]:
    page = (ROOT / "docs/glossary.md").read_text("utf-8")
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    return tuple(term for term in rows if term not in ("word", ""))


@cache
def allowed_words() -> frozenset[str]:
    lines = (ROOT / "tests/plain_english.txt").read_text("utf-8").splitlines()
    texts = [line for line in lines if not line.startswith("#")]
    return frozenset(re.findall(r"[a-z]+", " ".join((*texts, *PRESCRIBED, *glossary_terms())).lower()))


def words(name: str) -> list[str]:
    """The words of an identifier in any case; single letters and parts with digits (13w) are none."""
    parts = re.findall(r"[A-Za-z]*\d\w*|[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+", name.replace("_", " "))
    return [part.lower() for part in parts if len(part) > 1 and not re.search(r"\d", part)]


def roots(word: str) -> Iterator[str]:
    """The word and what it may be an inflection of: plural, -ed, -ing, -er, -est, -ly, un-, re-, -able."""
    yield word
    for ending, rest in ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            root = word.removesuffix(ending) + rest
            yield root
            if not rest and root[-1] == root[-2]:
                yield root[:-1]
    for beginning in ("un", "re", "non", "pre"):
        if word.startswith(beginning) and len(word) > len(beginning) + 2:
            yield from roots(word.removeprefix(beginning))


def unknown(name: str) -> list[str]:
    return [word for word in words(name) if not any(root in allowed_words() for root in roots(word))]


def _files() -> Iterator[Path]:
    """The packages' files, without the migrations, whose names Alembic prescribes."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "versions" not in path.parts:
                yield path


def python_names() -> Iterator[Name]:
    """Files, functions, classes, methods, constants and fields that do not begin with an underscore."""
    for path in _files():
        place = str(path.relative_to(ROOT))
        if path.stem != "__init__":
            yield Name(path.stem, place)
        for node in ast.parse(path.read_text("utf-8")).body:
            yield from _names_of(node, place)


def _names_of(node: ast.stmt, place: str) -> Iterator[Name]:
    where = f"{place}:{node.lineno}"
    found: list[str] = []
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        found = [node.name]
    elif isinstance(node, ast.Assign):
        found = [target.id for target in node.targets if isinstance(target, ast.Name)]
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        found = [node.target.id]
    yield from (Name(text, where) for text in found if not text.startswith("_"))
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
        for member in node.body:
            yield from _names_of(member, place)


def declared_names() -> Iterator[Name]:
    """Settings keys, columns, make verbs and variables, commands and options, measures and statistics."""
    yield from _keys(tomllib.loads((ROOT / "configs/default.toml").read_text("utf-8")))
    for table in TABLES.values():
        yield from (Name(name, f"configs/tables.py {table.name}") for name in (table.name, *table.names))
    for stored in metadata.tables.values():
        names = (stored.name, *stored.columns.keys())
        yield from (Name(name, f"serve/store/tables.py {stored.name}") for name in names)
    for verb in re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE):
        yield Name(verb, "Makefile")
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield Name(name, "pipeline/commands")
        for option in command.params:
            yield from (Name(flag.strip("-"), f"pipeline/commands {name}") for flag in option.opts)
    for text in (*(measure.name for measure in MEASURES), *NOUNS, *PATTERNS):
        yield Name(text, "features/catalogue")


def _keys(table: dict[str, object], skip: tuple[str, ...] = ("lightgbm", "severity")) -> Iterator[Name]:
    for key, value in table.items():
        yield Name(key, "configs/default.toml")
        if isinstance(value, dict) and key not in skip:  # LightGBM's own parameters have its names
            yield from _keys(value)


def every_identifier() -> Iterator[Name]:
    """Every name that the packages bind, private ones and variables too, once a file."""
    for path in _files():
        place = path.relative_to(ROOT)
        bound = {path.stem: 1}
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = _bound(node)
            if text:
                bound.setdefault(text, node.lineno)  # type: ignore[attr-defined]
        yield from (Name(text, f"{place}:{line}") for text, line in bound.items())


def _bound(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    return ""


def test_public_names_are_made_of_glossary_words_and_plain_english():
    strange = {(name, word) for name in (*python_names(), *declared_names()) for word in unknown(name.text)}
    report = [f"{name.place}: {name.text!r} holds {word!r}" for name, word in sorted(strange)]
    assert not report, "\n".join(report)


def test_no_name_uses_a_word_that_went():
    names = {*every_identifier(), *declared_names()}
    report = []
    for word in RETIRED:
        pattern = re.compile(rf"(?:^|_)(?:{word.pattern})(?:_|$)")
        for name in names:
            snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.text).lower()
            if pattern.search(snake) and not re.fullmatch(word.elsewhere, f"{name.place} {snake}"):
                report.append(f"{name.place}: {name.text!r} uses {word.pattern!r}; write {word.standard}")
    assert not report, "\n".join(sorted(report))


def test_variables_say_what_they_hold():
    vague = {f"{name.place.split(':')[0]} {name.text}" for name in every_identifier() if name.text in VAGUE}
    assert not vague - LEFT, "names that say nothing: " + ", ".join(sorted(vague - LEFT))


def test_terms_stand_once_and_sorted_with_their_chinese_and_an_existing_place():
    page = (ROOT / "docs/glossary.md").read_text("utf-8")
    terms = [term.lower() for term in glossary_terms()]
    assert len(terms) == len(set(terms)) > 150
    for section in page.split("\n## ")[1:]:
        rows = [
            [cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if "`" in line
        ]
        assert [row[0].lower() for row in rows] == sorted(row[0].lower() for row in rows), section.split(
            "\n"
        )[0]
        assert all(len(row) == 4 and all(row) for row in rows)
        assert [row[0] for row in rows if not re.search(r"[一-鿿]|AUROC", row[1])] == []


@pytest.mark.parametrize(
    ("name", "strange"),
    [
        ("outflow_elsewhere_sum_4w", []),
        ("risk_90d", []),
        ("CalibratedHazard", []),
        ("doorwayPassage", ["doorway", "passage"]),
        ("mkay_frobnicate", ["mkay", "frobnicate"]),
    ],
)
def test_a_strange_word_is_found(name, strange):
    assert unknown(name) == strange
