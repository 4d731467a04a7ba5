"""Scores that are no probabilities never leave the service; money keeps its two decimals."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from serve.answers.customers import customer_risk
from serve.answers.source import View


@pytest.mark.parametrize("risk", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_score_outside_of_0_and_1_is_refused(make_run, make_score, risk):
    with pytest.raises(ValidationError, match="risk_90d"):
        customer_risk(View(make_run()), make_score("c1", risk_90d=risk))


@pytest.mark.parametrize(
    ("minor", "shown"), [(0, "0.0"), (1, "0.01"), (184_320_050, "1843200.5"), (10**13 + 7, "100000000000.07")]
)
def test_minor_units_become_whole_currency(make_run, make_score, minor, shown):
    answer = customer_risk(View(make_run()), replace(make_score("c1"), aum_minor=minor))
    assert f'"aum":{shown},' in answer.model_dump_json()
