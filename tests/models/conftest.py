"""A made-up world whose truth is known: attrition depends on three columns, the others are noise.

Half of those who go go within 30 days where ``outflow_sum_4w`` is above 0, a fifth elsewhere; a third of the
rest goes within 60 days. The share that leaves is larger where ``login_count_13w`` is low.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from configs.bank_folder import load_settings
from configs.settings import Settings, Training
from models.bundle import Bundle, settings_of
from models.hazard import Fitted, fit, fit_calibrator
from models.matrix import Matrix, feature_values
from models.metrics import evaluate
from models.severity import fit_severity

HORIZONS = (30, 60, 90)
COLUMNS = ("outflow_sum_4w", "outflow_sum_13w", "login_count_13w", "noise_a", "noise_b")
FIRST, CUSTOMERS = date(2023, 1, 2), 400


def world(weeks: int, first: date, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and labels of 400 customers on ``weeks`` Mondays; about one row in six attrites."""
    random = np.random.default_rng(seed)
    rows = CUSTOMERS * weeks
    values = random.normal(size=(rows, len(COLUMNS)))
    risk = 1 / (1 + np.exp(2.2 - 1.2 * values[:, 0] - 0.5 * values[:, 1] + 0.6 * values[:, 2]))
    values[random.random(rows) < 0.05, 3] = np.nan
    key = pd.DataFrame(
        {
            "customer_id": np.tile([f"C{number:04d}" for number in range(CUSTOMERS)], weeks),
            "snapshot_date": np.repeat([first + timedelta(weeks=week) for week in range(weeks)], CUSTOMERS),
        }
    )
    attrited = random.random(rows) < risk
    by_30 = random.random(rows) < np.where(values[:, 0] > 0, 0.5, 0.2)
    when = np.where(by_30, 30, np.where(random.random(rows) < 1 / 3, 60, 90))
    share = np.where(values[:, 2] < 0, 0.9, 0.6) + random.uniform(-0.1, 0.1, rows)
    outcome = {
        "time_to_attrition": np.where(attrited, when, np.nan),
        "outflow_share": np.where(attrited, share, random.uniform(0, 0.3, rows)),
        "aum_base": random.uniform(5e5, 5e6, rows).round(2),
    }
    features = pd.concat([key, pd.DataFrame(values, columns=list(COLUMNS))], axis=1)
    return features, pd.concat([key, pd.DataFrame(outcome)], axis=1)


def matrix(weeks: int, first: date, seed: int) -> Matrix:
    features, labels = world(weeks, first, seed)
    return Matrix.labelled(features, feature_values(features, COLUMNS), COLUMNS, labels)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped defaults with what makes a small model: few rounds, small leaves, one thread."""
    banks = tmp_path_factory.mktemp("banks")
    (banks / "made_up").mkdir()
    (banks / "made_up" / "bank.toml").write_text(
        'title = "made up"\nlanguage = "en"\nbase_currency = "CNY"\n[sources]\n'
        '[[tiers]]\nname = "all"\nname_zh = "全部"\nmin_aum = 0\n'
        "[training]\nrounds = 60\npatience = 10\nthreads = 1\n"
        "[training.lightgbm]\nmin_data_in_leaf = 20\nlearning_rate = 0.1\nfeature_fraction = 0.9\n"
        "[training.severity]\nmin_data_in_leaf = 20\nlearning_rate = 0.1\nfeature_fraction = 0.9\n",
        "utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("configs.bank_folder.BANKS", banks)
        return load_settings("made_up")


@pytest.fixture(scope="session")
def training(settings: Settings) -> Training:
    return settings.training


@pytest.fixture(scope="session")
def train() -> Matrix:
    return matrix(8, FIRST, seed=1)


@pytest.fixture(scope="session")
def tune() -> Matrix:
    return matrix(4, date(2023, 6, 5), seed=2)


@pytest.fixture(scope="session")
def judge() -> Matrix:
    return matrix(4, date(2023, 10, 2), seed=3)


@pytest.fixture(scope="session")
def monday_frame() -> pd.DataFrame:
    """The features of one Monday, as scoring gets them."""
    return world(1, date(2024, 3, 4), seed=4)[0]


@pytest.fixture(scope="session")
def fitted(train: Matrix, tune: Matrix, training: Training) -> Fitted:
    return fit(train, tune, HORIZONS, training)


@pytest.fixture(scope="session")
def bundle(fitted: Fitted, train: Matrix, tune: Matrix, judge: Matrix, settings: Settings) -> Bundle:
    raw = fitted.model.raw(tune.features)
    calibrator = fit_calibrator(raw, tune.time_to_attrition, HORIZONS)
    severity = fit_severity(train, tune, settings.training)
    severity = severity.scaled(tune, calibrator.risks(raw)[:, -1], tune.aum)
    metrics = evaluate(judge, calibrator.risks(fitted.model.raw(judge.features)), HORIZONS)
    return Bundle(
        fitted.model, calibrator, severity, {"judge": metrics}, settings_of(settings), fitted.medians
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"
