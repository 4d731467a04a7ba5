"""Training: outcomes no model could learn from and a leak are refused before anything is fitted; the signs of
constraints; the rows of each Monday."""

from datetime import date, timedelta
from time import sleep

import numpy as np
import pandas as pd
import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError, DataError
from configs.settings import Settings
from models.matrix import Matrix
from models.splits import Split
from pipeline.artefacts import Home
from pipeline.snapshots import build as build_module
from pipeline.training import train as module
from pipeline.training.train import check_settings, fit_bundle, load_learnt, load_matrix, monotone_signs
from tests.matrices import made_matrix

DAYS = (date(2024, 1, 1), date(2024, 6, 3), date(2024, 11, 4))


@pytest.mark.parametrize(
    ("leavers", "sentence"),
    [
        ((4, 10, 10), "4 customers left within 90 days and 16 stayed on the 1 Mondays that train; with"),
        ((10, 0, 10), "0 customers left within 90 days and 20 stayed on the 1 Mondays that tune"),
        ((10, 10, 20), "20 customers left within 90 days and 0 stayed on the 1 Mondays that evaluate"),
        ((10, 10, 1), "1 customers left within 90 days and 19 stayed on the 1 Mondays that evaluate"),
    ],
)
def test_a_definition_that_finds_hardly_anybody_or_everybody_is_named(leavers, sentence):
    settings = load_settings("demo", {"label": {"definition": "closure"}})
    gone = np.concatenate([np.where(np.arange(20) < left, 30, 0) for left in leavers])
    rows = made_matrix(gone, DAYS, features=np.zeros((60, 1)), columns=("aum_last",))
    chosen = Split(*((day,) for day in DAYS))
    with pytest.raises(DataError, match=f"definition 'closure' {sentence}.*make definitions BANK=demo"):
        fit_bundle(settings, rows, chosen, DAYS[-1], lambda *_: None)


MONDAYS = tuple(date(2024, 1, 1) + timedelta(weeks=week) for week in range(3))


def rows_with(leak: bool) -> Matrix:
    """40 customers on three Mondays, one in four leaves; a feature of noise and perhaps one of the
    outcome."""
    random, rows = np.random.default_rng(1), 120
    gone = np.where(np.arange(rows) % 4 == 0, 30, 0)
    features = np.stack([random.normal(size=rows), gone * 2.0 if leak else random.normal(size=rows)], axis=1)
    return made_matrix(gone, MONDAYS, features=features, columns=("aum_last", "complaint_count_4w"))


def test_a_planted_copy_of_the_label_stops_training():
    split = Split(MONDAYS[:1], MONDAYS[1:2], MONDAYS[2:])
    told: list[int] = []
    sentence = r"1 of 2 features alone .* than 0\.950, .* where 10 customers left: complaint_count_4w \(1"
    with pytest.raises(DataError, match=sentence):
        fit_bundle(load_settings("demo"), rows_with(True), split, MONDAYS[2], lambda *at: told.append(at[0]))
    assert told == []


COLUMNS = ("outflow_sum_4w", "aum_slope_26w", "login_count_13w", "not_of_this_bank")


def constrained(*words: str) -> Settings:
    return load_settings("demo", {"training": {"monotone": list(words)}})


@pytest.mark.parametrize(
    ("words", "signs"),
    [
        (["outflow"], (1, 0, 0, 0)),  # a group of reasons
        (["aum_slope_26w"], (0, -1, 0, 0)),  # a name: less is worrying
        (["outflow_sum_*", "balance"], (1, -1, 0, 0)),
        (["*"], (1, -1, 0, 0)),  # logins are worrying in no direction
        ([], ()),
    ],
)
def test_names_patterns_and_groups_become_signs(words: list[str], signs: tuple[int, ...]) -> None:
    assert monotone_signs(constrained(*words), COLUMNS) == signs


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("outflow_sum_4", r"'outflow_sum_4' names no feature. Did you mean 'outflow_sum_4w'"),
        ("outflo", r"'outflo' names no feature. Did you mean 'outflow'"),
        ("login_count_*", r"names \d+ features, none of which is worrying"),
    ],
)
def test_a_word_that_constrains_nothing_is_refused(word: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        monotone_signs(constrained(word), COLUMNS)


def fake_partitions(monkeypatch, eligible: dict[date, int], corrected: int = 0) -> None:
    """So many eligible customers per Monday, of whom ``corrected`` have no label."""

    def key(day: date, customers: int) -> pd.DataFrame:
        names = [f"C{number:03d}" for number in range(customers)]
        return pd.DataFrame({"customer_id": names, "snapshot_date": [day] * customers}, dtype=object)

    def labels(_, __, days, *___):
        rows = key(days[0], eligible[days[0]] - corrected if eligible[days[0]] else 0)
        return rows.assign(time_to_attrition=None, outflow_share=0.0, aum_base=100.0)

    monkeypatch.setattr(module, "feature_names", lambda *_: ["aum_last"])
    values = {day: np.ones((customers, 1)) for day, customers in eligible.items()}
    monkeypatch.setattr(module, "read_features", lambda _, day, *__: (key(day, eligible[day]), values[day]))
    monkeypatch.setattr(module, "read_eligible", lambda _, days, __: key(days[0], eligible[days[0]]))
    monkeypatch.setattr(module, "read_partition", labels)


def test_a_row_has_the_features_and_the_outcome_of_its_customer_on_its_monday(monkeypatch, tmp_path):
    fake_partitions(monkeypatch, dict.fromkeys(MONDAYS[:2], 3))

    def labels(_, __, days, *___):  # the last first, and one of nobody who is eligible; 1.2: Monday 1, C002
        shares = MONDAYS.index(days[0]) + np.array([0.9, 0.2, 0.1, 0.0])
        rows = pd.DataFrame({"customer_id": ["C009", "C002", "C001", "C000"], "outflow_share": shares})
        return rows.assign(snapshot_date=days[0], time_to_attrition=None, aum_base=100.0)

    read = module.read_features

    def features(home, day, *rest):
        key, _ = read(home, day, *rest)
        return key, MONDAYS.index(day) + np.array([[0.0], [0.1], [0.2]])

    monkeypatch.setattr(module, "read_features", features)
    monkeypatch.setattr(module, "read_partition", labels)
    rows = load_matrix(Home(tmp_path), MONDAYS[1::-1])
    assert rows.outflow_share.tolist() == rows.features[:, 0].tolist() == [0.0, 0.1, 0.2, 1.0, 1.1, 1.2]
    assert rows.customer_id.tolist() == ["C000", "C001", "C002"] * 2


def test_a_monday_with_nobody_eligible_is_left_out_by_name(monkeypatch, tmp_path, caplog):
    fake_partitions(monkeypatch, {MONDAYS[0]: 3, MONDAYS[1]: 0, MONDAYS[2]: 2})
    rows = load_matrix(Home(tmp_path), MONDAYS)
    assert [len(rows.on([day])) for day in MONDAYS] == [3, 0, 2]
    assert [record.message for record in caplog.records] == [
        "snapshots 2024-01-08 is left out: nobody is eligible"
    ]


def test_no_more_than_two_mondays_are_read_while_one_is_written(monkeypatch, tmp_path):
    days = [MONDAYS[0] + timedelta(weeks=week) for week in range(9)]
    fake_partitions(monkeypatch, dict.fromkeys(days, 3))
    read, write, begun, ahead = module.read_features, module.to_disk, list[date](), list[int]()

    def features(home, day, *rest):
        begun.append(day)
        return read(home, day, *rest)

    def slowly(parts):
        for written, part in enumerate(parts):
            sleep(0.02)
            ahead.append(len(begun) - written)
            yield part

    monkeypatch.setattr(module, "read_features", features)
    monkeypatch.setattr(module, "to_disk", lambda folder, parts: write(folder, slowly(parts)))
    rows = load_matrix(Home(tmp_path), days)
    assert [len(rows.on([day])) for day in days] == [3] * 9
    assert max(ahead) <= 3


def test_whose_money_was_corrected_to_nothing_later_is_left_out_by_count(monkeypatch, tmp_path, caplog):
    fake_partitions(monkeypatch, {MONDAYS[0]: 3}, corrected=1)
    assert load_matrix(Home(tmp_path), MONDAYS[:1]).customer_id.tolist() == ["C000", "C001"]
    assert "2024-01-01: 1 of 3 left out, without a label or with AUM that was corrected" in caplog.text


def test_a_label_that_stands_twice_on_a_monday_is_an_error_in_words(monkeypatch, tmp_path):
    fake_partitions(monkeypatch, dict.fromkeys(MONDAYS[:2], 3))
    read = module.read_partition
    monkeypatch.setattr(module, "read_partition", lambda *given: pd.concat([read(*given)] * 2))
    with pytest.raises(
        DataError, match=r"labels hold 6 repeated rows, the first for snapshot 2024-01-01\. Each"
    ):
        load_matrix(Home(tmp_path), MONDAYS[:2])


def test_nobody_eligible_at_all_says_who_was_excluded_why(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "read_eligible", lambda *_: pd.DataFrame())
    cohort = pd.DataFrame({"exclusion": ["too_new"] * 1200 + ["closed"] * 3})
    monkeypatch.setattr(build_module, "read_partition", lambda *_: cohort)
    sentence = (
        r"nobody is eligible on any Monday from 2024-01-01 to 2024-01-15\. Excluded: 1,200 too_new \(a "
        r"customer for less than cohort\.min_tenure_weeks\); 3 closed \(.*\. Correct \[cohort\] in bank\.toml"
    )
    with pytest.raises(DataError, match=sentence):
        load_learnt(load_settings("demo"), Home(tmp_path), Split(MONDAYS, MONDAYS))


def test_words_that_no_feature_or_lightgbm_knows_are_refused_before_any_work():
    for training, sentence in (
        ({"peers": ["aum_chnge_13w"]}, r"training\.peers: no feature 'aum_chnge_13w'"),
        ({"monotone": ["nothing_*"]}, r"training\.monotone: 'nothing_\*' names no feature"),
        ({"lightgbm": {"num_leafs": 3}}, "LightGBM has no parameter 'num_leafs'"),
        ({"lightgbm": {"lambda_l2": -1}}, r"\[training\.lightgbm\]: LightGBM refuses .*\(lambda_l2\)"),
        ({"severity": {"num_leaves": 1}}, r"\[training\.severity\]: LightGBM refuses .*\(num_leaves\)"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            check_settings(load_settings("demo", {"training": training}))
    short = {"features": {"windows": [4]}, "training": {"peers": [], "monotone": []}}
    with pytest.raises(ConfigError, match=r"windows = \[4\]: the rule largest_drop.* by aum_change_13w"):
        check_settings(load_settings("demo", short))
    check_settings(load_settings("demo"))
