"""What the documents say exists: files, verbs, commands, settings."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from configs.settings import Source

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
VERBS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_code_paths_lead_somewhere(document):
    text = document.read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    paths = re.findall(r"`((?:configs|features|models|serve|pipeline|tests|docs)/[\w./-]+)`", text)
    missing = [name for name in links if not (document.parent / name).exists()]
    missing += [name for name in paths if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
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
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
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
    """Code spans and code blocks of a document."""
    text = document.read_text("utf-8")
    return re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL)


def test_the_sources_in_the_page_on_banks_are_sources():
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/banks.md").read_text("utf-8"), flags=re.DOTALL)
    sources = tomllib.loads(block)["sources"]
    assert {Source(**declared).format for declared in sources.values()} == {"csv", "parquet", "postgres"}
