"""Deviations from the mean of tier and branch: by hand, and blind to everything but the training rows."""

import numpy as np
import pandas as pd
import pytest

from configs.errors import DataError
from models.peers import FEW, Peers, fit_peers

COHORT = pd.DataFrame(
    {"tier": ["affluent", "affluent", "wealth", "wealth"], "branch_id": ["B1", "B2", "B2", None]}
)
FEATURES = pd.DataFrame({"customer_id": list("abcd"), "drop": [1.0, 3.0, 5.0, np.nan], "other": [9.0] * 4})


def test_the_mean_of_a_group_leans_on_the_overall_mean():
    peers = fit_peers(FEATURES, COHORT, ["drop"])
    assert peers.overall == (3.0,)  # (1 + 3 + 5) / 3; the unknown value counts nowhere
    assert peers.groups["tier"]["affluent"] == ((1 + 3 + FEW * 3) / (2 + FEW),)
    assert peers.groups["tier"]["wealth"] == ((5 + FEW * 3) / (1 + FEW),)
    assert set(peers.groups["branch"]) == {"B1", "B2"}


def test_a_value_beside_its_groups_and_an_unknown_group_beside_all():
    peers = Peers(("drop",), (3.0,), {"branch": {"B1": (10.0,)}, "tier": {"affluent": (2.0,)}})
    found = peers.extended(FEATURES, COHORT)
    assert list(found.columns) == ["customer_id", "drop", "other", "drop_vs_tier", "drop_vs_branch"]
    assert found["drop_vs_tier"].tolist()[:3] == [-1.0, 1.0, 2.0]
    assert found["drop_vs_branch"].tolist()[:3] == [-9.0, 0.0, 2.0]
    assert np.isnan(found["drop_vs_tier"][3])
    assert list(FEATURES.columns) == ["customer_id", "drop", "other"]


def test_without_columns_nothing_is_added():
    peers = fit_peers(FEATURES, COHORT, [])
    assert peers.names == ()
    assert peers.extended(FEATURES, COHORT) is FEATURES


def test_a_column_that_nobody_has_is_named():
    with pytest.raises(DataError, match=r"'drop' is unknown in all 4 training rows.*training\.peers"):
        fit_peers(FEATURES.assign(drop=np.nan), COHORT, ["drop"])


def test_means_do_not_depend_on_the_order_of_customers_within_rounding():
    random = np.random.default_rng(1)
    features = pd.DataFrame({"drop": random.normal(size=500)})
    cohort = pd.DataFrame(
        {"tier": random.choice(["x", "y"], 500), "branch_id": random.choice(["1", "2"], 500)}
    )
    order = random.permutation(500)
    first = fit_peers(features, cohort, ["drop"])
    second = fit_peers(features.iloc[order], cohort.iloc[order], ["drop"])
    for group, members in first.groups.items():
        for name, means in members.items():
            assert second.groups[group][name] == pytest.approx(means, rel=1e-12)
