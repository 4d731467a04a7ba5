"""Attacks on small counts: whoever sees no customer finds nobody's money, by whatever rule."""

import re
from itertools import pairwise

import pytest
from sqlalchemy import delete

from configs.published import RunExtras
from serve.store import tables
from serve.store.rounding import Rounding, is_rounded

AUM, AT_RISK, SIZE = 1_234_567, 187_654, 10
PLAN = {"title": "Who is it", "size": 100, "channel": "phone",
        "starts_on": "2026-11-23", "ends_on": "2026-12-21", "control_share": 0.2}  # fmt: skip
ROUND = [digit * 10**power for power in (5, 6) for digit in range(1, 10)]
NAMED = {"stages": ["mature"], "tiers": ["affluent"], "risk_bands": ["high"], "reasons": ["outflow"]}


@pytest.fixture
def published(store, make_score, make_run, make_lists, exclusions):
    """The poorest of ten is known to be alone with the manager M9, and the only one with so little."""
    rich = [make_score(f"r{k}", 900_000_00, aum_minor=50_000_000_00) for k in range(SIZE - 1)]
    known = make_score("known", AT_RISK * 100, aum_minor=AUM * 100, manager_id="M9")
    store.publish(make_run(cohort=SIZE), (*rich, known), exclusions, make_lists((*rich, known)), RunExtras())
    with store.write() as connection:  # nobody is left out
        connection.execute(delete(tables.decisions))
        connection.execute(delete(tables.assignments))
    return store


def by_api(client, headers):
    def fits(rule):
        answer = client.post("/v1/campaigns/preview", json=PLAN | {"rule": rule}, headers=headers)
        assert answer.status_code in (200, 422), answer.text
        counts = ("fits", "free", "contact", "control", "left_out", "money_at_risk")
        return tuple(str(answer.json()[name]) for name in counts) if answer.status_code == 200 else None

    return fits


def by_page(client, headers):
    def fits(rule):
        page = client.get("/campaigns/new", params=PLAN | {"control_share": 20} | rule, headers=headers)
        shown = re.search(r'<dl class="tiles">.*?</dl>', page.text, re.DOTALL)
        return shown and shown.group()

    return fits


def bisected(fits, rule, bound):
    """The narrowest bounds of the known customer's amount, found by the answers that change."""
    low, high = ROUND[0], ROUND[-1]
    whole = fits(rule | {bound: low})
    assert whole != fits(rule | {bound: high}), "the attack would see nothing at all"
    for amount in ROUND:  # those that are answered, in order
        answer = fits(rule | {bound: amount})
        if answer is not None and answer != whole:
            high = amount
            break
        low = low if answer is None else amount
    below, above = low, high
    while above - below > 1:  # and any amount between them
        middle = (below + above) // 2
        answer = fits(rule | {bound: middle})
        low, high = (middle, high) if answer == whole else (low, middle if answer else high)
        below, above = (middle, above) if answer == whole else (below, middle)
    return low, high


@pytest.mark.parametrize("way", [by_api, by_page])
def test_nobody_without_customers_finds_an_amount_by_asking_again(client, bearer, way):
    office, crm = way(client, bearer("head_office")), way(client, bearer("crm"))
    assert bisected(office, NAMED, "least_aum") == (1_000_000, 2_000_000)
    if way is by_api:
        assert bisected(office, {}, "least_money_at_risk") == (100_000, 200_000)
    assert bisected(crm, NAMED, "least_aum") == (AUM, AUM + 1)  # who sees the customer may count exactly
    assert office({"maturing_days": 31}) is None


def test_a_plan_tells_no_more_by_its_size_its_share_or_its_reasons(client, bearer):
    office = bearer("head_office")

    def asked(**changes):
        return client.post("/v1/campaigns/preview", json=PLAN | changes, headers=office).json()

    few = asked(rule={"least_money_at_risk": 200_000})  # nine
    assert [few[name] for name in ("fits", "free", "contact", "control", "money_at_risk")] == [0] * 5
    assert few["left_out"] == {}
    assert asked(rule={"least_money_at_risk": 200_000}, size=1, control_share=0)["left_out"] == {}
    kept = client.post("/v1/campaigns", json=PLAN | {"rule": {"least_aum": 1_234_567}},
                       headers=office | {"Idempotency-Key": "k"})  # fmt: skip
    assert (kept.status_code, kept.json()["errors"][0]["pointer"]) == (422, "#/rule/least_aum")
    assert "Use 1,000,000 or 2,000,000." in kept.json()["errors"][0]["detail"]


def test_a_branch_and_its_managers_tell_nobodys_money(client, bearer):
    office = bearer("head_office")
    branch = client.get("/v1/branches/B1/summary", headers=office).json()
    assert branch["customers"] == 10
    assert [row["customers"] for row in branch["managers"]] == [0, 0]
    rest = branch["aum"] - sum(row["aum"] for row in branch["managers"] if row["manager_id"] != "M9")
    assert abs(rest - AUM) > AUM / 10
    [listed] = client.get("/v1/branches", headers=office).json()["branches"]
    assert (listed["aum"], listed["customers"]) == (branch["aum"], 10)
    exact = client.get("/v1/branches/B1/summary", headers=bearer("crm")).json()
    assert [row["aum"] for row in exact["managers"]] == [450_000_000, AUM]


def test_cells_subtracted_from_their_total_tell_nobodys_money():
    rounding = Rounding(10)
    cells = [{"cell": "B1", "customers": 41, "aum_minor": 900_000_000_00},
             {"cell": "B2", "customers": 1, "aum_minor": AUM * 100}]  # fmt: skip
    whole = {"customers": 42, "aum_minor": sum(cell["aum_minor"] for cell in cells)}
    seen = rounding.figures(whole | {"dimensions": [{"dimension": "branch", "cells": cells}]})
    [one, other] = seen["dimensions"][0]["cells"]
    assert (one["customers"], other) == (40, {"cell": "B2", "customers": 0, "aum_minor": 0})
    assert abs(seen["aum_minor"] - one["aum_minor"] - AUM * 100) > AUM * 100 / 10
    left = rounding.figures({"closing_customers": 5_000, "closing_minor": 10**12, "left_customers": 1,
                             "left_minor": AUM * 100, "cell": ""})  # fmt: skip
    assert (left["left_customers"], left["left_minor"], left["closing_customers"]) == (0, 0, 5_000)
    matrix = rounding.figures(
        {"customers": [[1, 30]], "opening_minor": [[AUM * 100, 3_000_00]], "cells": ["a"]}
    )
    assert matrix == {"customers": [[0, 30]], "opening_minor": [[0, 3_000_00]], "cells": ["a"]}
    assert Rounding(1).figures(whole) == whole


def test_an_effect_on_few_customers_has_no_figures():
    arm = {"assignments": 40, "left": 0.125}
    customers = {"listed": arm, "control_group": arm | {"assignments": 9}, "difference": [0.1, 0.05, 0.2]}
    effect = {"state": "shown", "contacts": 43, "cost": 4_300.0, "customers": customers, "money": None}
    few = Rounding(10).effect(effect)
    assert (few["state"], few["customers"], few["contacts"], few["cost"]) == ("collecting", None, 40, 4_000.0)
    many = Rounding(10).effect(effect | {"customers": customers | {"control_group": arm}})
    assert (many["state"], many["customers"]["listed"]) == ("shown", {"assignments": 40, "left": 0.1})


def test_amounts_to_ask_for_lie_far_apart():
    asked = [amount for amount in range(1, 10_001) if is_rounded(amount)]
    assert all(after >= 2 * before for before, after in pairwise(asked))
