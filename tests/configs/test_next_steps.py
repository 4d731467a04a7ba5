"""The rules for the next step: which one is taken for whom, and that everybody gets one."""

from datetime import date

import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.published import STAGES, Maturity, Reason, Score
from configs.reason_groups import GROUPS

MONDAY = date(2026, 11, 16)
DEFAULT = "Call, ask how well"
STEPS = load_settings("berka").next_steps  # berka has none of its own


def customer(*groups, tier="affluent", stage="mature", aum_minor=1000_00):
    reasons = tuple(Reason(group, "", None, 1.0, "", "") for group in groups)
    return Score("c1", "B1", "M1", tier, stage, False, aum_minor, 0, "high", reasons, risk_90d=0.5)


def matures(day, amount, product_class="term"):
    return Maturity("one", product_class, date(2026, *day), amount * 100)


def step(*groups, maturities=(), bank=STEPS, **about):
    return bank.suggested(customer(*groups, **about), maturities, MONDAY).en


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (("complaint",), "Settle the complaint"),
        (("manager",), "Introduce the manager"),
        (("rollover",), "Recommend a product"),
        (("salary",), "Ask what has changed at work"),
        (("outflow",), "Ask what the money elsewhere is for"),
        (("interest",), "The customer is comparing"),
        (("offer",), "Offer what pays more here"),
        (("product",), "Show one product"),
        (("contact",), "Call to ask how things are"),
        (("activity",), "Call to ask how things are"),
        (("balance",), "Go through the assets"),
        (("inflow",), "Go through the assets"),
        (("profile",), "Hold the yearly talk"),
        ((), DEFAULT),
        # In the order of the customer's reasons, a complaint before all others.
        (("outflow", "salary", "complaint"), "Settle the complaint"),
        (("outflow", "salary", "manager"), "Ask what the money elsewhere is for"),
        (("balance", "product"), "Go through the assets"),
    ],
)
def test_the_rule_of_the_first_reason_is_taken(groups, said):
    assert step(*groups).startswith(said)


def test_every_group_of_reasons_has_a_step_of_its_own_in_both_languages():
    """As every bank that ships has it, whatever the tier and the stage."""
    for bank in (load_settings("demo"), load_settings("berka")):
        default = bank.next_steps.rules[-1]
        for group in GROUPS:
            for tier in bank.tiers:
                for stage in STAGES:
                    who = customer(group, tier=tier.name, stage=stage)
                    found = bank.next_steps.suggested(who, (), MONDAY)
                    assert found != default, (group, tier.name, stage)
                    assert found.zh != found.en


def test_silence_of_a_dormant_customer_takes_more_than_a_call():
    assert step("contact", stage="dormant").startswith("Visit or invite")
    assert step("balance", stage="dormant").startswith("Go through the assets")


@pytest.mark.parametrize(
    ("maturity", "before_it"),
    [
        (((11, 16), 100), True),  # on the Monday itself
        (((12, 20), 100), True),  # the 34th day after it
        (((12, 21), 100), False),  # the 35th
        (((11, 15), 100), False),  # matured already
        (((12, 1), 99.99), False),  # less than a tenth of 1,000
        (((12, 1), 100, "loan"), False),
    ],
)
def test_a_maturity_counts_by_its_day_its_amount_and_its_class(maturity, before_it):
    said = step("salary", maturities=[matures(*maturity)])
    assert said.startswith("Discuss renewal") == before_it


def test_maturities_add_up():
    two = [matures((12, 1), 60), matures((12, 2), 40)]
    assert step(maturities=two).startswith("Discuss renewal")
    assert step(maturities=two[:1]).startswith(DEFAULT)


def test_nothing_matures_for_who_has_nothing():
    assert step(maturities=[matures((12, 1), 0)], aum_minor=0).startswith(DEFAULT)


def test_a_complaint_comes_before_a_maturity():
    assert step("complaint", maturities=[matures((12, 1), 500)]).startswith("Settle")


def test_a_complaint_comes_before_the_rules_that_a_bank_adds():
    own = {"reasons": ["outflow"], "en": "Meet", "zh": "面谈"}
    bank = load_settings("berka", {"next_steps": {"bank_rules": [own]}}).next_steps
    assert step("outflow", bank=bank) == "Meet"
    assert step("outflow", "complaint", bank=bank).startswith("Settle the complaint")


@pytest.mark.parametrize("rule", [{"reasons": ["outflow"]}, {"tiers": ["affluent"]}, {"stages": ["mature"]}])
def test_a_banks_rule_is_taken_in_the_order_of_the_reasons(rule):
    """What is about a later reason waits; what is about none stands beside the first, the bank's first."""
    own = rule | {"en": "Meet", "zh": "面谈"}
    bank = load_settings("demo", {"next_steps": {"bank_rules": [own]}}).next_steps
    assert step("outflow", "salary", bank=bank) == "Meet"
    assert step("complaint", "outflow", bank=bank).startswith("Settle the complaint")
    assert step("outflow", "complaint", bank=bank).startswith("Settle the complaint")
    waits = "reasons" in rule
    assert step("salary", "outflow", bank=bank).startswith("Ask what has changed" if waits else "Meet")


def test_a_maturity_comes_before_the_talk_about_the_first_reason():
    due = [matures((12, 1), 500)]
    assert step("outflow", "manager", maturities=due).startswith("Discuss renewal")
    assert step("manager", "outflow", maturities=due).startswith("Introduce the manager")


def test_a_banks_own_rules_come_first_and_may_name_tiers():
    demo = load_settings("demo").next_steps
    assert step("outflow", bank=demo, tier="wealth").startswith("Meet the customer together with the branch")
    assert step("outflow", bank=demo, tier="affluent").startswith("Ask what the money elsewhere is for")


def refused(**steps):
    with pytest.raises(ConfigError) as raised:
        load_settings("demo", {"next_steps": steps})
    return str(raised.value)


WORDS = {"en": "Call", "zh": "致电"}


AT = "next_steps.bank_rules.0"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"reason": ["salary"]}, f"unknown key '{AT}.reason'. Did you mean 'reasons'?"),
        ({"reasons": ["salry"]}, f"{AT}: unknown reason 'salry'. Did you mean 'salary'?"),
        ({"stages": ["dorment"]}, f"{AT}: unknown stage 'dorment'. Did you mean 'dormant'?"),
        ({"tiers": ["afluent"]}, "a next step is for the unknown tier 'afluent'. Did you mean 'affluent'?"),
        ({"maturing_days": "9"}, f"{AT}.maturing_days: Input should be a valid integer, found '9'"),
        ({"maturing_share": 0.1}, f"{AT}: maturing_share says of how much"),
        ({"stages": ["new"], "zh": ""}, f"{AT}.zh: String should have at least 1 character"),
        ({}, "next_steps: no rule after 'Call' would be reached. Give it a condition."),
    ],
)
def test_a_wrong_rule_names_its_place_and_the_nearest_word(rule, said):
    assert said in refused(bank_rules=[WORDS | rule])


def test_the_last_rule_is_for_everybody():
    assert refused(rules=[WORDS | {"stages": ["new"]}]).endswith(
        "next_steps: the last of rules must fit everybody. Leave it without a condition."
    )
