"""One customer and many: history, contacts, maturities and opt-outs beside the risk."""

from datetime import UTC, date, datetime
from types import MappingProxyType

import pytest
from pydantic import ValidationError

from configs.published import Decision, Exclusion, Manager, Maturity, Profile, RunExtras
from serve.api.customers import ScoredCustomer, customer_fields
from serve.http.responses import ResponseContext
from serve.store.audit import entries

pytestmark = pytest.mark.either_store

RISK = "/v1/customers/{}/risk"


@pytest.fixture
def weeks(published, publish_run, make_run, make_score, make_lists, exclusions):
    """c1 on four Mondays, on the second of which two runs were published, and on one of them nobody is
    scored."""
    for name, day, risk in (("run-a", 2, 0.1), ("run-b", 9, 0.2), ("run-c", 9, 0.3)):
        changed = (make_score("c1", 7_00, manager_id="M9", risk_90d=risk, risk_band="medium"),)
        past = make_run(name, date(2026, 11, day), cohort=1)
        published.publish(past, changed, exclusions, make_lists(changed))
    published.publish(make_run("run-0", date(2026, 10, 26), cohort=0), (), exclusions, [])
    publish_run("run-2", date(2026, 11, 23))
    published.rollback()
    return published


@pytest.mark.usefixtures("weeks")
def test_the_history_is_of_earlier_mondays_and_their_last_publication(client):
    found = client.get(RISK.format("c1"), params={"include": "history"}).json()
    shown = [(one["snapshot_date"], one["run_id"], one["risk_90d"]) for one in found["history"]]
    assert shown == [("2026-11-09", "run-c", 0.3), ("2026-11-02", "run-a", 0.1)]
    assert found["history"][0]["money_at_risk"] == 7.0
    assert found["contacts"] is found["maturities"] is None
    assert client.get(RISK.format("c2"), params={"include": "history"}).json()["history"] == []


def test_who_is_excluded_now_has_the_history_of_before(
    client, bearer, published, make_run, make_score, make_lists
):
    """c6, excluded by the run that is served, was scored the Monday before."""
    before = (make_score("c6", risk_90d=0.2),)
    first = make_run("run-0", date(2026, 11, 9), cohort=1)
    published.publish(first, before, [Exclusion("c1", "too_new")], make_lists(before))
    found = client.get(RISK.format("c6"), params={"include": "history"}).json()
    assert found["status"] == "excluded"
    assert [(one["run_id"], one["risk_90d"]) for one in found["history"]] == [("run-0", 0.2)]
    head = bearer("manager", manager_id="M1")  # an exclusion does not say whose the customer is
    assert client.get(RISK.format("c6"), params={"include": "history"}, headers=head).status_code == 404


@pytest.mark.usefixtures("weeks")
def test_who_is_in_charge_now_sees_the_history_and_who_was_before_does_not(client, bearer):
    now, before = (bearer("manager", manager_id=number) for number in ("M1", "M9"))
    asked = {"include": "history"}
    assert len(client.get(RISK.format("c1"), params=asked, headers=now).json()["history"]) == 2
    assert client.get(RISK.format("c1"), params=asked, headers=before).status_code == 404


def test_what_falls_due_beside_the_risk(client, scores, publish_run):
    due = Maturity("定存宝", "term", date(2026, 12, 3), 600_000_50)
    profiles = [Profile(one.customer_id, MappingProxyType({}), (due,)) for one in scores]
    publish_run(extras=RunExtras(profiles))
    found = client.get(RISK.format("c1"), params={"include": "maturities"}).json()
    assert found["maturities"] == [
        {"product": "定存宝", "product_class": "term", "matures_on": "2026-12-03", "balance": 600_000.5}
    ]


def test_many_customers_in_the_order_asked_for(client):
    asked = {"customer_ids": ["c3", "nobody", "c6", "c1", "c3"]}
    found = client.post("/v1/customers/risk?language=zh", json=asked).json()
    shown = [(one["status"], one.get("customer_id")) for one in found["customers"]]
    assert shown == [
        ("scored", "c3"),
        ("unknown", None),
        ("excluded", "c6"),
        ("scored", "c1"),
        ("scored", "c3"),
    ]
    alone = client.get(RISK.format("c1") + "?language=zh").json()
    assert found["customers"][3] == alone
    assert found["run_id"] == "run-1"


@pytest.mark.parametrize("ids", [[], ["c1"] * 1_001, [" a"], [""], [1], "c1", None])
def test_a_batch_that_is_empty_too_long_or_malformed_is_refused(client, ids):
    assert client.post("/v1/customers/risk", json={"customer_ids": ids}).status_code == 422


def test_a_batch_of_a_thousand_and_a_field_too_many(client):
    asked = {"customer_ids": ["c1"] * 999 + ["c4"]}
    assert len(client.post("/v1/customers/risk", json=asked).json()["customers"]) == 1_000
    assert client.post("/v1/customers/risk", json=asked | {"limit": 1}).status_code == 422


def test_an_analyst_asks_for_many_by_pseudonym_and_learns_none_from_a_number(client, bearer):
    head = bearer("analyst")
    shown = client.get("/v1/managers/M1/list", headers=head).json()["customers"]
    pseudonym = shown[0]["customer_id"]
    asked = {"customer_ids": [pseudonym, "c1"]}
    found = client.post("/v1/customers/risk", json=asked, headers=head).json()["customers"]
    assert (found[0]["customer_id"], found[1]) == (pseudonym, {"status": "unknown"})


def audited(published):
    with published.read() as connection:
        return [(one.actor, one.action, one.subject) for one in entries(connection)]


def test_an_opt_out_and_its_withdrawal(client, published):
    path, today = "/v1/customers/c1/opt-out", datetime.now(UTC).date().isoformat()
    since = client.put(path).json()["opted_out_since"]
    assert today <= since <= datetime.now(UTC).date().isoformat()
    assert client.put(path).json()["opted_out_since"] == since
    shown = client.get(RISK.format("c1"), params={"include": "contacts"}).json()
    assert (shown["opted_out_since"], shown["contacts"]) == (since, [])
    assert client.delete(path).json()["opted_out_since"] is None
    assert client.delete(path).status_code == 200
    shown = client.get(RISK.format("c1"), params={"include": "contacts"}).json()
    assert shown["opted_out_since"] is None
    entries = [("the crm", "opt out", "c1"), ("the crm", "withdraw opt-out", "c1")]
    assert audited(published) == entries


def test_a_name_in_a_note_is_masked_for_analysts(client, bearer):
    sent = {"customer_id": "c1", "manager_id": "M1", "outcome": "undecided", "note": "张伟 will call back"}
    assert client.post("/v1/contacts", json=sent, headers={"Idempotency-Key": "k"}).status_code == 201
    head = bearer("analyst")
    shown = client.get("/v1/managers/M1/list", headers=head).json()["customers"]
    pseudonym = next(one["customer_id"] for one in shown if one["rank"] == 2)  # c1
    found = client.get(RISK.format(pseudonym), params={"include": "contacts"}, headers=head)
    assert "张伟" not in found.text
    assert [one["outcome"] for one in found.json()["contacts"]] == ["undecided"]


def test_an_opt_out_stays_when_the_runs_go(client, published, publish_run):
    client.put("/v1/customers/c1/opt-out")
    publish_run("run-9", date(2027, 6, 7))
    published.prune(1, 1, 130)
    shown = client.get(RISK.format("c1"), params={"include": "contacts"}).json()
    assert (shown["run_id"], shown["opted_out_since"] is None) == ("run-9", False)


DECISION = Decision("c1", "B1", "M1", "beyond_capacity", "less_to_keep", 30_00)


def scored(run, score):
    return ScoredCustomer(**customer_fields(ResponseContext(run), score, DECISION))


def test_a_risk_within_a_horizon_of_the_banks_own_says_its_days(make_run, make_score):
    score = make_score("c1", risk_90d=None, risk_own=0.25)
    shown = customer_fields(ResponseContext(make_run(horizon_days=180)), score, DECISION)
    assert (shown["risk"], shown["horizon_days"]) == (0.25, 180)
    assert [shown[f"risk_{days}d"] for days in (30, 60, 90)] == [None, None, None]


@pytest.mark.parametrize("risk", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_score_outside_of_0_and_1_is_refused(make_run, make_score, risk):
    with pytest.raises(ValidationError, match="risk_90d"):
        scored(make_run(), make_score("c1", risk_90d=risk))


@pytest.mark.parametrize(
    ("minor", "shown"), [(0, "0.0"), (1, "0.01"), (184_320_050, "1843200.5"), (10**13 + 7, "100000000000.07")]
)
def test_minor_units_become_whole_currency(make_run, make_score, minor, shown):
    answer = scored(make_run(), make_score("c1", aum_minor=minor))
    assert f'"aum":{shown},' in answer.model_dump_json()


def test_each_customer_says_what_was_decided_and_why(client):
    """M1 has two places: c4 and c1 are listed, c2 opted out, c3 would be next; c6 is excluded."""
    names = ["c1", "c2", "c3", "c4", "c6"]
    found = client.post("/v1/customers/risk", json={"customer_ids": names}).json()["customers"]
    first, opted_out, beyond, _, excluded = found
    told = ("decision", "decision_why", "rank", "part", "money_to_keep", "next_step", "decision_until")
    assert [first[name] for name in told] == ["listed", "most_to_keep", 2, "this_week", 52.92, None, None]
    assert first["decision_text"] == "Listed, no. 2: a call is expected to keep 53 CNY."
    assert (opted_out["decision"], opted_out["rank"]) == ("opted_out", None)
    assert [beyond[name] for name in told[:4]] == ["beyond_capacity", "less_to_keep", None, None]
    assert (excluded["code"], "decision" in excluded) == ("too_new", False)
    chinese = client.get(RISK.format("c2"), params={"language": "zh"}).json()
    assert chinese["decision_text"] == "未列入名单：行内记录显示客户不接受营销联系。"
    listed = client.get("/v1/managers/M1/list").json()["customers"]
    assert [one["customer_id"] for one in listed] == ["c4", "c1"]
    assert listed[1].items() <= first.items()


def test_a_list_of_another_branchs_manager_hides_no_decision(
    client, bearer, published, make_run, make_score, make_lists
):
    """c1 is branch B2's, and stands on the list of M1, who is branch B1's."""
    scores = [make_score("c1", branch_id="B2"), make_score("c2")]
    run = make_run("run-2", date(2026, 11, 23), cohort=2, excluded={})
    published.publish(run, scores, (), make_lists(scores, [Manager("M1", "", "B1", 2)]))
    seen = client.get(RISK.format("c1"), headers=bearer("branch_head", branch_id="B2")).json()
    assert (seen["decision"], seen["rank"]) == ("listed", 1)
    other = client.get(RISK.format("c1"), headers=bearer("branch_head", branch_id="B1"))
    assert other.status_code == 404


@pytest.mark.parametrize(
    ("money", "shown"), [("number", "1843200.5"), ("text", '"1843200.50"'), ("minor", "184320050")]
)
def test_money_is_written_as_the_caller_asks(client, money, shown):
    for path in (RISK.format("c1"), "/v1/managers/M1/list", "/v1/branches/B1/summary"):
        answer = client.get(path, params={"money": money})
        assert f'"aum":{shown}' in answer.text or path.endswith("summary"), path
        amount = answer.json()["aum" if path.endswith("summary") else "currency"]
        assert not path.endswith("summary") or isinstance(
            amount, {"number": float, "text": str, "minor": int}[money]
        )
    assert client.get(RISK.format("c1"), params={"money": "cents"}).status_code == 422
