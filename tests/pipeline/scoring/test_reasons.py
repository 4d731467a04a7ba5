"""Three customers by hand on Monday 2026-11-16: which group, which figure, in which words."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest

from configs.bank_folder import load_settings
from pipeline.scoring.reasons import Words, reasons_in_words, words_of, worrying

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
