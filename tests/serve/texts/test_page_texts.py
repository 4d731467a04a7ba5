"""Both languages say the same things, and the templates ask for nothing that is not there."""

import re
from pathlib import Path
from string import Formatter

import pytest

from serve.pages import rendering
from serve.texts.catalogue import OUTCOMES, TEXTS
from serve.texts.page_texts import WORDS

TEMPLATES = sorted((rendering.FOLDER / "templates").glob("*.html"))
PYTHON = sorted(rendering.FOLDER.glob("*.py"))
# Keys that are put together: sign_in.<why>, refused.<what>, and the words for codes.
COMPOSED = (
    "sign_in.",
    "refused.",
    "effect.reading.",
    "model.drift.",
    "tier.",
    "class.",
    "kind.",
    "counterparty.",
    "channel.",
    "purpose.",
    "contact.",
    "decision.",
    "why.",
)


def asked_for() -> set[str]:
    source = "".join(path.read_text("utf-8") for path in (*TEMPLATES, *PYTHON) if path.stem != "words")
    return set(
        re.findall(r"""\b(?:w|words|wording|Wording\([^)]*\)\))\(\s*['"]([\w.]*\w)['"]""", source)
    ) | set(re.findall(r'"(nav\.\w+)"', source))


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_have_the_same_holes(key):
    english, chinese = WORDS[key]
    assert english
    assert chinese
    assert holes(english) == holes(chinese)


def test_every_text_that_is_asked_for_is_there():
    assert len(asked_for()) > 100
    assert asked_for() - set(WORDS) - set(TEXTS["en"]) == set()


def test_no_text_is_left_over():
    unused = set(WORDS) - asked_for()
    assert {key for key in unused if not key.startswith(COMPOSED)} == set()


def test_no_text_hides_one_of_the_lists():
    assert set(WORDS) & set(TEXTS["en"]) == set()


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_has_a_word(outcome):
    for language in ("en", "zh"):
        assert rendering.Wording(language).term("outcome", outcome) != outcome


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_words_of_its_own_a_script_or_a_style(path):
    """A text in a template would stay English; scripts and styles would be stopped by the browser."""
    source = path.read_text("utf-8")
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", source, flags=re.DOTALL)
    assert re.findall(r"[A-Za-z]{2,}", bare) in ([], ["English"])
    assert not re.search(r"<script|\sstyle=|<style|\son\w+=|javascript:|https?://", source)


def test_style_sheet_loads_nothing():
    assert not re.search(r"url\(|@import|https?:", Path(rendering.FOLDER / "style.css").read_text("utf-8"))
