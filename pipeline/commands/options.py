"""What the commands share: their options, and the bank that is meant. Settings are loaded here and nowhere else."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # importing the pipeline costs seconds; --help must not
    from pipeline.context import Context

BankOption = Annotated[str, typer.Option("--bank", help="folder below configs/banks")]
DataOption = Annotated[Path, typer.Option("--data", help="where artefacts lie")]
RawOption = Annotated[Path, typer.Option("--raw", help="the bank's extracts")]
AsOf = Annotated[
    datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="a Monday, for example 2026-11-16")
]
DATA = Path("data")


def bank_of(name: str, data: Path) -> "Context":
    """The bank's settings and the folder of its artefacts. Raises ConfigError for an unknown bank."""
    from configs.bank_folder import load_settings
    from configs.service import load_store_address
    from pipeline.context import Context

    return Context(load_settings(name), data, store=load_store_address())


def store_of(bank: str, data: Path) -> str:
    """The address of the score store: ATTRITION_STORE, by default a file among the bank's artefacts."""
    from configs.service import load_store_address
    from pipeline.artefacts import Home

    return Home(data / bank, load_store_address()).store
