"""Documents name what exists (files, verbs, commands, settings), in short and plain sentences."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from configs.attributes import Attribute
from configs.bank_folder import RETIRED as RETIRED_SETTINGS
from configs.service import AssistantSettings, ServiceSettings
from configs.settings import Settings
from configs.source import Source
from features.build import FEATURES_VERSION
from serve.store.schema import VERSION

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EVERY_DOCUMENT = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
BUT_THE_CHANGELOG = pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if path.name != "CHANGELOG.md"], ids=lambda path: path.name
)
# Pages that docs/references.py makes from the code.
MADE = re.compile(r"(?:\.\./)?(?:reference/\w+|decisions/index)\.md")
VERBS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))


@EVERY_DOCUMENT
def test_links_and_code_paths_lead_somewhere(document):
    text = document.read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#:]+)\)", text) if not MADE.fullmatch(link)]
    paths = re.findall(r"`((?:configs|deploy|features|models|serve|pipeline|tests|docs)/[\w./-]+)`", text)
    missing = [name for name in links if not (document.parent / name).exists()]
    missing += [name for name in paths if not (ROOT / name).exists()]
    assert missing == []


def test_upgrading_names_each_retired_setting_and_the_versions_of_now():
    steps = (ROOT / "CHANGELOG.md").read_text("utf-8").split("## 0.1.0")[0]
    assert [name for name in RETIRED_SETTINGS if name not in steps] == []
    assert f"0001 or later to {VERSION}," in steps
    assert f"(`FEATURES_VERSION` {FEATURES_VERSION})" in steps


@EVERY_DOCUMENT
def test_verbs_in_documents_are_verbs_of_the_makefile(document):
    used = set(re.findall(r"\bmake ([a-z][a-z-]+)\b(?=[`\s]|$)", " ".join(_code(document))))
    assert used <= VERBS


def test_make_alone_lists_every_verb():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"make {verb}" in said for verb in VERBS)


def test_every_default_has_its_reason():
    """Each key in default.toml stands on a line with a comment, or in a table whose heading has one."""
    heading = ""
    for line in (ROOT / "configs/default.toml").read_text("utf-8").splitlines():
        if line.startswith("["):
            heading = line
        elif "=" in line and not line.startswith("#"):
            assert "#" in line or "#" in heading or line.split("=")[0].strip() in PLAIN, line


# Names that say it all.
PLAIN = {"definition", "horizon_days", "max_aum", "seed", "medium"}


def test_the_wheel_holds_the_five_packages_and_is_private():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["uv"]["build-backend"]["module-name"]
    assert packages == ["configs", "features", "models", "serve", "pipeline"]
    assert "Private :: Do Not Upload" in project["project"]["classifiers"]


def test_the_lock_has_hashes_and_no_address():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = re.findall(r"^[A-Za-z0-9._\[\]-]+==", lock, flags=re.MULTILINE)
    assert len(pinned) > 50
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert "://" not in lock
    assert "index-url" not in lock


def _code(document: Path) -> list[str]:
    text = document.read_text("utf-8")
    return re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL)


def test_the_settings_in_the_page_on_banks_are_settings():
    text = (ROOT / "docs/banks.md").read_text("utf-8")
    settings = tomllib.loads("".join(re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)))
    assert Attribute(**settings["features"]["attributes"][0]).name == "occupation"
    sources = settings["sources"]
    assert {Source(**declared).format for declared in sources.values()} == {
        "csv",
        "parquet",
        "postgres",
        "xlsx",
    }


# Words that went (docs/glossary.md has the standard ones), as they stood in prose; a code span is checked by
# its name.
RETIRED = re.compile(
    r"\b(?:golden rows?|as if prompt|aftermath|mend(?:s|ed|ing)?|thinned|happenings?|by "
    r"lot|lots|"
    r"the lot|helpfulness|witness(?:es)?|judg(?:e|es|ed|ing)|promised|shortcut|doorway|twins?|spool(?:ed)?|"
    r"spinner|the way of|is the way|worth a call|held out|told|reckon(?:s|ed)?|look ahead|laid over)\b",
    re.IGNORECASE,
)
LONGEST_AVERAGE = 20  # words in a sentence


def _prose(document: Path) -> str:
    """The text outside of code, tables, headings and pictures; a list item is a paragraph of its own."""
    text = re.sub(
        r"^```.*?^```\s*$|<[^>]+>|!\[[^\]]*\]\([^)]*\)", "", document.read_text("utf-8"), flags=re.M | re.S
    )
    lines = [line.strip() for line in text.splitlines() if not line.startswith(("|", "#"))]
    items = [re.sub(r"^(?:[-*]|\d+\.)\s+", "\n\n", line) or "\n\n" for line in lines]
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "code", "\n".join(items)))


def _sentence_lengths(prose: str) -> list[int]:
    """Words of each sentence; a colon or a semicolon ends none."""
    parts = [
        part for block in re.split(r"\n\n+", prose) for part in re.split(r"(?<=[.!?])[*\")”]*\s+", block)
    ]
    return [count for count in (len(re.findall(r"\w[\w'’%./-]*", part)) for part in parts) if count]


def test_a_sentence_is_counted_over_lines_and_a_list_item_by_itself():
    prose = "Rows are\nloaded. They `are` kept: all\nof them.\n\n\n\nOne item"
    assert _sentence_lengths(prose) == [3, 6, 2]


@EVERY_DOCUMENT
def test_sentences_are_short_on_average(document):
    lengths = _sentence_lengths(_prose(document))
    assert sum(lengths) <= LONGEST_AVERAGE * len(lengths)


@pytest.mark.parametrize(
    "document",
    [d for d in DOCUMENTS if d.name != "features.md"],
    ids=lambda path: path.name,
)
def test_documents_use_the_words_of_the_glossary(document):
    text = re.sub(r"^```.*?^```\s*$|`[^`]*`", "", document.read_text("utf-8"), flags=re.M | re.S)
    assert RETIRED.findall(text) == []


def test_every_page_has_its_place_on_the_site():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").glob("*.md")]
    assert [str(page) for page in pages if f": {page}\n" not in navigation] == []


CHANGES = (
    "A new CSV quirk", "A new feature", "A new definition of attrition", "A new column on the list page",
    "A new role", "A new page", "A new alarm", "A new setting", "A new table of the bank",
    "A new table or column of the store",
    "A new field of the API", "A new chart in the model report", "A text of a page, or a new language",
    "A new CLI command",
)  # fmt: skip


def test_the_page_of_rooms_leads_from_each_common_change_to_files_and_a_test():
    rows = [line.split(" | ") for line in (ROOT / "docs/rooms.md").read_text("utf-8").splitlines()]
    bold = {row[0].split("**")[1]: row for row in rows if row[0].startswith("| **")}
    assert set(bold) == set(CHANGES)
    assert [change for change, row in bold.items() if "`" not in row[1] or "tests/" not in row[2]] == []


def test_the_page_of_rooms_names_what_stands_in_its_files():
    page = (ROOT / "docs/rooms.md").read_text("utf-8")
    named = re.findall(r"`(\w+)`(?: \([^)]*\))?(?:,? and `\w+`,?)? in `([\w/]+\.py)`", page)
    assert len(named) > 8
    missing = [
        pair for pair in named if not re.search(rf"\b{pair[0]}\b", (ROOT / pair[1]).read_text("utf-8"))
    ]
    assert missing == []


SETTINGS = Settings.model_json_schema()
KEYS = {
    name: set(SETTINGS["$defs"][field["$ref"].rsplit("/", 1)[-1]]["properties"])
    for name, field in SETTINGS["properties"].items()
    if "$ref" in field
}
FILES = {"csv", "db", "json", "html", "toml"}  # store.db is a file
VARIABLES = {
    f"ATTRITION_{name.upper()}"
    for settings in (ServiceSettings, AssistantSettings)
    for name in settings.model_fields
}


@BUT_THE_CHANGELOG
def test_settings_and_variables_in_documents_exist(document):
    spans = " ".join(_code(document))
    named = re.findall(rf"(?<![\w./])({'|'.join(KEYS)})\.([a-z_]+)\b(?![./(])", spans)
    assert [f"{section}.{key}" for section, key in named if key not in KEYS[section] | FILES] == []
    others = set(re.findall(r"ATTRITION_[A-Z_]+", spans)) - VARIABLES
    code = [path for package in ("configs", "pipeline", "models") for path in (ROOT / package).rglob("*.py")]
    assert [name for name in others if not any(name in path.read_text("utf-8") for path in code)] == []
