"""The templates hold markup alone, and the style sheet loads nothing."""

import re

import pytest

from serve.pages.rendering import FOLDER, STYLE

TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_words_of_its_own_a_script_or_a_style(path):
    """A text in a template would stay English; scripts and styles would be stopped by the browser."""
    source = path.read_text("utf-8")
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", source, flags=re.DOTALL)
    assert re.findall(r"[A-Za-z]{2,}", bare) in ([], ["English"])
    assert not re.search(r"<script|\sstyle=|<style|\son\w+=|javascript:|https?://", source)


def test_style_sheet_loads_nothing():
    assert not re.search(r"url\(|@import|https?:", STYLE.decode())
