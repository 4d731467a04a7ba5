"""Options and the context that the commands share. Commands load settings here alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from configs.dates import monday
from pipeline.commands.completion import banks, mondays
from pipeline.progress import start_logging

if TYPE_CHECKING:  # importing the pipeline costs seconds; --help must not
    from pipeline.context import Context
    from serve.texts.wording import Wording


def monday_of(text: str) -> date:
    """The Monday that the text names. BadParameter for another format, ConfigError for another weekday."""
    try:
        return monday(datetime.strptime(text, "%Y-%m-%d").date())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date. Write it as 2026-11-16.") from None


def monday_option(flag: str, text: str) -> Any:
    return typer.Option(flag, parser=monday_of, metavar="<Monday>", help=text, autocompletion=mondays)


def folder(path: Path) -> Path:
    """The path. BadParameter where it, or what it lies in, is a file."""
    nearest = next(place for place in (path, *path.parents) if place.exists())
    if not nearest.is_dir():
        raise typer.BadParameter(f"{nearest} is a file. Name a folder.")
    return path


BankOption = Annotated[str, typer.Option("--bank", help="folder below configs/banks", autocompletion=banks)]
DataOption = Annotated[Path, typer.Option("--data", callback=folder, help="folder of all artefacts")]
RawOption = Annotated[Path, typer.Option("--raw", help="folder of the bank's extracts")]
AsOf = Annotated[date, monday_option("--as-of", "a Monday, for example 2026-11-16")]
DATA = Path("data")


def context_of(bank: str, data: Path) -> "Context":
    """The bank's settings and the folder of its artefacts; steps are logged on stderr from here on.

    Raises ConfigError for an unknown bank.
    """
    from configs.bank_folder import load_settings
    from pipeline.context import Context

    start_logging()
    return Context(load_settings(bank), data, store=_store_elsewhere())


@contextmanager
def writing(command: str, bank: str, data: Path, snapshot_date: date | None = None) -> Iterator["Context"]:
    """``context_of`` for a command that writes, which holds the bank's lease and is watched until it ends.

    Raises LeaseError where another command holds it.
    """
    from pipeline.alarms.watch import watched
    from pipeline.lease import held

    context = context_of(bank, data)
    with held(context.home.root, command), watched(context, command, snapshot_date):
        yield context


def terminal_wording() -> "Wording":
    """The texts in the language of the terminal: LC_ALL, LC_MESSAGES or LANG; English for any but Chinese."""
    from serve.texts.wording import Wording

    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return Wording("zh" if next(filter(None, named), "").lower().startswith("zh") else "en")


def store_of(bank: str, data: Path) -> str:
    """The address of the score store: ATTRITION_STORE, by default a file among the bank's artefacts.

    Raises ConfigError for an unknown bank.
    """
    from configs.bank_folder import settings_file
    from pipeline.artefacts import Home

    settings_file(bank)
    return Home(data / bank, _store_elsewhere()).store


def _store_elsewhere() -> str:
    """ATTRITION_STORE, as SQLAlchemy writes addresses; empty: the store is a file among the artefacts."""
    return os.environ.get("ATTRITION_STORE", "")
