"""The templates of the pages, and the style sheet and icon that they name."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from configs.published import Language
from serve.pages import charts
from serve.texts.wording import Wording, change_in_words, risk_points

FOLDER = Path(__file__).parent
STYLE, ICON = ((FOLDER / name).read_bytes() for name in ("style.css", "icon.svg"))
VERSION = sha256(STYLE + ICON).hexdigest()[:12]


@cache
def environment() -> Environment:
    """Every value is escaped; a name that a template is not given is an error."""
    templates = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.globals |= {
        "charts": charts,
        "change_in_words": change_in_words,
        "risk_points": risk_points,
        "version": VERSION,
    }
    return templates


def render(template: str, language: Language, values: dict[str, Any]) -> str:
    return environment().get_template(template).render(values, w=Wording(language))
