"""Every feature, exclusion code and label equals a plain loop over rows; the loops are the specification.

One customer and one Monday at a time, straight from the rows. A row counts if it happened and was known
before that Monday, and was not superseded before it. Money is in minor units until it is shown.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import pytest

from configs.settings import Settings
from features.build import build, build_labels
from features.world import make_world

Row = dict[str, Any]
NAN = math.nan
DAY = timedelta(days=1)
WINDOWS = (4, 13, 26, 52)
CLASSES = ("demand", "term", "structured", "wealth", "fund", "insurance", "metal", "trust")
HAPPENED = {"customers": "opened_on", "assignments": "from_on", "transactions": "booked_at",
            "holdings": "valued_on", "contacts": "contacted_at", "events": "occurred_at",
            "surveys": "answered_on"}  # fmt: skip
ELSEWHERE = ("same_name_elsewhere", "other_bank", "broker")
BANKS_OWN = ("fee", "interest", "loan")


def moves(row: Row) -> bool:
    return row["kind"] not in (*BANKS_OWN, "buy", "redeem") and row["counterparty"] != "own"


def money_in(row: Row) -> bool:
    return row["amount_base"] >= 0


def money_out(row: Row) -> bool:
    return row["amount_base"] < 0


# Measure: its table, its statistics, whether a row counts.
MEASURES: dict[str, tuple[str, str, Callable[[Row], bool]]] = {
    "inflow": ("transactions", "sum count", lambda r: moves(r) and money_in(r)),
    "outflow": ("transactions", "sum count max", lambda r: moves(r) and money_out(r)),
    "inflow_elsewhere": ("transactions", "sum count since",
                         lambda r: r["counterparty"] in ELSEWHERE and money_in(r)),
    "outflow_elsewhere": ("transactions", "sum count max since",
                          lambda r: r["counterparty"] in ELSEWHERE and money_out(r)),
    "outflow_broker": ("transactions", "sum count", lambda r: r["counterparty"] == "broker" and money_out(r)),
    "salary": ("transactions", "sum count since", lambda r: r["kind"] == "salary" and money_in(r)),
    "card": ("transactions", "sum count since", lambda r: r["kind"] == "card" and money_out(r)),
    "cash_out": ("transactions", "sum count", lambda r: r["kind"] == "cash_out" and money_out(r)),
    "buy": ("transactions", "sum count since", lambda r: r["kind"] == "buy"),
    "redeem": ("transactions", "sum count since", lambda r: r["kind"] == "redeem"),
    "booking": ("transactions", "count since", lambda r: r["kind"] not in BANKS_OWN),
    "login": ("events", "count since", lambda r: r["kind"] == "login"),
    "view_rates": ("events", "count since", lambda r: r["kind"] == "view_rates"),
    "complaint": ("events", "count since", lambda r: r["kind"] == "complaint"),
    "contact": ("contacts", "count since", lambda _: True),
    "contact_answered": ("contacts", "count since", lambda r: r["outcome"] == "answered"),
}  # fmt: skip


def happened(table: str, row: Row) -> date:
    when = row[HAPPENED[table]]
    return when.date() if isinstance(when, datetime) else when


def visible(table: str, row: Row, before: date) -> bool:
    superseded = row["superseded_on"] is not None and row["superseded_on"] < before
    return happened(table, row) < before and row["known_on"] < before and not superseded


def minor(money: Any) -> int:
    return int(money * 100)


def share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else NAN


@dataclass
class Holding:
    """All seen rows of one product of one customer, by day."""

    kind: str
    rows: list[Row]

    def row_at(self, day: date) -> Row | None:
        """The row that stands at the end of the day."""
        past = [row for row in self.rows if row["valued_on"] <= day]
        return past[-1] if past else None

    def balance(self, day: date) -> int:
        row = self.row_at(day)
        return minor(row["balance_base"]) if row else 0

    @cached_property
    def market_moves(self) -> list[tuple[date, int]]:
        """Day and amount by which a new price changed what was held before, a half rounded up."""
        moved = []
        for before, after in zip(self.rows, self.rows[1:], strict=False):
            if (
                (before["units"] or 0) > 0
                and (before["unit_price"] or 0) > 0
                and (after["unit_price"] or 0) > 0
            ):
                old, new = int(before["unit_price"] * 10_000), int(after["unit_price"] * 10_000)
                twice = 2 * minor(before["balance_base"]) * (new - old)
                moved.append((after["valued_on"], (twice + old) // (2 * old)))
        return moved


class Customer:
    """What the bank knew of one customer before ``seen_before``; everything is asked as of ``monday``."""

    def __init__(
        self, bank: dict[str, list[Row]], name: str, monday: date, history_from: date, seen_before: date
    ):
        self.monday, self.history_from = monday, history_from
        self.rows = {
            table: sorted(
                (r for r in bank[table] if r["customer_id"] == name and visible(table, r, seen_before)),
                key=lambda r, column=HAPPENED[table]: r[column],
            )
            for table in HAPPENED
        }
        kinds = {row["product_id"]: row["product_class"] for row in bank["products"]}
        by_product: dict[str, list[Row]] = {}
        for row in self.rows["holdings"]:
            by_product.setdefault(row["product_id"], []).append(row)
        self.holdings = [Holding(kinds[product], rows) for product, rows in by_product.items()]
        self.own = [holding for holding in self.holdings if holding.kind != "loan"]
        self.by_day: dict[date, tuple[int, int]] = {}

    def covered(self, weeks: int) -> bool:
        return self.monday - 7 * weeks * DAY >= self.history_from

    def aum_and_market(self, day: date) -> tuple[int, int]:
        """AUM at the end of the day, and all market moves up to then."""
        if day not in self.by_day:
            moved = sum(amount for own in self.own for on, amount in own.market_moves if on <= day)
            self.by_day[day] = sum(own.balance(day) for own in self.own), moved
        return self.by_day[day]

    def aum(self, day: date) -> int:
        return self.aum_and_market(day)[0]

    def market(self, day: date) -> int:
        return self.aum_and_market(day)[1]

    @property
    def yesterday(self) -> date:
        return self.monday - DAY

    def days_back(self, weeks: int) -> list[date]:
        return [self.monday - k * DAY for k in range(1, 7 * weeks + 1)]

    def mean_aum(self, weeks: int) -> float:
        total = sum(self.aum(day) for day in self.days_back(weeks))
        return total / (700 * weeks) if self.covered(weeks) else NAN

    def base(self, weeks: int = 13) -> float:
        """Daily average AUM, each day's at the prices of the day before the Monday."""
        now = self.market(self.yesterday)
        total = sum(self.aum(day) + now - self.market(day) for day in self.days_back(weeks))
        return total / (700 * weeks) if self.covered(weeks) else NAN

    def record(self) -> Row | None:
        return self.rows["customers"][-1] if self.rows["customers"] else None

    def tenure(self) -> float:
        record = self.record()
        return (self.monday - record["opened_on"]).days if record else NAN

    def since(self, measure: str) -> float:
        """Days since the last row of the measure."""
        table, _, counts = MEASURES[measure]
        days = [happened(table, row) for row in self.rows[table] if counts(row)]
        return (self.monday - max(days)).days if days else NAN

    def in_window(self, measure: str, weeks: int) -> list[Row]:
        table, _, counts = MEASURES[measure]
        start = self.monday - 7 * weeks * DAY
        return [row for row in self.rows[table] if counts(row) and happened(table, row) >= start]

    def total(self, measure: str, weeks: int) -> int:
        return sum(abs(minor(row["amount_base"])) for row in self.in_window(measure, weeks))

    def assignment(self) -> Row | None:
        """The last to begin of those that still ran on the day before."""
        running = [r for r in self.rows["assignments"] if r["to_on"] is None or r["to_on"] >= self.monday]
        return running[-1] if running else None

    def stage(self) -> str:
        if self.covered(26) and not self.since("booking") <= 182:
            return "dormant"
        if self.tenure() < 365:
            return "new"
        then, now = self.aum(self.monday - 183 * DAY), self.aum(self.yesterday)
        if self.covered(26) and then > 0 and abs(now - then) / then >= 0.1:
            return "growing" if now > then else "declining"
        return "mature"


def features(one: Customer) -> dict[str, float]:
    return {**wealth(one), **classes(one), **flows(one), **products(one), **maturities(one), **person(one)}


def wealth(one: Customer) -> dict[str, float]:
    now = one.aum(one.yesterday)
    quarter = one.monday.replace(month=(one.monday.month - 1) // 3 * 3 + 1, day=1)
    then = one.aum(quarter - DAY)
    moved = one.market(one.yesterday) - one.market(one.monday - (7 * 13 + 1) * DAY)
    found = {
        "aum_last": now / 100,
        "market_move_sum_13w": moved / 100 if one.covered(13) else NAN,
        "aum_change_quarter": share(now - then, then) if quarter >= one.history_from else NAN,
    }
    for weeks in WINDOWS:
        found |= {f"aum_{name}_{weeks}w": value for name, value in aum_over(one, weeks).items()}
    return found


def aum_over(one: Customer, weeks: int) -> dict[str, float]:
    names = [
        "mean",
        "change",
        "ratio",
        "min",
        "drawdown",
        "rebound",
        *["deviation", "slope"][: 2 * (weeks >= 13)],
    ]
    if not one.covered(weeks):
        return dict.fromkeys(names, NAN)
    now, mean, start = one.aum(one.yesterday), one.mean_aum(weeks), one.monday - (7 * weeks + 1) * DAY
    before = one.aum(start) + one.market(one.yesterday) - one.market(start)
    points = [one.aum(one.yesterday - 7 * k * DAY) for k in reversed(range(weeks))]
    middle, average = (weeks - 1) / 2, sum(points) / weeks
    variance = sum((point - average) ** 2 for point in points) / weeks
    slope = sum((k - middle) * p for k, p in enumerate(points)) / sum((k - middle) ** 2 for k in range(weeks))
    values = (
        mean,
        share(now - before, before),
        share(now / 100, mean),
        min(points) / 100,
        share(max(points) - now, max(points)),
        share(now - min(points), max(points)),
        share(math.sqrt(variance) / 100, mean),
        share(slope / 100, mean),
    )
    return dict(zip(names, values, strict=False))


def classes(one: Customer) -> dict[str, float]:
    found: dict[str, float] = {}
    aum = one.aum(one.yesterday)

    def held(kind: str, day: date) -> int:
        return sum(holding.balance(day) for holding in one.holdings if holding.kind == kind)

    for kind in CLASSES:
        now = held(kind, one.yesterday)
        found |= {f"{kind}_last": now / 100, f"{kind}_share": share(now, aum)}
        for weeks in (4, 13, 26):
            then = held(kind, one.yesterday - 7 * weeks * DAY)
            found[f"{kind}_difference_{weeks}w"] = share(now - then, aum) if one.covered(weeks) else NAN
    return found | {"loan_last": held("loan", one.yesterday) / 100}


def flows(one: Customer) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, (_, statistics, _) in MEASURES.items():
        if "since" in statistics:
            found[f"days_since_{name}"] = one.since(name)
        for weeks in WINDOWS:
            rows, known = one.in_window(name, weeks), one.covered(weeks)
            if "sum" in statistics:
                found[f"{name}_sum_{weeks}w"] = one.total(name, weeks) / 100 if known else NAN
            if "count" in statistics:
                found[f"{name}_count_{weeks}w"] = len(rows) if known else NAN
            if "max" in statistics:
                largest = max((abs(minor(row["amount_base"])) for row in rows), default=0)
                found[f"{name}_max_{weeks}w"] = largest / 100 if known else NAN
    return found | beside_aum(one) | speeds(one)


def beside_aum(one: Customer) -> dict[str, float]:
    found: dict[str, float] = {}
    for weeks in WINDOWS:
        mean = one.mean_aum(weeks)
        net = one.total("inflow", weeks) - one.total("outflow", weeks)
        found[f"net_flow_sum_{weeks}w"] = net / 100 if one.covered(weeks) else NAN
        found[f"net_flow_per_aum_{weeks}w"] = share(net / 100, mean)
        for name in ("inflow", "outflow", "inflow_elsewhere", "outflow_elsewhere", "redeem", "buy"):
            found[f"{name}_per_aum_{weeks}w"] = share(one.total(name, weeks) / 100, mean)
    return found


def speeds(one: Customer) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in ("outflow", "outflow_elsewhere", "inflow", "booking", "login", "card"):
        for short, long in ((4, 13), (13, 26), (26, 52)):
            pace, usual = len(one.in_window(name, short)) / short, len(one.in_window(name, long)) / long
            found[f"{name}_speed_{short}w_per_{long}w"] = share(pace, usual) if one.covered(long) else NAN
    return found


def products(one: Customer) -> dict[str, float]:
    def held(day: date) -> int:
        return sum(holding.balance(day) > 0 for holding in one.own)

    by_class = [sum(h.balance(one.yesterday) for h in one.own if h.kind == kind) for kind in CLASSES]
    found: dict[str, float] = {
        "product_held": held(one.yesterday),
        "product_class_held": sum(total > 0 for total in by_class),
    }
    for weeks in (13, 26, 52):
        added = held(one.yesterday) - held(one.yesterday - 7 * weeks * DAY)
        found[f"product_added_{weeks}w"] = added if one.covered(weeks) else NAN
    return found


def maturities(one: Customer) -> dict[str, float]:
    aum, found = one.aum(one.yesterday), {}
    ahead = [(row["matures_on"], row) for holding in one.own if (row := holding.row_at(one.yesterday))]
    ahead = [(due, row) for due, row in ahead if due and due >= one.monday and row["balance_base"] > 0]
    for days in (14, 30, 60, 90):
        money = sum(minor(row["balance_base"]) for due, row in ahead if due < one.monday + days * DAY)
        found |= {f"maturing_sum_{days}d": money / 100, f"maturing_share_{days}d": share(money, aum)}
    found["days_to_next_maturity"] = min(((due - one.monday).days for due, _ in ahead), default=NAN)
    # Behind: on the evening before its due day the holding stood, and due it was.
    dues = [(row["matures_on"], holding) for holding in one.own for row in holding.rows if row["matures_on"]]
    for days in (28, 91):
        past = {(due, id(h)): h for due, h in dues if one.monday - days * DAY <= due < one.monday}
        money = sum(matured(holding, due) for (due, _), holding in past.items())
        found |= {f"matured_sum_{days}d": money / 100, f"matured_share_{days}d": share(money, aum + money)}
    return found


def matured(holding: Holding, due: date) -> int:
    row = holding.row_at(due - DAY)
    return max(minor(row["balance_base"]), 0) if row and row["matures_on"] == due else 0


def person(one: Customer) -> dict[str, float]:
    post, stages = one.assignment(), ("new", "growing", "mature", "declining", "dormant")
    scores = [r["score"] for r in one.rows["surveys"] if r["answered_on"] >= one.monday - 364 * DAY]
    return {
        "tenure_days": one.tenure(),
        "lifecycle_stage_code": stages.index(one.stage()),
        "manager_vacant": post is None or post["manager_id"] is None,
        "days_since_manager_change": (one.monday - post["from_on"]).days if post else NAN,
        "survey_score_mean_52w": sum(scores) / len(scores) if scores else NAN,
    }


def excluded(one: Customer, settings: Settings) -> str:
    """The first reason that holds, "" for the eligible; unknown customers are not listed at all."""
    record, base, bounds = one.record(), one.base(), settings.cohort
    assert record is not None
    reasons = {
        "closed": record["status"] == "closed",
        "deceased_or_frozen": record["status"] in ("deceased", "frozen"),
        "staff": record["is_staff"],
        "no_history": not (one.rows["transactions"] or one.rows["holdings"]) or math.isnan(base),
        "too_new": one.tenure() < 7 * bounds.min_tenure_weeks,
        "below_bounds": base < bounds.min_aum,
        "above_bounds": base >= bounds.max_aum,
        "already_left": one.aum(one.yesterday) / 100 <= (1 - settings.label.min_drop) * base,
    }
    return next((code for code, holds in reasons.items() if holds), "")


def outcome(one: Customer, settings: Settings) -> Row | None:
    """What left by the end of the window: the highest AUM of its last days, at the prices of the Monday."""
    label, base = settings.label, one.base()
    if not base > 0:
        return None
    end = one.monday + (label.lead_days + label.horizon_days) * DAY
    last_days = [end - k * DAY for k in range(1, label.settle_days + 1)]
    after = max(one.aum(day) - one.market(day) for day in last_days) + one.market(one.yesterday)
    left = min(max(1 - after / 100 / base, 0.0), 1.0)
    return {"attrited": int(left >= label.min_drop), "outflow_share": left, "aum_base": base}


def filled(tables: dict[str, pa.Table]) -> dict[str, list[Row]]:
    return {name: table.to_pylist() for name, table in tables.items()}


# What may differ in the last digits: quotients of two rounded numbers. All else is exact.
RATIOS = ("_change_", "_ratio_", "_drawdown_", "_rebound_", "_deviation_", "_slope_", "_share",
          "_difference_", "_per_aum_", "_speed_")  # fmt: skip


def same(name: str, found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and math.isnan(expected):
        return found is not None and math.isnan(found)
    if any(part in name for part in RATIOS):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return found == expected


def differences(where: tuple[Any, ...], found: Row, expected: Row) -> list[tuple[Any, ...]]:
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    return [(*where, n, found[n], expected[n]) for n in expected if not same(n, found[n], expected[n])]


def by_customer(table: pa.Table) -> dict[str, Row]:
    rows = {row.pop("customer_id"): row for row in table.to_pylist()}
    for row in rows.values():
        del row["snapshot_date"]
    return rows


def check_world(drawn: Any, tables: dict[str, pa.Table], settings: Settings) -> tuple[int, int]:
    """Compare everything of one world; returns how many feature rows and labels there were."""
    bank, world, wrong, counted = filled(tables), make_world(tables), [], 0
    names = sorted({row["customer_id"] for row in bank["customers"]})
    for built in build(world, drawn.snapshots, drawn.history_from, settings):
        day = built.snapshot_date
        ones = {name: Customer(bank, name, day, drawn.history_from, day) for name in names}
        known = {name: one for name, one in ones.items() if one.record()}
        cohort, rows = by_customer(built.cohort), by_customer(built.features)
        assert list(cohort) == sorted(known)
        assert list(rows) == [name for name, one in sorted(known.items()) if not excluded(one, settings)]
        for name, one in known.items():
            wrong += differences((day, name), cohort[name], expected_cohort(one, settings))
            if name in rows:
                wrong += differences((day, name), rows[name], features(one))
        counted += len(rows)
    assert not wrong, wrong[:10]
    made = build_labels(world, drawn.snapshots, drawn.history_from, drawn.data_through, settings)
    return counted, check_labels(bank, names, made, drawn, settings)


def expected_cohort(one: Customer, settings: Settings) -> Row:
    post, record = one.assignment() or {}, one.record() or {}
    return {
        "exclusion": excluded(one, settings),
        "aum_base": one.base(),
        "aum": one.aum(one.yesterday) / 100,
        "lifecycle_stage": one.stage(),
        "marketing_opt_out": record["marketing_opt_out"],
        "manager_id": post.get("manager_id"),
        "branch_id": post.get("branch_id"),
    }


def check_labels(
    bank: dict[str, list[Row]], names: list[str], labels: Iterable[Any], drawn: Any, settings: Settings
) -> int:
    counted = 0
    for day, table in labels:
        found = by_customer(table)
        for name in names:
            one = Customer(bank, name, day, drawn.history_from, drawn.data_through)
            # Rows after the Monday are seen now; everything is still asked as of the Monday.
            expected = outcome(one, settings)
            assert (name in found) == (expected is not None), (day, name)
            if expected:
                assert not differences((day, name), found[name], expected)
                counted += 1
    return counted


def test_random_worlds(draw_bank: Any, tables_of: Any, bank_settings: Settings) -> None:
    totals = [check_world(d := draw_bank(seed), tables_of(d.bank), bank_settings) for seed in range(12)]
    rows, labels = (sum(column) for column in zip(*totals, strict=True))
    assert rows > 100, "too few eligible customers to compare"
    assert labels > 200


@pytest.mark.long
@pytest.mark.parametrize("block", range(10))
def test_many_random_worlds(block: int, draw_bank: Any, tables_of: Any, bank_settings: Settings) -> None:
    for seed in range(100 + 30 * block, 130 + 30 * block):
        drawn = draw_bank(seed)
        check_world(drawn, tables_of(drawn.bank), bank_settings)
