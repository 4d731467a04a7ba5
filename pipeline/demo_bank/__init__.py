"""A made-up Chinese branch network as raw extracts, with planted reasons to leave and the truth beside."""

from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path

from pipeline.demo_bank import files
from pipeline.demo_bank.bank import Bank

WEEKS_PER_FILE = 13

__all__ = ["Bank", "write_demo_bank"]


def write_demo_bank(
    out: Path,
    customers: int,
    weeks: int,
    seed: int,
    last_monday: date = date(2026, 11, 16),
    progress: Callable[[int, int], None] | None = None,
    calls: Callable[[date], Collection[str]] | None = None,
    weekly: int = 0,
) -> None:
    """Write the bank's raw extracts into ``out`` and the truth into ``out``/truth. Same seed, same bytes.

    The data covers ``weeks`` weeks that end right before ``last_monday``. ``progress`` gets the weeks done
    and the weeks in all; ``calls`` says for each Monday which customers are called that week, on top of the
    managers' ordinary contacts. The last ``weekly`` weeks come in files of their own.
    """
    bank = Bank(customers, weeks, seed, last_monday)
    truth = files.TruthFile(out / "truth", bank)
    extracts = files.Extracts(out)
    extracts.add(bank.opening_week())
    for week in range(weeks):
        truth.add(bank.monday, bank.truth())
        extracts.add(bank.advance(calls(bank.monday) if calls else ()))
        if (week + 1) % WEEKS_PER_FILE == 0 or week + 1 >= weeks - weekly:
            extracts.write()
        if progress:
            progress(week + 1, weeks)
    truth.add(bank.monday, bank.truth())
    files.write_csv(bank.managers.table(), out / "rm_info.csv")
    files.write_products(out)
    truth.close()
