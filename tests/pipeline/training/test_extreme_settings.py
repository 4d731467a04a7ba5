"""Every number of the settings at the ends of its range: a small bank trains and scores, or an error of ours
says why not."""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError, DataError
from configs.settings import Settings
from pipeline import weekly
from pipeline.context import Context
from pipeline.scoring.reasons import Models
from pipeline.scoring.score import score
from pipeline.snapshots.build import build_snapshots
from pipeline.training import promotion, registry
from tests.pipeline.conftest import LAST_MONDAY, made_up_bank

pytestmark = pytest.mark.long
SMALL: dict[str, Any] = {
    "label": {"horizon_days": 30, "settle_days": 7},
    "cohort": {"min_aum": 100_000},
    "training": {
        "judged_snapshots": 4,
        "tuned_snapshots": 4,
        "rounds": 15,
        "patience": 15,
        "lightgbm": {"min_data_in_leaf": 20},
        "severity": {"min_data_in_leaf": 20},
    },
}
SECTIONS = ("cohort", "label", "features", "training", "bands", "promotion")
LIGHTGBM = {
    "learning_rate": (0.0001, 1), "num_leaves": (2, 131_072), "max_depth": (1, 8),
    "min_data_in_leaf": (0, 10**9), "lambda_l2": (0, 1e9), "feature_fraction": (1e-9,),
    "bagging_fraction": (1e-9,), "bagging_freq": (-1, 10**9), "max_bin": (1, 2, 65_535),
    "bin_construct_sample_cnt": (1,),
}  # fmt: skip


def ends() -> Iterator[tuple[str, str, float]]:
    """Section, key and value of both ends of every number whose range is bounded."""
    schema = Settings.model_json_schema()
    for section in SECTIONS:
        name = schema["properties"][section]["$ref"].rsplit("/", 1)[-1]
        for key, field in schema["$defs"][name]["properties"].items():
            step = 1 if field.get("type") == "integer" else 1e-9
            for word, beyond in (
                ("minimum", 0), ("exclusiveMinimum", step), ("maximum", 0), ("exclusiveMaximum", -step),
            ):  # fmt: skip
                if word in field and key not in ("rounds", "patience"):
                    yield section, key, field[word] + beyond
    for section in ("training.lightgbm", "training.severity"):
        for key, values in LIGHTGBM.items():
            yield from ((section, key, value) for value in values)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return made_up_bank(tmp_path_factory.mktemp("data"), 400, 62, 11, **SMALL)


@pytest.mark.parametrize(("section", "key", "value"), list(ends()))
def test_a_number_at_its_end_works_or_is_refused_in_words(bank, monkeypatch, section, key, value):
    for module in (weekly, promotion):
        monkeypatch.setattr(module, "smoke_test", lambda *_: None)
    monkeypatch.setattr(registry, "record", lambda *_: "1")
    monkeypatch.setattr(registry, "promote", lambda *_: None)
    monkeypatch.setattr(registry, "champion", lambda *_: None)
    changes, (table, *inner) = {**SMALL}, section.split(".")
    below = dict(changes.get(table, {}))
    changes[table] = below | ({inner[0]: {**below.get(inner[0], {}), key: value}} if inner else {key: value})
    with suppress(ConfigError, DataError):
        changed = Context(load_settings("demo", changes), bank.data)
        model = weekly.run_train(changed, bank.tables, LAST_MONDAY)
        build_snapshots(changed.settings, bank.home, bank.tables, [LAST_MONDAY], lambda *_: None)
        scores = score(changed.settings, bank.home, bank.tables, Models(model, None), LAST_MONDAY).scores
        assert scores
        assert all(math.isfinite(each.risk_30d) and 0 <= each.risk_30d <= 1 for each in scores)
