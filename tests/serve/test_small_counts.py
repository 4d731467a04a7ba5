"""Attacks on small counts: whoever sees no customer finds nobody's money, by whatever rule."""

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sqlalchemy import delete

from configs.campaigns import Plan
from configs.published import RunExtras
from serve.store import tables
from serve.store.alert_feedback import AlertFeedback, record
from serve.store.audience import preview
from serve.store.contacts import Author
from serve.store.rounding import Rounding, is_rounded
from serve.store.scope import Reach, Scope

RECORDED = datetime(2026, 11, 17, 9, tzinfo=UTC)
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
    assert (many["state"], many["customers"]["listed"]) == ("shown", {"assignments": 40, "left": 0.0})
    bank = {"known": 83, "by_reason": {"salary": customers, "outflow": customers | {"control_group": arm}}}
    whole = Rounding(10).effect(effect | bank | {"customers": bank["by_reason"]["outflow"] | {"kept": [4.1]}})
    assert (whole["known"], [*whole["by_reason"]], whole["customers"]["kept"]) == (80, ["outflow"], [4.0])


@pytest.mark.parametrize("named", [("branches", "B1", "B2"), ("tiers", "affluent", "wealth")])
def test_one_customer_added_to_others_moves_no_count(
    store, make_score, make_run, make_lists, exclusions, named
):
    """Of high risk are 14 without the customer who is alone in B2 and wealthy, and 15 with: there rounding
    moves."""
    rest = [make_score(f"r{k:02}", risk_band="high" if k < 14 else "low") for k in range(16)]
    alone = make_score("alone", branch_id="B2", manager_id="M9", tier="wealth")
    store.publish(make_run(cohort=17), (*rest, alone), exclusions, make_lists((*rest, alone)), RunExtras())
    field, others, alone_in = named

    def fits(scope, *names):
        rule = {"risk_bands": ["high"]} | ({field: names} if names else {})
        with store.at_run(None, scope) as session:
            return preview(session, Plan.model_validate(PLAN | {"rule": rule})).fits

    exact, rounded = Scope(Reach.ALL), Scope(Reach.ALL, rounded=True)
    assert [fits(exact, others), fits(exact, others, alone_in), fits(exact, alone_in)] == [14, 15, 1]
    assert fits(rounded, others) == fits(rounded, others, alone_in) == fits(rounded)
    assert fits(rounded, alone_in) == 0


@pytest.mark.parametrize("role", ["head_office", "manager", "branch_head"])
def test_figures_of_the_whole_bank_are_rounded_for_who_does_not_see_it(client, bearer, published, role):
    author = Author("M1", b"k" * 32)
    with published.write() as connection:
        for key in range(13):
            verdict = AlertFeedback(
                f"k{key}", f"r{key}", "M1", "run-1", "outflow" if key else "salary", "useful", RECORDED
            )
            record(connection, verdict, author)
    seen = bearer(role, manager_id="M1", branch_id="B1")

    def answers(headers):
        answer = client.get("/v1/alert-feedback/precision", headers=headers).json()
        run = client.get("/v1/runs/latest", headers=headers).json()
        announced = client.get("/v1/publications", headers=headers).json()["announcements"][0]["data"]
        by_reason = [(row["group"], row["useful"]) for row in answer["by_reason"]]
        counts = [announced["counts"][name] for name in ("scored", "excluded")]
        return answer["overall"]["evaluated"], by_reason, run["excluded"], counts

    assert answers(bearer("crm")) == (13, [("outflow", 12), ("salary", None)], {"too_new": 1}, [10, 1])
    assert answers(seen) == (10, [("outflow", 10)], {}, [10, 0])
    page = client.get("/model", headers=seen).text
    assert "Counts are rounded to 10 customers" in page
    assert (
        page.split('id="precision"')[1].split("</section>")[0].count("<tr>") == 3
    )  # the heading, all, outflow


def test_calibration_outcomes_and_load_of_few_customers_are_rounded():
    rounding = Rounding(10)
    horizon = {"days": 30, "customers": 37, "predicted": 2.6, "observed": 1, "evidence": 1.25}
    group = rounding.figures({"kind": "tier", "name": "wealth", "needed": 240.0, "horizons": [horizon]})
    assert group["horizons"] == [
        {"days": 30, "customers": 40, "predicted": 3.0, "observed": 0, "evidence": 1.0}
    ]
    few = rounding.figures({"horizons": [horizon | {"customers": 1}]})["horizons"]
    assert few == [{"days": 30, "customers": 0, "predicted": 0.0, "observed": 0, "evidence": 0.0}]
    week = {"customers": 380, "attrited": 19, "observed_rate": 0.05, "listed": 48, "listed_attrited": 6}
    assert rounding.figures(week) == {"customers": 380, "attrited": 20, "observed_rate": 20 / 380,
                                      "listed": 50, "listed_attrited": 0}  # fmt: skip
    care = {"customers": 1, "calls": 1 / 13, "longest_days": 40, "asked": 1, "overdue": 1}
    manager = {"care": care, "calls": 1 / 13, "capacity": 20, "over_capacity": 0.0, "outcomes": None}
    assert rounding.figures(manager) == {"care": dict.fromkeys(care, 0), "calls": 0, "capacity": 20,
                                         "over_capacity": 0, "outcomes": None}  # fmt: skip
    cell = rounding.figures({"cell": "B9", "customers": 2, "products": 13, "classes": 9})
    assert cell == {"cell": "B9", "customers": 0, "products": 0, "classes": 0}
    depth = {"classes": 5, "customers": 37, "attrited": 1, "share": 1 / 37, "low": 0.005, "high": 0.14}
    assert rounding.figures(depth) == {"classes": 5, "customers": 40, "attrited": 0} | dict.fromkeys(
        ("share", "low", "high"), 0.0
    )
    answers = rounding.figures({"cohort": 400, "respondents": 93, "share": 93 / 400, "left_of_low": 1 / 31})
    assert answers == {"cohort": 400, "respondents": 90, "share": 90 / 400, "left_of_low": 0.0}


def test_amounts_to_ask_for_lie_far_apart():
    asked = [amount for amount in range(1, 10_001) if is_rounded(amount)]
    assert all(after >= 2 * before for before, after in pairwise(asked))
