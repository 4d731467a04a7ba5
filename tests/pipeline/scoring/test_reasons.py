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
from configs.published import Maturity, Reason, Run
from configs.reason_groups import GROUPS
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
    due_figures,
    facts_about,
    last_published,
    reasons_in_words,
    words_of,
)

MONDAY = date(2026, 11, 16)
COLUMNS = (
    "days_since_complaint",
    "outflow_elsewhere_sum_4w",
    "days_since_outflow_elsewhere",
    "aum_last",
    "view_rates_count_4w",
    "days_since_view_rates",
    "product_held",
    "season_sine",
)
VALUES = np.array(
    [
        [17.0, 320_000.0, 2.0, 1e6, 0.0, np.nan, 2.0, 0.5],
        [94.0, 500.0, 3.0, 1e6, 4.0, 6.0, 2.0, 0.5],
        [np.nan, 320_000.0, 17.0, 1e6, 5.0, 6.0, 4.0, 0.5],
    ]
)
PARTS = np.array(
    [
        [0.2, 0.05, 0.6, 0.0, 0.1, 0.0, 0.9, 0.9],
        [0.3, 0.4, 0.0, 0.0, 0.05, 0.05, 0.9, 0.9],
        [0.3, -0.5, -0.6, 0.0, 0.2, 0.0, 0.4, 0.9],
    ]
)


@pytest.fixture(scope="module")
def words() -> Words:
    medians = (40.0, 0.0, 40.0, 9e5, 1.0, 30.0, 3.0, None)
    bundle = SimpleNamespace(model=SimpleNamespace(columns=COLUMNS), medians=medians)
    return words_of(load_settings("demo"), bundle)


def reasons_of(words: Words, values: np.ndarray, parts: np.ndarray, due=None) -> list[tuple[Reason, ...]]:
    return reasons_in_words(facts_about(words, values, due), parts, MONDAY, 3)


def test_each_reason_tells_what_happened_with_amount_and_day(words: Words) -> None:
    first, second, third = reasons_of(words, VALUES, PARTS)
    # A complaint is an occasion and comes first; few products weigh most but are a state. Nobody looked at
    # rates, and the season is no fact.
    shown = [(one.group, one.feature, round(one.contribution, 9)) for one in first]
    assert shown == [
        ("complaint", "days_since_complaint", 0.2),
        ("outflow", "outflow_elsewhere_sum_4w", 0.65),
        ("product", "product_held", 0.9),
    ]
    assert first[0].text_en == "Complained on 30 Oct"
    assert first[1].text_zh == "近4周向他行转出32万元，最近一笔在11月14日"
    # A complaint of a quarter ago is no news, 500 of a million a trifle, whatever they add.
    assert [(one.group, one.value) for one in second] == [("interest", 4.0), ("product", 2.0)]
    # What is not known is not told; what lowers the score is no reason; four products are not few.
    assert [one.group for one in third] == ["interest"]


def test_what_matures_is_named_with_its_product(words: Words) -> None:
    monday = date(2026, 11, 16)
    due = [
        Maturity("Term 1y", "term", date(2026, 12, 3), 40_000_000),
        Maturity("Wealth", "wealth", date(2026, 12, 31), 20_000_000),
        Maturity("Later", "term", date(2027, 1, 16), 90_000_000),
    ]
    figures = due_figures({"A": due, "C": due[:1]}, ["A", "B", "C"], monday)
    assert figures["due_count"].tolist() == [2, 0, 1]
    assert figures["due_total"].tolist() == [600_000, 0, 400_000]
    about = facts_about(words, VALUES, figures)
    rollover = words.grouping.names.index("rollover")
    assert (about.fact[:, rollover] >= 0).tolist() == [True, False, True]
    texts = about.sentences([(0, rollover), (2, rollover)], monday)
    assert texts[0, rollover][0] == "600,000 matures by 31 Dec; first 400,000 in term deposits on 3 Dec"
    assert texts[2, rollover][1] == "定期存款40万元将于12月3日到期"


def test_reasons_do_not_depend_on_who_else_is_scored(words: Words) -> None:
    together = reasons_of(words, VALUES, PARTS)
    alone = [reasons_of(words, VALUES[k : k + 1], PARTS[k : k + 1])[0] for k in range(len(VALUES))]
    assert alone == together
    assert reasons_of(words, VALUES[::-1], PARTS[::-1]) == together[::-1]


EARLIER = date(2026, 11, 9)
FEW_COLUMNS = ("days_since_salary", "outflow_sum_4w", "view_rates_count_13w", "days_since_view_rates")
WEIGHTS = np.array([0.01, 1e-6, 0.1, 0.0])
MEDIANS = (14.0, 30_000.0, 1.0, 20.0)


class Linear:
    """A model whose contributions are weight × value and whose bias is the same for all."""

    columns = FEW_COLUMNS

    def __init__(self, bias: float) -> None:
        self.bias = bias

    def raw(self, features: np.ndarray) -> np.ndarray:
        return ((features * WEIGHTS).sum(axis=1) + self.bias)[:, None]  # BLAS rounds otherwise for fewer rows


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
        about = facts_about(words_of(load_settings("demo"), present), values)
        return changes(about, models, monday, scored, None)

    return of


def test_amounts_by_group_and_words_by_hand(changed):
    """Log-odds: salary 84 days · 0.01 = 0.84, looks at rates 4 · 0.1 = 0.4, outflow 300,000 / 10⁶ = 0.3.

    The raw score was −3 + 0.1 + 0.02 = −2.88 and is −1.34.
    """
    (change,) = changed({"A": [10, 20_000, 0, 6]}, {"A": [94, 320_000, 4, 6]})
    assert [item.group for item in change.items] == ["salary", "interest", "other"]
    assert [item.contribution for item in change.items] == pytest.approx([0.84, 0.4, 0.3])
    assert fsum(item.contribution for item in change.items) == pytest.approx(1.54)
    # Of the salary nothing can be told without its number, so its group is named.
    assert change.items[0].text_en == "salary stopped or fell"
    assert change.items[1].text_zh == "近13周查看利率4次，最近一次在11月10日"
    assert (change.items[2].text_en, change.items[2].text_zh) == ("other", "其他")
    assert change.risk == pytest.approx(sigmoid(-1.34) - sigmoid(-2.88))


def test_a_fall_names_what_fell_most_without_a_fact(changed):
    """Salary 10 days ago in place of 94: −0.84; outflow −0.3; looks at rates +0.1, against the direction."""
    (change,) = changed({"A": [94, 320_000, 0, 0.5]}, {"A": [10, 20_000, 1, 0.5]})
    expected = [("salary", -0.84), ("outflow", -0.3), ("other", 0.1)]
    assert amounts(change) == expected
    assert [item.text_en for item in change.items][:2] == [GROUPS["salary"].en, GROUPS["outflow"].en]
    assert change.risk < 0


def test_each_customer_is_compared_with_himself_and_who_is_new_has_no_change(changed):
    """In another order and with somebody new: B rose by 0.2 of looks at rates, A by nothing."""
    earlier = {"B": [10, 0, 1, 0.5], "A": [50, 0, 0, 0.5], "gone": [90, 0, 0, 0.5]}
    new, a, b = changed(earlier, {"new": [94, 9e5, 9, 0.5], "A": [50, 0, 0, 0.5], "B": [10, 0, 3, 0.5]})
    assert new == CustomerChange() == CustomerChange(None, ())
    assert (a.risk, a.items) == (0.0, ())
    assert amounts(b) == [("interest", 0.2)]


def test_changes_do_not_depend_on_who_is_compared_at_once(changed):
    rng = np.random.default_rng(3)
    earlier, later = (
        {f"C{k}": [*rng.uniform(1, 90, 4)] for k in rng.permutation(40)[:30].tolist()} for _ in range(2)
    )
    former = bundle("former", bias=-3.5, offset=0.25)
    together = changed(earlier, later, former)
    assert 10 < sum(bool(change.items) for change in together) < 30
    few = [dict([*later.items()][start : start + 7]) for start in range(0, 30, 7)]
    assert [change for rows in few for change in changed(earlier, rows, former)] == together


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
