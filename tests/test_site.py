"""The documentation site builds without a warning, loads nothing from elsewhere, and is complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from configs.settings import Settings
from configs.tables import TABLES
from serve.store.tables import access_metadata, metadata

ROOT = Path(__file__).parent.parent
# What a browser fetches by itself when it opens a page; a link that a reader may click is none of it.
LOADED = re.compile(
    r"""<(?:link|script|img|iframe|source|use)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built strictly: a warning fails the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_pages_load_nothing_from_other_sites(site):
    pages = sorted(site.rglob("*.html"))
    loaded = {page.name: LOADED.findall(page.read_text("utf-8")) for page in pages}
    assert len(pages) > 40
    assert {name: addresses for name, addresses in loaded.items() if addresses} == {}


def test_styles_load_nothing_from_other_sites(site):
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", styles) == []


@pytest.mark.parametrize(
    "loading", ['<script src="https://cdn.example/a.js">', "<link rel=stylesheet href=//fonts.example/css>"]
)
def test_the_search_for_addresses_finds_one(loading):
    assert LOADED.findall(loading)


def test_the_page_of_settings_holds_every_key(site):
    page = (site / "reference/settings.html").read_text("utf-8").replace("<wbr>", "")
    keys = set(Settings.model_fields) - {"bank"}
    for model in Settings.model_json_schema()["$defs"].values():
        keys |= set(model["properties"])
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", page)] == []


def test_the_pages_of_tables_hold_every_column(site):
    bank = (site / "reference/tables.html").read_text("utf-8").replace("<wbr>", "")
    store = (site / "reference/store.html").read_text("utf-8").replace("<wbr>", "")
    absent = [
        f"{name}.{column}" for name, table in TABLES.items() for column in table.names if column not in bank
    ]
    absent += [
        str(column)
        for table in (*metadata.tables.values(), *access_metadata.tables.values())
        for column in table.columns
        if column.name not in store
    ]
    assert absent == []


def test_the_page_of_features_has_a_filter_and_the_search_knows_a_feature(site):
    page = (site / "features.html").read_text("utf-8")
    assert page.index('<input class="filter"') < page.index("outflow_<wbr>elsewhere_<wbr>sum_<wbr>13w")
    assert "outflow_elsewhere_sum_13w" in (site / "search/search_index.json").read_text("utf-8")
