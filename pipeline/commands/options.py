"""Options and the context that the commands share. Commands load settings here alone."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from configs.dates import monday
from pipeline.progress import start_logging

if TYPE_CHECKING:  # importing the pipeline costs seconds; --help must not
    from pipeline.context import Context


def monday_of(text: str) -> date:
    """The Monday that the text names. Raises BadParameter for another format, ConfigError for another
    weekday."""
    try:
        return monday(datetime.strptime(text, "%Y-%m-%d").date())
    except ValueError:
        raise typer.BadParameter(f"{text!r} does not match the format '%Y-%m-%d'.") from None


BankOption = Annotated[str, typer.Option("--bank", help="folder below configs/banks")]
DataOption = Annotated[Path, typer.Option("--data", help="where artefacts lie")]
RawOption = Annotated[Path, typer.Option("--raw", help="the bank's extracts")]
AsOf = Annotated[
    date,
    typer.Option("--as-of", parser=monday_of, metavar="<%Y-%m-%d>", help="a Monday, for example 2026-11-16"),
]
DATA = Path("data")


def context_of(bank: str, data: Path) -> "Context":
    """The bank's settings and the folder of its artefacts. Raises ConfigError for an unknown bank."""
    from configs.bank_folder import load_settings
    from configs.service import load_store_address
    from pipeline.context import Context

    return Context(load_settings(bank), data, store=load_store_address())


def logged_context(bank: str, data: Path) -> "Context":
    """``context_of`` for a command that takes long: its steps are logged on stderr from here on."""
    start_logging()
    return context_of(bank, data)


def store_of(bank: str, data: Path) -> str:
    """The address of the score store: ATTRITION_STORE, by default a file among the bank's artefacts."""
    from configs.service import load_store_address
    from pipeline.artefacts import Home

    return Home(data / bank, load_store_address()).store
