"""Former customers: who left with most of the money, how and why, and whether the money came back.

Looked at is the AUM at the end of weeks, without market moves: a falling fund has not left. Worked example
(lasting_weeks 4, base_weeks 13): on 2024-03-04 a customer is found to have left on Monday 2024-02-05 if at
the ends of the weeks before 02-05 … 03-04, five Mondays in a row, at least ``share_gone`` of the average AUM
of the 13 weeks before 02-05 was gone, and if that was no Monday's finding in the 13 weeks before. What was
``lost`` is that average less the AUM on 03-04. Whoever has ``share_back`` of it back on five Mondays in a row
has come back, and is no former customer from the fifth on.

A Monday sees what happened and was known before it. Whether somebody came back within ``horizon_weeks`` of a
Monday is said by a later one, as known then, if it lies far enough behind: the label, beside the features.
Customers are of the cohort's bounds by the average AUM before they left.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from configs.settings import Settings
from configs.tables import STATUSES
from configs.win_back import KEPT_OFF, REASONS_LEFT, WinBack
from features.build import coded_words, key_columns
from features.catalogue.grammar import Name
from features.engine.balances import CLASSES, Balances, make_balances
from features.engine.cut import Arrays, recompute_late_arrivals, seen, value_as_of
from features.engine.entities import EPOCH, FOREVER, Entities, Ints, Rows, day_number
from features.engine.reached import was_reached
from features.engine.tiles import Calendar
from features.families.relationship import answer_scores, assigned, household

# Of the rows: raised whenever one byte of them changes for the same tables and settings.
FORMER_VERSION = 2
TABLES_READ = (
    "customers", "assignments", "households", "transactions", "holdings", "contacts", "events", "surveys",
)  # fmt: skip
KINDS_READ = ("transfer_out", "salary")  # of bookings
LEARN_EVERY, LEARN_WEEKS = 4, 156  # Mondays that teach, back from the newest: three years
DESTINATIONS = ("same_name_elsewhere", "other_bank", "broker", "company", "person")
HALF_YEAR, QUARTER, SALARY_GONE, SENT = 182, 91, 70, 56  # days before leaving in which something counts
MATURED_SHARE, LOOKED = 0.4, 2  # of the AUM before, and looks at rates, from which they are a reason
_LEFT = Name("left_on", "")
_FLAGS = tuple(Name(f"by_{reason}", "") for reason in REASONS_LEFT)


@dataclass(frozen=True)
class Levels:
    """AUM at every position (position × customer, minor units): ``unmoved`` without market moves, ``market``
    their sum, and ``base`` the average before, in constant prices; 0 where the history is too short."""

    unmoved: Ints
    market: Ints
    base: NDArray[np.float64]


def former_mondays(history_from: date, monday: date) -> tuple[date, ...]:
    """The Mondays of a table of former customers, the oldest first: every fourth back from the newest."""
    days = (monday - timedelta(weeks=back) for back in range(0, LEARN_WEEKS + 1, LEARN_EVERY))
    return tuple(sorted(day for day in days if day >= history_from))


def history_needed(settings: Settings, monday: date) -> date:
    """The Monday from which on rows count for the former customers of ``monday`` and those that teach."""
    terms = settings.win_back
    back = LEARN_WEEKS + terms.until_weeks + 2 * settings.label.base_weeks + terms.lasting_weeks + 53
    return monday - timedelta(weeks=back)


def build_former(entities: Entities, monday: date, history_from: date, settings: Settings) -> pa.Table:
    """One row per Monday of ``former_mondays`` and former customer on it, by Monday and customer.

    Money is in minor units of base currency. ``missing_minor`` is what must still come before ``share_back``
    of what left is back: nothing for whoever may just be coming back. ``returned``, ``brought_minor`` and
    ``contacted`` are as known before ``monday``; null where the horizon has not passed by then.
    """
    mondays = former_mondays(history_from, monday)
    start = max(history_from, history_needed(settings, monday))
    calendar = Calendar(np.array([day_number(day) for day in mondays]), day_number(start), ())
    arrays = recompute_late_arrivals(entities, calendar, partial(_compute, settings=settings))
    newest = calendar.only(len(mondays) - 1)
    seen_now = recompute_late_arrivals(entities, newest, partial(_unmoved, settings=settings))
    level = np.concatenate([seen_now[Name("level", f"{k}p")] for k in range(newest.positions)])
    tables = [_one_monday(entities, arrays, level, s, calendar, settings) for s in range(len(mondays))]
    return pa.concat_tables(tables)


def _unmoved(entities: Entities, calendar: Calendar, settings: Settings) -> Arrays:
    """The AUM without market moves at each position, one array a position, as one Monday sees it."""
    level = _levels(entities, calendar, settings)[1].unmoved
    return {Name("level", f"{k}p"): level[k : k + 1] for k in range(len(level))}


def _levels(entities: Entities, calendar: Calendar, settings: Settings) -> tuple[Balances, Levels]:
    balances = make_balances(entities.tables["holdings"], calendar, len(entities))
    weeks, base = settings.label.base_weeks, np.zeros(balances.aum.shape)
    summed = balances.aum_days - balances.market_days
    base[weeks:] = (summed[weeks:] - summed[:-weeks]) / (7 * weeks) + balances.market[weeks:]
    return balances, Levels(balances.aum - balances.market, balances.market, base)


def _left_at(levels: Levels, settings: Settings) -> NDArray[np.bool_]:
    """(position × customer): whoever left in the week that ends there; the last positions are not settled."""
    bounds, lasting = settings.cohort, settings.win_back.lasting_weeks
    most = (1 - settings.win_back.share_gone) * levels.base - levels.market
    gone = (levels.base >= 100 * bounds.min_aum) & (levels.base < 100 * bounds.max_aum) & (levels.base > 0)
    gone &= _highest(levels.unmoved, lasting) <= most
    gone[max(len(gone) - lasting, 0) :] = False
    counted = np.cumsum(gone, axis=0, dtype=np.int64)
    before = np.zeros_like(counted)
    before[1:] = counted[:-1]
    weeks = settings.label.base_weeks
    before[weeks + 1 :] -= counted[: -weeks - 1]
    return gone & (before == 0)


def _highest(level: Ints, lasting: int) -> Ints:
    """At each position the highest of it and the ``lasting`` after it; beyond the last nothing is higher."""
    highest = level.copy()
    for ahead in range(1, lasting + 1):
        np.maximum(highest[:-ahead], level[ahead:], out=highest[:-ahead])
    return highest


def _compute(entities: Entities, calendar: Calendar, settings: Settings) -> Arrays:
    """Per snapshot and customer the day of leaving, 0 for whoever is no former customer, and the facts."""
    terms = settings.win_back
    balances, levels = _levels(entities, calendar, settings)
    left_at, lowest = _left_at(levels, settings), -_highest(-levels.unmoved, terms.lasting_weeks)
    position = np.arange(len(left_at))[:, None]
    shape = len(calendar.at), len(entities)
    when, lost, back_at, missing = np.zeros((4, *shape), np.int64)
    base = np.zeros(shape)
    for s, at in enumerate(calendar.at):
        settled = at - terms.lasting_weeks
        inside = left_at & (position <= settled) & (position > at - terms.until_weeks)
        who = np.flatnonzero(inside.any(axis=0))
        place = (inside * position)[:, who].max(axis=0, initial=0)
        whole = np.rint(levels.base[place, who]).astype(np.int64)
        gone = whole - levels.unmoved[place + terms.lasting_weeks, who] - levels.market[place, who]
        needed = levels.unmoved[place + terms.lasting_weeks, who] + np.ceil(terms.share_back * gone).astype(
            np.int64
        )
        later = (position > place + terms.lasting_weeks) & (position <= settled)
        away = ~(later & (lowest[:, who] >= needed)).any(axis=0)
        who, place = who[away], place[away]
        missing[s, who] = needed[away] - levels.unmoved[at, who]
        when[s, who] = calendar.history_from + 7 * place
        base[s, who], lost[s, who], back_at[s, who] = whole[away], gone[away], needed[away]
    arrays: Arrays = {_LEFT: when, Name("base", "minor"): base.astype(np.int64)}
    arrays |= {Name("lost", "minor"): lost, Name("back_at", "minor"): back_at}
    arrays[Name("missing", "minor")] = missing
    arrays[Name("aum", "minor")] = balances.aum[calendar.at]
    before = np.maximum((when - calendar.history_from) // 7 - settings.label.base_weeks, 0)
    held = [np.take_along_axis(balances.by_class[k], before, axis=0) > 0 for k in range(len(CLASSES))]
    arrays[Name("classes", "")] = np.sum(held, axis=0)
    return arrays | _facts(entities, calendar, when, base, settings)


def _facts(
    entities: Entities, calendar: Calendar, when: Ints, base: NDArray[np.float64], settings: Settings
) -> Arrays:
    """What the first life and the leaving were like, per snapshot and former customer."""
    tables = {name: _of(entities.tables[name], (when > 0).any(axis=0)) for name in TABLES_READ}
    sent, events, contacts = (tables[name] for name in ("transactions", "events", "contacts"))
    assignments, surveys, holdings = (tables[name] for name in ("assignments", "surveys", "holdings"))
    until = np.where(when > 0, when + 7 * settings.win_back.lasting_weeks, 0)
    salary, out = _is(sent, "kind", "salary"), _is(sent, "kind", "transfer_out")
    complains = _counted(events, _is(events, "kind", "complaint"), when - HALF_YEAR, when)
    complains += _counted(contacts, _is(contacts, "purpose", "complaint"), when - HALF_YEAR, when)
    looks = _counted(events, _is(events, "kind", "view_rates"), when - QUARTER, when)
    changed = _changed(assignments, when, calendar.snapshots)
    paid = _counted(sent, salary, when - 364, when - SALARY_GONE)
    paid_last = _counted(sent, salary, when - SALARY_GONE, when)
    matures = holdings.columns["matures_on"]
    due = _largest(
        matures, holdings, holdings.columns["balance_base"] * (matures > holdings.day), when - QUARTER, when
    )
    flags = (
        complains > 0,
        changed > 0,
        (paid > 0) & (paid_last == 0),
        due >= MATURED_SHARE * base,
        looks >= LOOKED,
    )
    arrays: Arrays = {name: flag & (when > 0) for name, flag in zip(_FLAGS, flags, strict=True)}
    for counterparty in DESTINATIONS:
        goes_there = out & _is(sent, "counterparty", counterparty)
        amount = np.where(goes_there, -sent.columns["amount_base"], 0)
        arrays[Name("to", counterparty)] = _counted(sent, amount, when - SENT, until)
    score = answer_scores(surveys, settings.survey)
    answered = ~np.isnan(score)
    number = _counted(surveys, answered, when - 364, when)
    total = _counted(surveys, np.where(answered, score, 0.0), when - 364, when)
    arrays[Name("satisfaction", "")] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    met = was_reached(contacts, settings.lists.talked)
    ends = np.where(when > 0, calendar.snapshots[:, None], 0)
    arrays[Name("reached", "on")] = _largest(contacts.day, contacts, contacts.day * met, when, ends)
    return arrays


def _of(rows: Rows, chosen: Any) -> Rows:
    return rows.take(chosen[rows.customer])


def _is(rows: Rows, column: str, word: str) -> NDArray[np.bool_]:
    return np.isin(rows.columns[column], rows.code(column, word))


def _counted(rows: Rows, value: NDArray[Any], start: Ints, end: Ints) -> NDArray[np.float64]:
    """(snapshot × customer): the sum of ``value`` of the rows of [start, end), days in the same shape."""
    total = np.zeros(start.shape)
    for s in range(len(start)):
        inside = (rows.day >= start[s, rows.customer]) & (rows.day < end[s, rows.customer])
        total[s] = np.bincount(rows.customer[inside], value[inside], start.shape[1])
    return total


def _changed(assignments: Rows, when: Ints, snapshots: Ints) -> NDArray[np.bool_]:
    """(snapshot × customer) flags: an assignment but the first began in the half year before leaving."""
    changed = np.zeros(when.shape, bool)
    for s, snapshot in enumerate(snapshots.tolist()):
        rows = assignments.take(seen(assignments, snapshot))
        first = np.full(when.shape[1], FOREVER)
        np.minimum.at(first, rows.customer, rows.day)
        since = np.maximum(when[s, rows.customer] - HALF_YEAR, first[rows.customer] + 1)
        changed[s, rows.customer[(rows.day >= since) & (rows.day < when[s, rows.customer])]] = True
    return changed


def _largest(day: Ints, rows: Rows, value: Ints, start: Ints, end: Ints) -> Ints:
    """(snapshot × customer): the largest ``value`` of the rows with ``day`` in [start, end); 0 for none."""
    largest = np.zeros(start.shape, np.int64)
    for s in range(len(start)):
        inside = (day >= start[s, rows.customer]) & (day < end[s, rows.customer])
        np.maximum.at(largest[s], rows.customer[inside], value[inside])
    return largest


def _one_monday(
    entities: Entities, arrays: Arrays, level: Ints, s: int, calendar: Calendar, settings: Settings
) -> pa.Table:
    records, only = entities.tables["customers"], calendar.only(s)
    opened = value_as_of(records, only.snapshots, len(entities), records.day, np.nan)[0]
    customer = np.flatnonzero((arrays[_LEFT][s] > 0) & ~np.isnan(opened))  # known as a customer by then
    day = EPOCH + timedelta(days=int(calendar.snapshots[s]))
    of_day = {name: array[s, customer] for name, array in arrays.items()}
    labels = entities.tables["assignments"].labels
    columns = {"left_on": _days(of_day[_LEFT])}
    columns |= {
        str(name): pa.array(of_day[name])
        for name in of_day
        if name != _LEFT and name not in _FLAGS and name.measure not in ("to", "reached")
    }
    columns["tenure_days"] = pa.array(of_day[_LEFT] - opened[customer].astype(np.int64))
    reasons = np.stack([of_day[name] for name in _FLAGS])
    first_reason = np.where(reasons.any(axis=0), reasons.argmax(axis=0), -1)
    columns["reason"] = coded_words(first_reason, REASONS_LEFT, "")
    for k, name in enumerate(REASONS_LEFT):
        columns[f"by_{name}"] = pa.array(reasons[k])
    sent = np.stack([of_day[Name("to", name)] for name in DESTINATIONS])
    columns["destination"] = coded_words(
        np.where(sent.max(axis=0) > 0, sent.argmax(axis=0), -1), DESTINATIONS, "none"
    )
    columns["kept_off"] = coded_words(_kept_off(entities, only)[0, customer], KEPT_OFF, "")
    columns["reached_on"] = _days(of_day[Name("reached", "on")])
    for name in ("branch_id", "manager_id"):
        columns[name] = coded_words(assigned(entities, only, name)[0][0, customer], labels[name], None)
    homes = entities.tables["households"]
    home = household(homes, only.snapshots, len(entities))[0, customer]
    columns["household_id"] = coded_words(home, homes.labels["household_id"], None)
    at, back_at = int(calendar.at[s]), of_day[Name("back_at", "minor")]
    outcome = _outcome(level[:, customer], at, back_at, settings.win_back)
    unknown = outcome["returned"].is_null().to_numpy(zero_copy_only=False)
    followed = _met_after(entities, calendar, s, settings)[customer]
    outcome["contacted"] = pa.array(followed, mask=unknown)
    return pa.table(key_columns(entities, customer, day) | columns | outcome)


def _met_after(entities: Entities, calendar: Calendar, s: int, settings: Settings) -> NDArray[np.bool_]:
    """Whoever was reached within the horizon of a snapshot, as known on the newest one."""
    contacts, start = entities.tables["contacts"], int(calendar.snapshots[s])
    known = seen(contacts, int(calendar.snapshots[-1])) & was_reached(contacts, settings.lists.talked)
    inside = (contacts.day >= start) & (contacts.day < start + 7 * settings.win_back.horizon_weeks)
    met = np.zeros(len(entities), bool)
    met[contacts.customer[known & inside]] = True
    return met


def _outcome(level: Ints, at: int, back_at: Ints, terms: WinBack) -> dict[str, pa.Array]:
    """Whether the money came back within the horizon, and how much; null where it has not passed."""
    end, lowest = at + terms.horizon_weeks, -_highest(-level, terms.lasting_weeks)
    unknown = np.full(len(back_at), end + terms.lasting_weeks >= len(level))
    most = lowest[at + 1 : end + 1].max(axis=0, initial=-(2**62))
    returned = most >= back_at
    brought = np.where(returned, most - level[at], 0)
    return {
        "returned": pa.array(returned, mask=unknown),
        "brought_minor": pa.array(brought, mask=unknown),
    }


def _kept_off(entities: Entities, calendar: Calendar) -> Ints:
    """(snapshot × customer): the place in KEPT_OFF of why nobody asks the customer; -1 where one may."""
    records, n = entities.tables["customers"], len(entities)
    columns, snapshots = records.columns, calendar.snapshots
    status = value_as_of(records, snapshots, n, columns["status"], STATUSES.index("active"))
    holds = [
        status == STATUSES.index("closed"),
        np.isin(status, [STATUSES.index("deceased"), STATUSES.index("frozen")]),
        value_as_of(records, snapshots, n, columns["is_staff"] == 1, False),
        value_as_of(records, snapshots, n, columns["marketing_opt_out"] == 1, False),
    ]
    return np.select(holds, list(range(len(holds))), default=-1)


def _days(numbers: Ints) -> pa.Array:
    return pa.array(numbers.astype(np.int32), mask=numbers <= 0).cast(pa.date32())
