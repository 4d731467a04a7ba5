"""Attributes of the bank's own: a category counts from its known_on on, and only if it is declared."""

from datetime import date
from math import isnan, nan

import numpy as np
import pyarrow as pa
import pytest

from configs.attributes import Attribute
from configs.settings import Settings
from features.build import build, catalogue
from features.catalogue.facts import Figures, facts_of, nearest
from features.catalogue.sentences import sentence
from features.engine.entities import make_entities
from tests.conftest import as_tables

SEGMENT = Attribute(
    name="segment", en="segment", zh="客群", categories={"retired": "退休", "well off": "富裕"}
)
MONDAYS = (date(2024, 3, 4), date(2024, 3, 11))
BEGINS = date(2023, 1, 2)
BANK = {
    "customers": [
        {"customer_id": "C1", "opened_on": date(2023, 1, 2), "known_on": date(2023, 1, 2)},
        {"customer_id": "C1", "opened_on": date(2023, 1, 2), "known_on": date(2024, 3, 6)},
        {"customer_id": "C2", "opened_on": date(2023, 1, 2), "known_on": date(2023, 1, 2)},
        {"customer_id": "C3", "opened_on": date(2023, 1, 2), "known_on": date(2023, 1, 2)},
    ],
    "products": [{"product_id": "P", "product_class": "demand"}],
    "transactions": [],
    "holdings": [
        {"customer_id": name, "product_id": "P", "valued_on": date(2023, 1, 3), "balance": 5_000_000}
        for name in ("C1", "C2", "C3")
    ],
}  # fmt: skip


@pytest.fixture
def own(bank_settings: Settings) -> Settings:
    features = bank_settings.features.model_copy(update={"attributes": (SEGMENT,)})
    cohort = bank_settings.cohort.model_copy(update={"min_aum": 1.0, "max_aum": 1e9, "min_tenure_weeks": 0})
    return bank_settings.model_copy(update={"features": features, "cohort": cohort})


def test_a_category_counts_from_the_day_on_which_it_was_known(own: Settings) -> None:
    tables = as_tables(BANK)
    customers = tables["customers"].append_column("segment", pa.array(["well off", "retired", "lost", None]))
    superseded = pa.array([date(2024, 3, 6), None, None, None], pa.date32())
    place = customers.schema.get_field_index("superseded_on")
    tables["customers"] = customers.set_column(place, "superseded_on", superseded)
    own = own.model_copy(update={"label": own.label.model_copy(update={"definition": "aum_drop"})})
    rows = {}
    for day, _, features in build(make_entities(tables), MONDAYS, BEGINS, own):
        for row in features.select(["customer_id", "segment_is_retired", "segment_is_well_off"]).to_pylist():
            rows[day, row["customer_id"]] = (row["segment_is_retired"], row["segment_is_well_off"])
    assert rows[MONDAYS[0], "C1"] == (0.0, 1.0)
    assert rows[MONDAYS[1], "C1"] == (1.0, 0.0)
    assert rows[MONDAYS[1], "C2"] == (0.0, 0.0)  # a category that is not declared is none of the others
    assert all(map(isnan, rows[MONDAYS[1], "C3"]))


def test_a_category_is_told_in_both_languages(own: Settings) -> None:
    row = catalogue(own)["segment_is_retired"]
    (fact,) = (fact for fact in facts_of(own) if fact.key == "segment_is_retired")
    texts = [sentence(fact, {}, nearest((4, 52)), MONDAYS[0], language, "") for language in ("en", "zh")]
    assert texts == ["Segment: retired", "客群：退休"]
    figures = Figures({"segment_is_retired": np.array([1.0, 0.0, nan])}, {}, (4, 52), 3)
    assert fact.holds(figures).tolist() == [True, False, False]
    assert (row.group, row.worse) == ("profile", 0)
