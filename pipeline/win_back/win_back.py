"""The list of who is asked to come back, its order, and how well that order was right before."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from configs.branch_rows import FormerCustomer
from configs.call_lists import Assignment
from configs.settings import Settings
from configs.win_back import REASONS_LEFT
from features.former import DESTINATIONS, LEARN_EVERY
from models.win_back import Chance, Floats, Past, Prior, chances_out_of_time, fit_chance
from pipeline.artefacts import Home
from pipeline.context import Context
from pipeline.ingest.renumbered import newest_numbers
from pipeline.lists.control_group import assignment_name, held_by_name, is_control
from pipeline.progress import progress_bar, step
from pipeline.scoring.score import Publication
from pipeline.tables import Ingested
from pipeline.win_back.former import former_customers
from serve.store import assignments
from serve.store.store import Store

RECENT = 56  # days within which a contact may still work


@dataclass(frozen=True)
class FormerList:
    """The former customers of a run who may be asked, the most valuable first; and the figures about them.

    ``figures`` is JSON-able: what the chance ``rests_on``, how it was ``evaluated`` (None where nothing can
    be), and the ``outcome`` of the newest Monday of which it is known, by what was done.
    """

    customers: tuple[FormerCustomer, ...]
    figures: dict[str, Any]


def run_win_back(context: Context, tables: Ingested, publication: Publication) -> FormerList:
    """The former customers of a run, as a step of it."""
    snapshot_date, scored = publication.run.snapshot_date, {row.customer_id for row in publication.scores}
    with step("win-back") as counts, progress_bar("former") as on_former:
        with Store(context.home.store) as store, store.read() as connection:
            holding = assignments.holding(connection, snapshot_date)
        held = held_by_name(holding, publication.households, newest_numbers(tables).of)
        gone = win_back(context.settings, context.home, tables, snapshot_date, scored, held, on_former)
        counts["customers"] = len(gone.customers)
        counts |= {"rests_on": gone.figures["rests_on"]} if gone.figures else {}
        evaluated = gone.figures.get("evaluated")
        counts |= {name: evaluated[name] for name in ("auroc", "auroc_money")} if evaluated else {}
    return gone


def win_back(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshot_date: date,
    scored: Collection[str],
    held: Mapping[str, Assignment] = MappingProxyType({}),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> FormerList:
    """The former customers of a Monday. Nobody where a bank counts customers: no money is seen to leave.

    Nor is anybody asked who has brought enough of it back, while it is seen whether it stays. Whoever is
    ``scored`` has enough money left for the weekly list, which decides about them. ``held`` are the
    assignments of the lists that hold, by name.
    """
    if settings.counts == "customers":
        return FormerList((), {})
    frame = _with_ages(former_customers(settings, home, tables, snapshot_date, progress))
    frame = frame[(frame["kept_off"] == "") & (frame["missing_minor"] > 0)]
    may_ask = frame[frame["weeks"] >= settings.win_back.quiet_weeks]
    known = may_ask[may_ask["returned"].notna()].reset_index(drop=True)
    chance = fit_chance(_past(known, settings), _prior(settings))
    today = frame[frame["snapshot_date"] == snapshot_date]
    today = today[~today["customer_id"].isin(set(scored))]
    control = _in_control_group(today, snapshot_date, settings, held)
    asked = today[~control]
    customers = _published(asked, chance, settings, snapshot_date)
    figures = {
        "rests_on": chance.rests_on,
        "rate": chance.rate,
        "horizon_weeks": settings.win_back.horizon_weeks,
        "customers": len(customers),
        "waiting": sum(row.waits_until is not None for row in customers),
        "control_group": int(control.sum()),
        "lost_minor": sum(row.lost_minor for row in customers),
        "value_minor": sum(row.value_minor for row in customers),
        "evaluated": _evaluated(known, settings),
        "outcome": _outcome(known, settings),
    }
    return FormerList(customers, figures)


def _with_ages(frame: pd.DataFrame) -> pd.DataFrame:
    """With the ``week`` as a running number and the ``weeks`` since leaving."""
    monday, left = (pd.to_datetime(frame[name]) for name in ("snapshot_date", "left_on"))
    first = pd.Timestamp("1970-01-05")
    return frame.assign(week=(monday - first).dt.days // 7, weeks=(monday - left).dt.days // 7)


def _prior(settings: Settings) -> Prior:
    terms = settings.win_back
    return Prior(terms.return_rate, terms.return_evidence, terms.least_returns)


def _past(known: pd.DataFrame, settings: Settings) -> Past:
    terms = settings.win_back
    return Past(
        _columns(known),
        known["returned"].to_numpy(bool),
        known["customer_id"].to_numpy(),
        known["week"].to_numpy(np.int64),
        terms.horizon_weeks + terms.lasting_weeks,
        min(LEARN_EVERY / terms.horizon_weeks, 1.0),
    )


def _columns(frame: pd.DataFrame) -> Floats:
    """The columns that the chance is learnt from: first life, how and why they left, how long ago; NaN
    where unknown."""
    names = "lost_minor", "base_minor", "missing_minor"
    lost, base, missing = (frame[name].to_numpy(float) for name in names)
    monday, reached = (pd.to_datetime(frame[name]) for name in ("snapshot_date", "reached_on"))
    columns = [
        np.log(frame["weeks"].to_numpy(float).clip(1)),
        np.log(lost.clip(1)),
        lost / base,
        missing / lost.clip(1),
        np.log1p(frame["tenure_days"].to_numpy(float).clip(0) / 365),
        frame["classes"].to_numpy(float),
        frame["satisfaction"].to_numpy(float),
        ((monday - reached).dt.days <= RECENT).to_numpy(float),
        *(frame[f"by_{reason}"].to_numpy(float) for reason in REASONS_LEFT),
        *((frame["destination"] == name).to_numpy(float) for name in DESTINATIONS[1:]),
    ]
    return np.stack(columns, axis=1)


def _in_control_group(
    frame: pd.DataFrame, monday: date, settings: Settings, held: Mapping[str, Assignment]
) -> NDArray[np.bool_]:
    """One flag per row; the control group is that of the lists on the Monday."""
    homes = frame["household_id"].astype(object).where(frame["household_id"].notna(), None)
    keys = zip(frame["customer_id"], homes, strict=True)
    names = ((assignment_name(*key), key[0]) for key in keys)
    return np.array([is_control(name, monday, settings.lists, held) for name in names], bool)


def _published(
    asked: pd.DataFrame, chance: Chance, settings: Settings, monday: date
) -> tuple[FormerCustomer, ...]:
    chances = chance.of(_columns(asked))
    rows = []
    for row, likely in zip(asked.to_dict("records"), chances.tolist(), strict=True):
        branch, manager = (
            row[name] if isinstance(row[name], str) else None for name in ("branch_id", "manager_id")
        )
        rows.append(
            FormerCustomer(
                customer_id=row["customer_id"],
                branch_id=branch,
                manager_id=manager,
                left_on=row["left_on"],
                lost_minor=row["lost_minor"],
                aum_minor=row["aum_minor"],
                reason=row["reason"],
                destination=row["destination"],
                chance=round(likely, 4),
                value_minor=round(likely * row["lost_minor"]),
                waits_until=_waits_until(row, settings, monday),
            )
        )
    return tuple(
        sorted(rows, key=lambda row: (row.waits_until is not None, -row.value_minor, row.customer_id))
    )


def _waits_until(row: Any, settings: Settings, monday: date) -> date | None:
    """The end of the quiet time after leaving, and of that after a contact since; None once both are over."""
    days = [row["left_on"] + timedelta(weeks=settings.win_back.quiet_weeks)]
    if isinstance(row["reached_on"], date):
        days.append(row["reached_on"] + timedelta(weeks=settings.lists.cool_down_weeks))
    return max(days) if max(days) > monday else None


def _evaluated(known: pd.DataFrame, settings: Settings) -> dict[str, Any] | None:
    """Measures how well the chance ordered former customers on Mondays a horizon apart, each by what it
    knew then, beside the most money first and the latest first; None where there is nothing to evaluate."""
    weeks = np.unique(known["week"].to_numpy())
    step = max(-(-settings.win_back.horizon_weeks // LEARN_EVERY), 1)
    chances = chances_out_of_time(_past(known, settings), _prior(settings), weeks[::-step])
    rows = known.assign(chance=chances).dropna(subset=["chance"])
    returned = rows["returned"].to_numpy(bool)
    if not returned.any() or returned.all():
        return None
    orders = {"auroc": rows["chance"], "auroc_money": rows["lost_minor"], "auroc_recent": -rows["weeks"]}
    areas = {name: round(float(roc_auc_score(returned, order)), 4) for name, order in orders.items()}
    return areas | {
        "rows": len(rows),
        "mondays": int(rows["week"].nunique()),
        "returned": int(returned.sum()),
        "expected": round(float(rows["chance"].sum()), 1),
    }


def _outcome(known: pd.DataFrame, settings: Settings) -> dict[str, Any] | None:
    """Of the newest Monday whose outcome is known: how many returned with how much, by what was done.

    No figure stands of a group of fewer than ``figures.least_customers``. Whoever was reached is not like the
    others, so that the difference is no effect; that of the control group is. Where nobody is known to have
    been reached, nobody counts as not reached.
    """
    if known.empty:
        return None
    monday = known["snapshot_date"].max()
    rows = known[known["snapshot_date"] == monday]
    control = _in_control_group(rows, monday, settings, {})
    reached = rows["contacted"].to_numpy(bool)
    groups = {"contacted": reached & ~control, "not_contacted": ~reached & ~control}
    groups = groups if known["contacted"].any() else {"others": ~control}
    groups["control_group"] = control
    shown = {
        name: {
            "customers": int(chosen.sum()),
            "returned": int(rows["returned"][chosen].sum()),
            "brought_minor": int(rows["brought_minor"][chosen].sum()),
        }
        for name, chosen in groups.items()
        if chosen.sum() >= settings.figures.least_customers
    }
    return {"snapshot_date": str(monday), "groups": shown}
