"""The gap to customers alike: the product classes that a customer lacks and most of their like hold.

Alike are the customers of one tier, lifecycle stage and band of age. A class is proposed only within the
customer's risk grade; whoever has none on record is proposed nothing that needs one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from configs.branch_figures.products import ProductGap
from configs.settings import Settings
from features.engine.entities import day_number, days_of, whole_numbers
from models.experiment import wilson
from pipeline.tables import Ingested

Ints = NDArray[np.int64]
PEER_COLUMNS = ("tier", "lifecycle_stage", "age_band")


@dataclass(frozen=True)
class Gaps:
    """Per offerable class and customer: whether they lack what customers alike hold, and may be proposed it.

    ``holders`` are those of the customers alike, ``others``, the customer apart.
    """

    classes: tuple[str, ...]
    missing: NDArray[np.bool_]  # class × customer
    allowed: NDArray[np.bool_]
    holders: Ints
    others: Ints

    def of_customer(self, place: int) -> tuple[ProductGap, ...]:
        """The gaps of one customer that may be proposed, the surest first."""
        places = np.flatnonzero(self.missing[:, place] & self.allowed[:, place])
        gaps = [
            _gap(self.classes[k], int(self.holders[k, place]), int(self.others[place]))
            for k in places.tolist()
        ]
        return tuple(sorted(gaps, key=lambda gap: (-gap.low, gap.product_class)))


@cache
def _gap(product_class: str, holders: int, others: int) -> ProductGap:
    low, high = wilson(holders / others, others)
    return ProductGap(product_class, holders, others, low, high)


def gaps_of(settings: Settings, customers: pa.Table, needed: Mapping[str, int], grades: Ints) -> Gaps:
    """The gaps of customers, one row each of the structure of a Monday; all of them are compared.

    ``needed`` are the least grades by class, ``grades`` those of the customers, −1 where not known.
    """
    classes = settings.products.offerable
    group = _peer_groups(customers)
    size = np.bincount(group[group >= 0], minlength=1)
    others = np.where(group >= 0, size[group] - 1, 0)
    held = np.array([customers[f"{name}_minor"].to_numpy() > 0 for name in classes], bool)
    held = held.reshape(len(classes), len(customers))
    holders = np.zeros(held.shape, np.int64)
    missing, allowed = np.zeros(held.shape, bool), np.zeros(held.shape, bool)
    large = others >= max(settings.figures.least_customers, 1)
    for k, name in enumerate(classes):
        holders[k] = np.where(
            group >= 0, np.bincount(group[(group >= 0) & held[k]], minlength=len(size))[group], 0
        )
        asked = ~held[k] & large
        pairs, place = np.unique(np.stack([holders[k, asked], others[asked]]), axis=1, return_inverse=True)
        sure = [wilson(h / n, n)[0] >= settings.products.least_share for h, n in pairs.T.tolist()]
        missing[k, asked] = np.array(sure, bool)[place.reshape(-1)] if sure else False
        allowed[k] = grades >= needed.get(name, -1)
    return Gaps(classes, missing, allowed, holders, others)


def _peer_groups(customers: pa.Table) -> Ints:
    """The number of each customer's group; −1 for who is of no tier or stage."""
    frame = pd.DataFrame({name: customers[name].to_pandas() for name in PEER_COLUMNS})
    known = frame["tier"].notna() & (frame["lifecycle_stage"] != "")
    group = frame.fillna("").groupby(list(PEER_COLUMNS), sort=True).ngroup().to_numpy()
    return np.where(known, group, -1).astype(np.int64)


def grades_needed(tables: Ingested) -> dict[str, int]:
    """By product class the least risk grade that one of its products asks for; others ask for none."""
    needed: dict[str, int] = {}
    for table in tables.products().values():
        for row in table.to_pylist():
            if row["risk_grade"] is not None:
                name, grade = row["product_class"], row["risk_grade"]
                needed[name] = min(needed.get(name, grade), grade)
    return needed


def risk_grades(tables: Ingested, snapshot_date: date) -> dict[str, int]:
    """The risk grade of each customer who has one, as known before the Monday."""
    grades: dict[str, int] = {}
    for bucket in range(tables.buckets):
        days = ("opened_on", "known_on", "superseded_on")
        rows = tables.read("customers", bucket, ["customer_id", "risk_grade", *days])
        if rows is None:
            continue
        opened, known, until = (days_of(rows[name]) for name in days)
        monday = day_number(snapshot_date)
        visible = (opened < monday) & (known < monday) & ((until < 0) | (until >= monday))
        chosen = rows.filter(pa.array(visible & (whole_numbers(rows["risk_grade"]) > 0)))
        names = chosen["customer_id"].to_pylist()
        grades |= dict(zip(names, chosen["risk_grade"].to_pylist(), strict=True))
    return grades
