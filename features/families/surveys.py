"""Family: what the customer answered in surveys, item by item, and how old the answer is."""

import numpy as np

from features.catalogue.grammar import Name, weeks
from features.engine.cut import seen
from features.engine.tiles import Columns
from features.families.shared import Bucket

ITEMS = ("service", "environment", "products", "brand", "manager")


def features(bucket: Bucket) -> Columns:
    """Mean score of the last year; of each item the score of its last day with an answer, and days since."""
    entities, calendar = bucket.entities, bucket.calendar
    rows, customers = entities.tables["surveys"], len(entities)
    shape = (len(calendar.snapshots), customers)
    mean = np.full(shape, np.nan)
    score, age = np.full((2, len(ITEMS), *shape), np.nan)
    codes = [rows.code("item", item) for item in ITEMS]
    for s, day in enumerate(calendar.snapshots):
        visible = np.flatnonzero(seen(rows, int(day)))
        who, when, answer = rows.customer[visible], rows.day[visible], rows.columns["score"][visible]
        recent = when >= day - 364
        mean[s] = _mean(who[recent], answer[recent], customers)
        for k, code in enumerate(codes):
            of_item = np.isin(rows.columns["item"][visible], code)
            last = np.full(customers, -1, np.int64)
            np.maximum.at(last, who[of_item], when[of_item])
            newest = of_item & (when == last[who])
            score[k, s] = _mean(who[newest], answer[newest], customers)
            age[k, s] = np.where(last >= 0, day - last, np.nan)
    yield Name("survey_score", "mean", weeks(52)), mean
    for k, item in enumerate(ITEMS):
        yield Name(f"survey_{item}", "score"), score[k]
        yield Name(f"survey_{item}", "days_old"), age[k]


def _mean(customer: np.ndarray, score: np.ndarray, customers: int) -> np.ndarray:
    total, count = np.bincount(customer, score, customers), np.bincount(customer, minlength=customers)
    return np.divide(total, count, out=np.full(customers, np.nan), where=count > 0)
