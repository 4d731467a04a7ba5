"""Family: balances at the last month-ends, what each month changed, and the change since the quarter-end."""

from features.catalogue.grammar import Name, month
from features.engine.balances import CLASS_GROUPS
from features.engine.tiles import Columns, ratio
from features.families.classes import MAIN
from features.families.shared import Bucket

BACK = 6  # month-ends shown
COMPARED = 3  # of which compared with the one before


def features(bucket: Bucket) -> Columns:
    """Money in base currency at the end of a month's last day (1m = the last month-end), and ratios."""
    balances = bucket.balances
    for name in ("aum", *MAIN):
        for back in range(1, BACK + 1):
            yield Name(name, "closing", month(back)), balances.month_end(name, back)
    for name in ("aum", "deposits", "investment"):
        for back in range(1, COMPARED + 1):
            end, before = balances.month_end(name, back), balances.month_end(name, back + 1)
            yield Name(name, "step", month(back)), end - before
            yield Name(name, "growth", month(back)), ratio(end, before)
    for name in CLASS_GROUPS:
        current, before = balances.at_snapshot(balances.by_name[name]), balances.last_quarter_end(name)
        yield Name(name, "change", "quarter"), ratio(current - before, before)
