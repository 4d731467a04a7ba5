"""A SELECT that changed after a model was trained is named; a comment changes none."""

from typing import Any

import pytest

from pipeline.context import Context
from pipeline.training.selects import changed_selects, keep_selects
from tests.pipeline.conftest import SELECTS

TRANSACTIONS = SELECTS["transactions"]


@pytest.fixture
def trained(tiny: Any) -> tuple[Any, Context]:
    context = Context(tiny.settings(), tiny.home.root.parent)
    keep_selects(context, "m1")
    return tiny, context


@pytest.mark.parametrize(
    "select", [TRANSACTIONS, f"-- one row per booking\n{TRANSACTIONS}", TRANSACTIONS.replace(", ", ",\n    ")]
)
def test_the_same_select_in_other_words_is_not_named(trained: Any, select: str) -> None:
    bank, context = trained
    bank.select("transactions", select)
    assert changed_selects(context, "m1") == []


def test_selects_that_changed_came_or_went_are_named(trained: Any) -> None:
    bank, context = trained
    bank.select("transactions", TRANSACTIONS.replace("AMT AS amount", "-AMT AS amount"))
    bank.select("events", "SELECT 1")
    (bank.folder / "rates.sql").unlink()
    assert changed_selects(context, "m1") == ["events", "rates", "transactions"]


def test_of_a_model_from_before_nothing_is_known(trained: Any) -> None:
    assert changed_selects(trained[1], "m0") == []
