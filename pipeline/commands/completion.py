"""What a shell completes: names of banks, models and Mondays, by listing folders alone."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import typer

ROLES = ("crm", "manager", "branch_head", "head_office", "analyst", "admin")
BANKS = Path(__file__).parents[2] / "configs" / "banks"
_MONDAY = re.compile(r"\d{4}-\d\d-\d\d")


def banks(incomplete: str) -> list[str]:
    """Banks with a folder of settings."""
    return _beginning(incomplete, (path.parent.name for path in BANKS.glob("*/bank.toml")))


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """The bank's trained models, by model_id."""
    return _beginning(incomplete, _names(ctx, "models"))


def mondays(ctx: typer.Context, incomplete: str) -> list[str]:
    """The Mondays of the bank's features, the newest first, and the one after them."""
    written = sorted(day for name in _names(ctx, "features") for day in _MONDAY.findall(name))
    following = [str(date.fromisoformat(day) + timedelta(weeks=1)) for day in written[-1:]]
    return _beginning(incomplete, [*written, *following])[::-1]


def _names(ctx: typer.Context, folder: str) -> list[str]:
    """Of the folders and files in one of the bank's folders; of the demo bank where none is typed yet."""
    place = Path(ctx.params.get("data") or "data") / str(ctx.params.get("bank") or "demo") / folder
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    return [name for name in names if not name.startswith(".")]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})
