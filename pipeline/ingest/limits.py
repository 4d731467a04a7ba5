"""Limits at which an ingest stops: too many rows are refused, none is left, or numbers come again."""

from collections.abc import Sequence

from configs.bank_folder import find_raw
from configs.errors import DataError
from configs.tables import TABLES
from pipeline.ingest import quarantine
from pipeline.ingest.deliveries import FileCount
from pipeline.ingest.load import Ingestion
from pipeline.ingest.selects import is_needed
from pipeline.progress import log
from pipeline.tables import Count

FEW_MOVED = 10  # fewer rows than this are no pattern


def check_limit(state: Ingestion, sources: Sequence[str], counts: Sequence[FileCount], total: Count) -> None:
    """Raises DataError when too many of the new rows were refused, or a needed table has none at all.

    ``counts`` are of the files of one table, ``total`` is their sum.
    """
    settings = state.settings
    table, where = TABLES[total.table], f"configs/banks/{settings.bank}"
    if total.rows_in == 0 and is_needed(table, settings):
        files = [path for name in sources for path in find_raw(settings, state.raw, name)]
        searched = ", ".join(str(path) for path in files) or "the database"
        raise DataError(
            f"table {table.name!r} is needed, but there is not one row for it in {searched}. "
            f"Deliver the rows, or mend {where}/{table.name}.sql."
        )
    new = [count for count in counts if not table.by_customer or state.plan.reads(count.file)]
    refused, rows_in = sum(count.quarantined for count in new), sum(count.rows_in for count in new)
    if state.plan.base is None:
        refused -= total.corrected
    share = refused / rows_in if rows_in else 0.0
    reason = quarantine.most_common(state.con, table.name) if refused else ""
    is_beyond = share > settings.quarantine_limit
    if is_beyond and refused <= settings.quarantine_rows:
        log.warning("ingest    %s goes on without %d of %d rows%s", table.name, refused, rows_in, reason)
        is_beyond = False
    if is_beyond or (total.loaded == 0 and is_needed(table, settings)):
        remedy = "Have the file corrected"
        if f"(computed by {table.name}.sql)" in reason or " has three decimals, as " in reason:
            remedy = f"Correct {where}/{table.name}.sql, or have the file corrected"
        if " does not say the time_zone " in reason:
            remedy = f"Set time_zone in {where}/bank.toml, or have the file corrected"
        if " has no rate on " in reason:
            remedy = (
                f"Deliver its rates, name one that never changes under fixed_rates in {where}/bank.toml, or "
                f"correct base_currency = {settings.base_currency!r} there"
            )
        raise DataError(
            f"table {table.name!r}: {refused} of {rows_in} rows refused, above the limit of "
            f"{settings.quarantine_limit:.1%}{reason}. {remedy} "
            "(all refused lines stand in quarantine.csv), or raise quarantine_limit in "
            f"{where}/bank.toml."
        )


def check_moved(state: Ingestion, total: Count) -> None:
    """Raises DataError when so many versions move a row to another customer, account or day that their
    numbers must come again for other rows."""
    settings, table = state.settings, TABLES[total.table]
    if total.moved < FEW_MOVED or total.moved <= settings.moved_limit * total.loaded:
        return
    raise DataError(
        f"table {table.name!r}: {total.moved:,} of {total.loaded:,} rows come under the number of an earlier "
        "row, for another customer, account or day, above the limit of "
        f"{settings.moved_limit:.1%}{quarantine.first_moved(state.con)}. If {', '.join(table.key)} begins "
        f"anew, each day or for each account, make it unique in configs/banks/{settings.bank}/{table.name}"
        ".sql, for example with the day before it; if the bank does correct so many days, raise moved_limit "
        "in bank.toml; if customers got new numbers, say so in customer_numbers.sql."
    )
