"""Small made-up banks of other shapes than the demo bank: one module each, which writes their raw files."""

import importlib
import pkgutil
from datetime import date
from pathlib import Path

from configs.errors import ConfigError, did_you_mean
from configs.files import whole_folder
from pipeline.context import Context
from pipeline.progress import step

SNAPSHOT_DATE = date(2026, 11, 16)  # up to which the raw files reach


def write_example_bank(context: Context) -> Path:
    """The folder of the bank's raw files; files that are there are kept.

    The module of the bank's name writes them by its function write_raw(folder, until), the same ones every
    time. Raises ConfigError for a bank without such a module.
    """
    bank, raw = context.settings.bank, context.home.root / "raw"
    check_made_up(bank)
    if not raw.is_dir():
        with step("example-bank") as counts, whole_folder(raw) as draft:
            importlib.import_module(f"{__name__}.{bank}").write_raw(draft, SNAPSHOT_DATE)
            counts["files"] = sum(1 for _ in draft.iterdir())
    return raw


def check_made_up(bank: str) -> None:
    """Raises ConfigError where no module makes up raw files of the bank."""
    banks = ["demo", *sorted(module.name for module in pkgutil.iter_modules(__path__))]
    if bank not in banks:
        raise ConfigError(
            f"nothing makes up raw files of bank {bank!r}. {did_you_mean(bank, banks)} A bank with files of "
            f"its own runs by `make weekly BANK={bank} RAW=<folder>`."
        )
