"""A bank that counts customers has no feature of balances, and no reason that speaks of them."""

import re

from configs.bank_folder import load_settings
from features.build import catalogue, families
from features.catalogue.entries import peer_entries

OF_BALANCES = re.compile(r"AUM|balance|product(?!s\b)|matur|tier|资产|余额|到期|层级", re.IGNORECASE)


def test_no_feature_looks_at_a_balance():
    money = load_settings("demo")
    settings = money.model_copy(update={"counts": "customers"})
    features, of_money = catalogue(settings), catalogue(money)
    assert list(features) == [name for name in of_money if name in features]  # the others, in their order
    left = [name for name in of_money if name not in features]
    assert {"aum_last", "term_share", "product_held", "outflow_per_aum_13w", "days_since_first_fund",
            "past_outflow_share", "matured_kept_52w"} <= set(left)  # fmt: skip
    assert {"outflow_sum_13w", "booking_count_13w", "login_count_4w", "tenure_days"} <= set(features)
    assert len(families(settings)) < len(families(money))
    words = [text for entry in features.values() for text in entry.phrase.values()]
    assert [text for text in words if OF_BALANCES.search(text)] == []


def test_spending_is_no_outflow_and_nothing_shrinks():
    settings = load_settings("wallet")
    features = catalogue(settings)
    assert features["outflow_sum_13w"].group == "activity"
    assert features["outflow_elsewhere_sum_13w"].group == "outflow"
    assert "balance" not in {entry.group for entry in features.values()}
    assert all(name.endswith("_vs_branch") for name in peer_entries(settings, features))
