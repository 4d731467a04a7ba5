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
from features.catalogue.measures import MEASURES
from features.catalogue.phrases import NOUNS, PATTERNS
from pipeline.__main__ import app
from serve.store.tables import metadata

ROOT = Path(__file__).parent.parent
PACKAGES = ("configs", "features", "models", "serve", "pipeline")

# Words that a name may use besides those of docs/glossary.md and of tests/plain_english.txt (Ogden's 850). Each group
# has its reason; a word that fits none belongs into the glossary, with a definition, or not into a name.
GROUPS = {
    "words of Python: its keywords and builtins": " ".join((*keyword.kwlist, *dir(builtins))),
    "words of SQL: what SQLAlchemy reserves": " ".join(RESERVED_WORDS),
    "words of HTTP: the phrases of its statuses": " ".join(status.phrase for status in HTTPStatus),
    "irregular forms of Ogden's operations and qualities, by his own rules": """
        is are was has had been does did made kept sent seen gone best better less least more most further worse
        worst its their our us we""",
    "numbers, and what is counted or compared": """
        ago already always average both count decimal double each few fifth half hundred last least max maximum min
        minimum multiple none only percent quarter ratio rest single sum tenth total zero""",
    "verbs that Ogden builds of two words (ask: put a question)": """
        add agree allow apply arrive ask assign assume avoid become begin belong bound break build call check choose
        claim close collect combine compare complain compose compute contain convert create cross decide declare
        define deliver depend derive describe differ divide drop earn enter escape exclude expect explain export
        extend fetch fill find finish fit follow gather grow happen hold import include insert keep learn leave lose
        match move observe pack pay plan prepare produce read receive recover refuse remain remember remove rename
        repair repeat replace require reserve resolve return rise save select share show spend split stand stay store
        subtract suggest sum think throw trail treat try unpack update verify visit wait withdraw write yield""",
    "nouns and qualities of every day that Ogden's list lacks": """
        absent action actual additional alone apart area author available bar basic beside bottom brief busy
        centre choice city class close code colour constant context corner cost couple current daily dark date
        default depth difference digit double due element else elsewhere empty entire entry exact extra fair fast
        fault figure final fine folder formula fresh gap global half header heading height home hidden horizontal
        huge human individual initial inner inside internal issue item job kind label lane large lesser life link
        local lower lowest main maximum mean message minor missing model monthly narrow next nobody normal
        obvious occasion old optional other outer outside own pair pattern people per phrase piece plain
        portion previous primary problem progress proper proportion raw real recent reference relationship
        remaining report result rush safe sample section sentence shape sheet shelf short shortest single site
        skill source speed stack stage standard state status steady sub subject such sum team text title topic truth
        type uncertain uniform unknown usual valid variable vertical visible volume weekday weekly whole width
        without worth wrong yearly""",
    "calendar": "april calendar date day daily month monday mondays year season festival utc weekday",
    "programs and files": """
        address algorithm alias app application arg args artefact async atomic auto backend backup benchmark binary
        bit block boolean buffer byte cache cached call callable char checksum child chunk client code codec column
        command compile compress con config console connect connection content core csv data database dataset debug
        decode default defect delimiter demo deploy desk dict digest directory disk document driver dtype dump encode
        encoding engine env environment error excel excerpt extension field file fixed flag float folder font format
        frame free function gzip handler hash heap hex host html icon id ids identity idle image import index ini
        input install instance int integer io item iterator job json key kwargs layout lease length library lint
        load local lock log login long loop mail markdown master mb memory merge meta metadata method mib mode module
        nan network node null number object offset open operator option output package page parameter parent parquet
        parse password patch path payload pdf placeholder plot png point poll pool port postgres pointer prefix
        primary print process program prompt property protocol proxy push python query queue quote random range raw
        read record redirect regex release render repository reset retry root route router row run runtime salt
        scale scan schedule script scroll search seed sentinel serial server service session setting shell shuffle
        signal size skip slice slot snippet socket sort spark specification spool sql sqlite stack stage
        standard startup stderr stdout stem step stop storage stream string style stylesheet suffix svg sync
        syntax system tab tag target task template temp temporary terminal text thread threshold tick time timeout
        timer timestamp token toml trace tree tuple type uid unit unicode upper url uri user utf uuid valid value
        vector verbose version view warning web wheel width window worker wrap xlsx xml zip zone""",
    "security": """
        admin anonymous audience auth authenticate authorize bearer certificate claim confidential cookie credential
        crm decrypt digest encrypt forge forbid guard hmac identity issuer jwk jwks jwt key leak lease leeway nonce
        password permission pkce privacy private protect public pseudonym reject revoke role secret sensitive sign
        signature smtp spoof starttls subject tls trust verify withdraw""",
    "HTTP and web pages beyond its statuses": """
        accept asgi body browser caption chart click cookie csp disposition etag form get health healthz header host
        hsts html http https icon ie inline link locale markup media middleware mime navigation ndjson nosniff openapi
        page post prometheus put readyz referrer request response route starlette style submit summary uvicorn""",
    "statistics and learning, in every textbook of the field": """
        algorithm approximate area assumption balance base bias bin binned binomial break budget category cluster
        coefficient column compose constant correlation curve decay decile default degree density dimension
        distribution divergence epoch error estimate estimator evidence exact expectation factor finite fold gain
        gradient histogram independent index interval isotonic iteration leaf level likelihood linear logistic
        logit loss margin mask matrix mean median metric moment newcombe normal numeric optimum oracle outlier
        parameter patience percentile plot pool power precision prediction prior probability quantile
        rank rate ratio recall regression relative residual robust round sample scale score sensitivity share shuffle
        sigma sigmoid significance simulate slope smooth sparse spread squared standardise statistic subset sum swing
        symmetric target tolerance trend truncate uncertainty uniform validation variance vector weight wilson""",
    "banking and the languages of the two banks": """
        account affluent borrow cash currency customer deceased deposit dormant dsn due en earnings euro exchange
        fee frozen fund gender interest invest ledger liquid loan maturity merchant payday
        pension portfolio private product purchase redeem reversal satisfaction security sell staff tenure term
        transaction transfer trust unit vacant vacancy zh""",
}

# Names that say nothing about what they hold (CONTRIBUTING, rule 4).
VAGUE = {
    "one", "told", "said", "found", "there", "own", "few", "every", "now", "then", "known", "given", "came",
}  # fmt: skip


class Name(NamedTuple):
    """One public name and its place, as path:line."""

    text: str
    place: str


class Retired(NamedTuple):
    """A word that went: its pattern within a name, the standard word, and the names in which it has another sense."""

    pattern: str
    standard: str
    elsewhere: str = r"(?!)"
    why: str = ""


RETIRED = (
    Retired(r"as_if_prompt", "last_versions"),
    Retired(r"aftermath", "outcome_window"),
    Retired(r"replay", "recompute_late_arrivals"),
    Retired(r"mend(?:ed|s|ing)?", "patch, correct"),
    Retired(r"thin(?:ned)?|old_years", "compact_history, downsample_negatives"),
    Retired(r"happenings?", "event_tables"),
    Retired(r"world", "tables, entities"),
    Retired(r"grids?", "array"),
    Retired(r"pace", "rate_ratio"),
    Retired(r"speed", "rate_ratio"),
    Retired(r"golden", "reference_rows"),
    Retired(r"trials?", "smoke_test, experiment, random assignment", r"trials|trial_", "Optuna's own word"),
    Retired(r"grow|grown", "train, Trained"),
    Retired(r"worth|helpfulness|helpful", "expected_value, response_rate"),
    Retired(r"typical", "fill_value"),
    Retired(
        r"lots?|drawn",
        "random assignment, control group",
        r"drawn_price",
        "the simulator draws random numbers",
    ),
    Retired(r"telling", "effective_n"),
    Retired(r"witness(?:es)?|shown_by", "representative_feature"),
    Retired(r"judg(?:e|ed|es|ing|ement)", "evaluate, validate"),
    Retired(r"promised?|promises", "predicted"),
    Retired(r"came", "observed"),
    Retired(r"introduce", "register_challenger"),
    Retired(r"wire", "http"),
    Retired(r"doorway|passage", "edge middleware, request context"),
    Retired(r"shortcut", "fast_path"),
    Retired(r"lookup|together", "point_read, batcher"),
    Retired(r"usual", "rate anomaly"),
    Retired(r"pinned|noting|recording", "at_run, append, write"),
    Retired(r"publications?", "run_version"),
    Retired(r"beside|briefs?", "extras, list_rows"),
    Retired(r"charge", "branch row"),
    Retired(r"board", "branch summary"),
    Retired(r"apart|spread_out", "distributed_ingest"),
    Retired(r"lay_over|lay_out", "overlay, choose_buckets"),
    Retired(r"by_line|alike", "one_row_per_line, schema_like"),
    Retired(r"twins?|without_twins", "deduplicate"),
    Retired(r"look_ahead", "scan_latest_date"),
    Retired(r"spool(?:ed)?", "on_disk_matrix"),
    Retired(r"gone_within", "time_to_attrition"),
    Retired(r"notices?", "notifications"),
    Retired(r"settle", "outbox", r"settle_days", "the days that confirm an outcome"),
    Retired(r"spinner", "progress"),
    Retired(r"seats?", "managers"),
    Retired(r"dirt|lives", "noise, states"),
    Retired(r"told|said", "explain_sql_errors, explanation"),
    Retired(r"doubt", "interval"),
)


@cache
def plain_words() -> frozenset[str]:
    lines = (ROOT / "tests/plain_english.txt").read_text("utf-8").splitlines()
    texts = [line for line in lines if not line.startswith("#")]
    return frozenset(re.findall(r"[a-z]+", " ".join((*texts, *GROUPS.values())).lower()))


@cache
def glossary_terms() -> tuple[str, ...]:
    page = (ROOT / "docs/glossary.md").read_text("utf-8")
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    return tuple(term for term in rows if term not in ("word", ""))


@cache
def allowed_words() -> frozenset[str]:
    return plain_words() | frozenset(re.findall(r"[a-z]+", " ".join(glossary_terms()).lower()))


def words(name: str) -> list[str]:
    """The words of an identifier: snake, camel or kebab case; parts with digits (13w, 30d) are none."""
    parts = re.findall(r"[A-Za-z]*\d\w*|[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+", name.replace("_", " "))
    return [part.lower() for part in parts if not re.search(r"\d", part)]


def roots(word: str) -> Iterator[str]:
    """The word and what it may be an inflection of: plural, -ed, -ing, -er, -est, -ly, un-, re-, -able."""
    yield word
    for ending, rest in (
        ("ies", "y"), ("ied", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"),
        ("er", ""), ("er", "e"), ("or", ""), ("or", "e"), ("est", ""), ("est", "e"), ("ly", ""), ("able", ""),
        ("able", "e"), ("ers", ""), ("ers", "e"),
    ):  # fmt: skip
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


def python_names() -> Iterator[Name]:
    """Files, functions, classes, methods, constants and fields that do not begin with an underscore."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            place = str(path.relative_to(ROOT))
            if path.stem != "__init__" and "versions" not in path.parts:
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
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
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
            if pattern.search(snake) and not re.fullmatch(word.elsewhere, snake):
                report.append(f"{name.place}: {name.text!r} uses {word.pattern!r}; write {word.standard}")
    assert not report, "\n".join(sorted(report))


def test_variables_say_what_they_hold():
    report = [
        f"{name.place}: {name.text!r} says nothing" for name in every_identifier() if name.text in VAGUE
    ]
    assert not report, "\n".join(report)


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
