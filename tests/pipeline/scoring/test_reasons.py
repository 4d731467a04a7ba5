"""Reasons by hand: which group, which figure, in which words. Changes of scores: amounts by group, the run
before, a new model, new customers."""

from contextlib import contextmanager
from datetime import date
from math import fsum
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from configs.published import Run
from models.bundle import Scored
from models.explain import Contributions
from models.hazard import Calibrator
from models.learnt import Learnt
from pipeline.scoring import reasons
from pipeline.scoring.reasons import (
    CustomerChange,
    Models,
    Words,
    changes,
    last_published,
    reasons_in_words,
    words_of,
    worrying,
)

MONDAY = date(2026, 11, 16)
COLUMNS = (
    "days_since_salary",
    "outflow_sum_4w",
    "outflow_zscore_4w_per_52w",
    "days_since_outflow",
    "view_rates_count_4w",
    "season_sine",
)
VALUES = np.array(
    [
        [94.0, 320_000.0, 3.1, 17.0, 0.0, 0.5],
        [10.0, 20_000.0, 0.1, 3.0, 4.0, 0.5],
        [np.nan, 320_000.0, 3.1, 17.0, 5.0, 0.5],
    ]
)
PARTS = np.array(
    [[0.2, 0.05, 0.6, 0.0, 0.1, 0.9], [0.3, 0.4, 0.0, 0.0, 0.2, 0.9], [0.3, -0.5, -0.6, 0.0, 0.2, 0.9]]
)


@pytest.fixture(scope="module")
def words() -> Words:
    medians = (14.0, 30_000.0, 0.2, 5.0, 1.0, None)
    bundle = SimpleNamespace(model=SimpleNamespace(columns=COLUMNS), medians=medians)
    return words_of(load_settings("demo"), bundle)


def test_each_reason_tells_the_customers_own_figure_and_day(words: Words) -> None:
    first, second, third = reasons_in_words(words, VALUES, PARTS, MONDAY, 3)
    # Salary is an occasion and comes first. Most of the outflow lies in the z-score, shown by the sum; few
    # looks at rates are no reason, and the season has no worrying side.
    shown = [(one.group, one.feature, round(one.contribution, 9)) for one in first]
    assert shown == [("salary", "days_since_salary", 0.2), ("outflow", "outflow_sum_4w", 0.65)]
    assert first[0].text_en == "last salary on 2026-08-14"
    assert first[1].text_en == "money going out in the last 4 weeks: 320,000; last on 2026-10-30"
    assert first[1].text_zh == "近4周资金流出：32万元，最近一次2026-10-30"
    # A salary ten days ago and a small outflow are not worrying, whatever they add.
    assert [(one.group, one.value) for one in second] == [("interest", 4.0)]
    # What is not known is not worrying; what lowers the score is no reason.
    assert [one.group for one in third] == ["interest"]


def test_reasons_do_not_depend_on_who_else_is_scored(words: Words) -> None:
    together = reasons_in_words(words, VALUES, PARTS, MONDAY, 3)
    alone = [
        reasons_in_words(words, VALUES[k : k + 1], PARTS[k : k + 1], MONDAY, 3)[0] for k in range(len(VALUES))
    ]
    assert alone == together
    assert reasons_in_words(words, VALUES[::-1], PARTS[::-1], MONDAY, 3) == together[::-1]


def test_worrying_is_judged_beside_the_training_median(words: Words) -> None:
    assert worrying(words, VALUES)[0].tolist() == [True, True, True, False, False, False]
    assert not worrying(words, np.full((1, len(COLUMNS)), np.nan)).any()


EARLIER = date(2026, 11, 9)
FEW_COLUMNS = ("days_since_salary", "outflow_sum_4w", "view_rates_count_4w", "season_sine")
WEIGHTS = np.array([0.01, 1e-6, 0.1, 0.5])
MEDIANS = (14.0, 30_000.0, 1.0, None)


class Linear:
    """A model whose contributions are weight × value and whose bias is the same for all."""

    columns = FEW_COLUMNS

    def __init__(self, bias: float) -> None:
        self.bias = bias

    def raw(self, features: np.ndarray) -> np.ndarray:
        return (features @ WEIGHTS + self.bias)[:, None]


def explained(model: Linear, features: np.ndarray) -> Contributions:
    return Contributions(features * WEIGHTS, np.full(len(features), model.bias), model.raw(features))


def bundle(model_id: str = "now", bias: float = -3.0, offset: float = 0.0, label: str = "aum_drop"):
    return SimpleNamespace(
        model=Linear(bias),
        model_id=model_id,
        medians=MEDIANS,
        learnt=Learnt(),
        calibrator=Calibrator((1.0,), (offset,)),
        settings={"label": label},
    )


def run(run_id: str, day: date, model_id: str = "now") -> Run:
    excluded, manifest = MappingProxyType({}), MappingProxyType({})
    return Run(run_id, "demo", day, model_id, "CNY", 90, 1, excluded, manifest)


def frame(day: date, rows: dict[str, list[float]]) -> pd.DataFrame:
    key = pd.DataFrame({"customer_id": list(rows), "snapshot_date": day})
    return pd.concat([key, pd.DataFrame(list(rows.values()), columns=list(FEW_COLUMNS), dtype=float)], axis=1)


def sigmoid(score: float) -> float:
    return float(1 / (1 + np.exp(-score)))


def amounts(change: CustomerChange) -> list[tuple[str, float]]:
    """Group and log-odds of each item, but for what the order of addition makes."""
    items = [(item.group, round(item.contribution, 9)) for item in change.items]
    return [(group, amount) for group, amount in items if amount]


@pytest.fixture
def changed(monkeypatch):
    """The changes of customers, from features by customer_id on two Mondays."""

    def of(earlier: dict[str, list[float]], later: dict[str, list[float]], former=None, present=None):
        present = present or bundle()
        tables = {EARLIER: frame(EARLIER, earlier)}
        monkeypatch.setattr(reasons, "read_partition", lambda _home, _name, days: tables[days[0]])
        monkeypatch.setattr(reasons, "read_eligible", lambda _home, days: tables[days[0]][["customer_id"]])
        monkeypatch.setattr(reasons, "contributions", explained)
        monday = frame(MONDAY, later)
        values = monday[list(FEW_COLUMNS)].to_numpy(np.float64)
        why = explained(present.model, values)
        scored = Scored(present.calibrator.risks(why.raw), np.ones(len(values)), why)
        models = Models(present, (run("before", EARLIER), former or present))
        words = words_of(load_settings("demo"), present)
        return changes(words, models, monday, scored, None)

    return of


def test_amounts_by_group_and_words_by_hand(changed):
    """Log-odds: salary 84 days · 0.01 = 0.84, looks at rates 4 · 0.1 = 0.4, outflow 300,000 / 10⁶ = 0.3.

    The raw score was −3 + 0.1 + 0.02 + 0.25 = −2.63 and is −1.09.
    """
    (change,) = changed({"A": [10, 20_000, 0, 0.5]}, {"A": [94, 320_000, 4, 0.5]})
    assert [item.group for item in change.items] == ["salary", "interest", "other"]
    assert [item.contribution for item in change.items] == pytest.approx([0.84, 0.4, 0.3])
    assert fsum(item.contribution for item in change.items) == pytest.approx(1.54)
    assert change.items[0].text_en.endswith("(last salary on 2026-08-14)")
    assert "（" in change.items[0].text_zh
    assert (change.items[2].text_en, change.items[2].text_zh) == ("other", "其他")
    assert change.risk == pytest.approx(sigmoid(-1.09) - sigmoid(-2.63))


def test_a_fall_names_what_fell_most_without_a_figure(changed):
    """Salary 10 days ago in place of 94: −0.84; outflow −0.3; looks at rates +0.1, against the direction."""
    (change,) = changed({"A": [94, 320_000, 0, 0.5]}, {"A": [10, 20_000, 1, 0.5]})
    expected = [("salary", -0.84), ("outflow", -0.3), ("other", 0.1)]
    assert amounts(change) == expected
    assert not any("(" in item.text_en for item in change.items)
    assert change.risk < 0


def test_each_customer_is_compared_with_himself_and_who_is_new_has_no_change(changed):
    """In another order and with somebody new: B rose by 0.2 of looks at rates, A by nothing."""
    earlier = {"B": [10, 0, 1, 0.5], "A": [50, 0, 0, 0.5], "gone": [90, 0, 0, 0.5]}
    new, a, b = changed(earlier, {"new": [94, 9e5, 9, 0.5], "A": [50, 0, 0, 0.5], "B": [10, 0, 3, 0.5]})
    assert new == CustomerChange() == CustomerChange(None, ())
    assert (a.risk, a.items) == (0.0, ())
    assert amounts(b) == [("interest", 0.2)]


def test_a_new_model_is_an_item_of_its_own(changed):
    """The former model said 0.5 less of the same figures, and its calibrator added 0.25 to the log-odds."""
    former = bundle("former", bias=-3.5, offset=0.25)
    (change,) = changed({"A": [10, 0, 0, 0]}, {"A": [30, 0, 0, 0]}, former)
    expected = [("salary", 0.2), ("model", 0.5)]
    assert amounts(change) == expected
    assert (change.items[1].text_en, change.items[1].text_zh) == ("new model", "模型更新")
    assert change.risk == pytest.approx(sigmoid(-3 + 0.3) - sigmoid(-3.5 + 0.1 + 0.25))


def test_without_an_earlier_run_or_a_common_customer_nobody_has_a_change(changed):
    assert changed({"A": [1, 0, 0, 0]}, {"B": [1, 0, 0, 0]}) == [CustomerChange()]
    monday = frame(MONDAY, {"A": [1, 0, 0, 0]})
    assert changes(None, Models(bundle()), monday, None, None) == [CustomerChange()]


@pytest.fixture
def bank(monkeypatch):
    """A bank whose store holds these runs, as ``Store.history`` gives them, and whose models are all
    alike."""

    def holding(runs: list[Run], former=None):
        @contextmanager
        def store(_url):
            yield SimpleNamespace(history=lambda: tuple(runs))

        monkeypatch.setattr(reasons, "Store", store)
        monkeypatch.setattr(reasons, "load", lambda folder, _key: former or bundle(folder.name))
        home = SimpleNamespace(store="sqlite://", models=Path("models"))
        return SimpleNamespace(home=home, bundle_key=b"key")

    return holding


def test_the_latest_run_before_the_monday_is_compared(bank):
    """Four weeks before 16 November is 19 October. Of two runs of 9 November the first counts."""
    newest = [run("this", MONDAY), run("b", EARLIER, "model_b"), run("c", EARLIER, "model_c")]
    oldest = run("a", date(2026, 10, 19), "model_a")
    earlier = last_published(bank([*newest, oldest]), bundle(), MONDAY)
    assert (earlier[0].run_id, earlier[1].model_id) == ("b", "model_b")
    assert last_published(bank([newest[0], oldest]), bundle(), MONDAY)[0].run_id == "a"
    assert last_published(bank([newest[0], run("old", date(2026, 10, 12))]), bundle(), MONDAY) is None
    assert last_published(bank([newest[0]]), bundle(), MONDAY) is None


def test_a_model_that_cannot_be_asked_again_is_not_compared(bank, monkeypatch):
    runs = [run("b", EARLIER)]
    assert last_published(bank(runs, bundle(label="closure")), bundle(), MONDAY) is None
    other = bundle()
    other.model.columns = FEW_COLUMNS[:3]
    assert last_published(bank(runs, other), bundle(), MONDAY) is None

    def lost(*_):
        raise DataError("there is no bundle")

    lost_bank = bank(runs)
    monkeypatch.setattr(reasons, "load", lost)
    assert last_published(lost_bank, bundle(), MONDAY) is None
