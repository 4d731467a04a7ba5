"""A bank's own measures: declared in bank.toml, counted like ours, refused where they cannot be right."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.settings import Settings
from features.build import build, catalogue
from features.catalogue.facts import Figures, facts_of, first_facts
from features.catalogue.measures import MEASURES, declared
from features.catalogue.sentences import sentence

MONDAY, BEGINS = date(2024, 3, 4), date(2023, 1, 2)
OWN = {
    "name": "counter_cash", "table": "transactions", "sign": -1, "statistics": ["sum", "days_since"],
    "where": {"kind": ["cash_out"], "channel": ["counter"]},
    "en": "cash taken at the counter", "zh": "柜面取现", "group": "outflow", "worse": 1,
}  # fmt: skip


def settings_with(**changed: Any) -> Settings:
    cohort = {"min_aum": 0, "max_aum": 1_000_000}
    return load_settings("demo", {"cohort": cohort, "features": {"measures": [OWN | changed]}})


def test_its_columns_and_phrases() -> None:
    settings = settings_with()
    rows = catalogue(settings)
    assert set(rows) - set(catalogue(load_settings("demo"))) == {
        "counter_cash_sum_4w", "counter_cash_sum_13w", "counter_cash_sum_26w", "counter_cash_sum_52w",
        "days_since_counter_cash",
    }  # fmt: skip
    row = rows["counter_cash_sum_4w"]
    assert (row.group, row.worse, row.family) == ("outflow", 1, "flows")
    assert row.phrase == {"en": "cash taken at the counter in the last 4 weeks", "zh": "近4周柜面取现"}


@pytest.mark.parametrize(
    ("changed", "figures", "text"),
    [
        ({}, (9_000, 33_000), "Cash taken at the counter in the last 4 weeks: 9,000; usually 2,000"),
        ({}, (1_000, 25_000), None),
        ({"statistics": ["count"]}, (4, 16),
         "Cash taken at the counter in the last 4 weeks: 4; usually about once"),
        ({"statistics": ["count"], "worse": -1}, (2, 50),
         "Cash taken at the counter in the last 13 weeks: 2; usually about 16"),
        ({"statistics": ["count"], "worse": -1}, (2, 10), None),
        ({"worse": 0}, (9_000, 33_000), None),
        ({"statistics": ["days_since"]}, (9_000, 33_000), None),
    ],
)  # fmt: skip
def test_what_is_told_of_it(changed: dict[str, Any], figures: tuple[int, int], text: str | None) -> None:
    settings = settings_with(**changed)
    own = [fact for fact in facts_of(settings) if fact.key == "counter_cash"]
    now, year = (np.array([float(figure)]) for figure in figures)
    columns = {
        f"counter_cash_{kind}_{span}": year if span == "52w" else now
        for kind in ("sum", "count")
        for span in ("4w", "13w", "52w")
    }
    lookup = Figures(columns, {}, settings.features.windows, 1)
    place = first_facts(own, lookup, 1).max()
    if text is None:
        assert place == -1
    else:
        values = {name: float(own[place].value(name, lookup)[0]) for name in own[place].values}
        assert sentence(own[place], values, lookup.windows, MONDAY, "en", "") == text


def test_its_sums(entities_of: Any) -> None:
    def took(amount: int, channel: str, kind: str = "cash_out") -> dict[str, Any]:
        return {"booked_at": datetime(2024, 3, 1, 9), "amount": amount, "channel": channel, "kind": kind}

    rows = [took(-100, "counter"), took(-20, "counter"), took(-3, "atm"), took(-4, "counter", "card"),
            took(5, "counter")]  # fmt: skip
    held = [{"product_id": "demand", "valued_on": BEGINS, "balance": 1000}]
    ((_, _, features),) = build(
        entities_of(transactions=rows, holdings=held), [MONDAY], BEGINS, settings_with()
    )
    (found,) = features.to_pylist()
    assert (found["counter_cash_sum_4w"], found["days_since_counter_cash"]) == (120, 3)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "outflow"}, "'outflow': the name is taken"),
        ({"name": "first_cash"}, "the name is taken"),
        ({"table": "transaction"}, "table 'transaction' is unknown. Did you mean 'transactions'"),
        ({"group": "outflows"}, "group 'outflows' is unknown. Did you mean 'outflow'"),
        ({"statistics": ["median"]},
         "statistic of transactions 'median' is unknown. .*count, days_since, max, sum"),
        ({"where": {"knd": ["salary"]}}, "column of transactions 'knd' is unknown. Did you mean 'kind'"),
        ({"where": {"kind": ["cash"]}}, "kind 'cash' is unknown. .*cash_in, cash_out"),
        ({"table": "events", "where": {}, "statistics": ["count"]}, "Leave sign out"),
        ({"table": "events", "where": {}, "sign": 0}, "statistic of events 'sum' is unknown"),
    ],
)  # fmt: skip
def test_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        declared(settings_with(**changed))


def test_two_of_one_name() -> None:
    settings = load_settings("demo", {"features": {"measures": [OWN, OWN]}})
    with pytest.raises(ConfigError, match="the name is taken"):
        declared(settings)


@pytest.mark.parametrize("name", ["Cash", "cash-out", "", "_cash", "cash_"])
def test_a_name_is_lower_case_words(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        settings_with(name=name)


def test_none_is_declared_unless_the_bank_does() -> None:
    assert declared(load_settings("demo")) == MEASURES
