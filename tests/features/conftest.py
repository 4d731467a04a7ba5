"""One customer by hand: rows in, the features of one Monday out."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from configs.settings import Settings
from features.build import build, build_labels
from features.cohort import ELIGIBLE
from features.engine.balances import Balances
from features.engine.entities import Entities, make_entities

Row = dict[str, Any]


def with_label(settings: Settings, **changes: Any) -> Settings:
    """The settings with other parts of the label's definition."""
    return settings.model_copy(update={"label": settings.label.model_copy(update=changes)})


def held(product: str, day: date, balance: Any, **more: Any) -> Row:
    """A row of holdings; ``more`` are units, a price, a day of maturity or when it was known."""
    return {"product_id": product, "valued_on": day, "balance": balance, **more}


HISTORY = date(2022, 1, 3)  # a Monday, early enough for every window


@pytest.fixture(scope="session")
def entities_of(tables_of: Any) -> Callable[..., Entities]:
    """A world of one customer "C1" (here since 2015) from rows per table; products bear their class."""

    def make(**tables: list[Row]) -> Entities:
        bank = {name: [{"customer_id": "C1"} | row for row in rows] for name, rows in tables.items()}
        kinds = sorted({row["product_id"] for row in bank.get("holdings", [])})
        bank["products"] = [{"product_id": kind, "product_class": kind.rstrip("123")} for kind in kinds]
        bank.setdefault("customers", [{"customer_id": "C1", "opened_on": date(2015, 5, 1)}])
        return make_entities(tables_of(bank))

    return make


@pytest.fixture(scope="session")
def features_on(entities_of: Any, bank_settings: Settings) -> Callable[..., Row]:
    """Cohort columns and features of "C1" on one Monday, were everyone eligible."""

    def look(monday: date, history_from: date = HISTORY, **tables: list[Row]) -> Row:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("features.build.exclusion", everyone)
            ((_, cohort, features),) = build(entities_of(**tables), [monday], history_from, bank_settings)
        return cohort.to_pylist()[0] | features.to_pylist()[0]

    return look


def everyone(entities: Entities, balances: Balances, *_: Any) -> NDArray[np.int64]:
    return np.full((len(balances.calendar.snapshots), len(entities)), ELIGIBLE)


@pytest.fixture(scope="session")
def excluded_on(entities_of: Any, bank_settings: Settings) -> Callable[..., list[str]]:
    """The exclusion code of "C1" on one Monday as a list: empty when the bank does not know "C1" yet."""

    def look(monday: date, settings: Settings = bank_settings, **tables: list[Row]) -> list[str]:
        ((_, cohort, features),) = build(entities_of(**tables), [monday], HISTORY, settings)
        codes = cohort["exclusion"].to_pylist()
        assert features.num_rows == codes.count("")
        return codes

    return look


@pytest.fixture(scope="session")
def label_of(entities_of: Any, bank_settings: Settings) -> Callable[..., Row]:
    """The label of "C1" (lead 7, horizon 90, settle 14) by what is known before ``data_through``."""

    def look(
        monday: date,
        data_through: date,
        holdings: list[Row],
        settings: Settings = bank_settings,
        **tables: list[Row],
    ) -> Row:
        entities = entities_of(holdings=holdings, **tables)
        ((_, table),) = build_labels(entities, [monday], HISTORY, data_through, settings)
        return table.to_pylist()[0]

    return look
