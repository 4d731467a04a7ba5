"""Campaigns by the API: previewed, proposed once, decided about by a second person, and their customers."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from configs.branch_rows import Coverage
from configs.published import RunExtras
from serve.store import campaign_members, contacts, tables
from serve.store.contacts import Author

MONDAY, WEEK = date(2026, 11, 16), timedelta(weeks=1)
PLAN = {"title": "Term deposits roll over", "rule": {"stages": ["mature"]}, "size": 2, "channel": "phone",
        "starts_on": "2026-11-23", "ends_on": "2026-12-21", "control_share": 0.5}  # fmt: skip


@pytest.fixture
def published(store, scores, exclusions, lists, make_run):
    coverage = [Coverage("B1", "M1", 4, 4, 0, 0, 0), Coverage("B1", "", 1, 1, 0, 0, 0)]
    store.publish(make_run(), scores, exclusions, lists, RunExtras(coverage=coverage))
    return store


def propose(client, headers, key="k1", **changes):
    return client.post("/v1/campaigns", json=PLAN | changes, headers=headers | {"Idempotency-Key": key})


def decide(client, headers, campaign_id, decision, why=""):
    sent = {"decision": decision, "why": why}
    return client.post(f"/v1/campaigns/{campaign_id}/approval", json=sent, headers=headers)


def kind(answer):
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def send(store, campaign_id, names):
    """As the pipeline does."""
    of_member = {"campaign_id": campaign_id, "until": MONDAY + 14 * WEEK, "tier": "affluent",
                 "arm": "contact", "lifecycle_stage": "mature", "reason_group": "outflow",
                 "risk_band": "high", "risk": 0.4,
                 "money_at_risk_minor": 300_00, "expected_value_minor": 90_05}  # fmt: skip
    rows = [of_member | {"customer_id": name, "rank": rank} for rank, name in enumerate(names, start=1)]
    with store.write() as connection:
        connection.execute(insert(tables.campaign_members), rows)
        sent = '{"contact": 3, "control": 2, "lasting_control": 1, "left_out": {"listed": 2}}'
        connection.execute(update(tables.campaigns).values(sent_on=MONDAY, run_id="run-1", sent=sent))


@pytest.mark.either_store
def test_from_preview_to_effect(client, published, bearer):
    head, office = bearer("branch_head", branch_id="B1"), bearer("head_office")
    counts = client.post("/v1/campaigns/preview?money=minor", json=PLAN, headers=head).json()
    assert {name: counts[name] for name in ("fits", "free", "contact", "control", "lasting_control")} == {
        "fits": 5, "free": 1, "contact": 0, "control": 1, "lasting_control": None,
    }  # fmt: skip
    assert (counts["left_out"], counts["money_at_risk"]) == ({"listed": 3, "opted_out": 1}, 100_00)
    assert client.get("/v1/campaigns", headers=office).json()["campaigns"] == []  # nothing was recorded
    made = propose(client, head)
    assert made.status_code == 201
    draft = made.json()
    assert (draft["state"], draft["author"], draft["decided"], draft["sent"], draft["effect"]) == (
        "draft", "the branch_head", [], None, None,
    )  # fmt: skip
    assert draft["plan"]["rule"]["branches"] == ["B1"]  # the own branch, though nobody said so
    assert propose(client, head).json()["campaign_id"] == draft["campaign_id"]
    assert kind(propose(client, head, size=3)) == (409, "key-reused")
    number = draft["campaign_id"]
    assert kind(decide(client, head, number, "approve")) == (409, "own-campaign")
    assert kind(decide(client, head, number, "refuse", "no")) == (409, "own-campaign")
    approved = decide(client, office, number, "approve").json()
    assert (approved["state"], [one["by"] for one in approved["decided"]]) == (
        "approved",
        ["the head_office"],
    )
    assert decide(client, office, number, "approve").json() == approved
    assert kind(decide(client, bearer("crm"), number, "refuse", "no")) == (409, "campaign-decided")
    send(published, number, ["c3", "c1", "c5"])
    with published.write() as connection:
        campaign_members.write_result(connection, number, MONDAY, {"state": "collecting", "cost": 150.0})
    seen = client.get(f"/v1/campaigns/{number}", headers=office).json()
    assert seen["sent"] == {
        "contact": 0,
        "control": 0,
        "lasting_control": 0,
        "left_out": {},
    }  # fewer than ten
    assert seen["effect"] == {"state": "collecting", "cost": 0.0}
    entry = client.get(f"/v1/campaigns/{number}", headers=head).json()
    assert entry["sent"] == {"contact": 3, "control": 2, "lasting_control": 1, "left_out": {"listed": 2}}
    assert (entry["state"], entry["effect"]) == ("sent", {"state": "collecting", "cost": 150.0})
    path = f"/v1/campaigns/{number}/members"
    page = client.get(path, params={"limit": 2, "language": "zh"}, headers=head).json()
    assert [(one["customer_id"], one["rank"]) for one in page["customers"]] == [("c3", 1), ("c1", 2)]
    assert page["customers"][0] | {"money_at_risk": 300, "money_to_keep": 90.05} == page["customers"][0]
    assert (page["matching"], page["channel"], page["next_step"]) == (3, "phone", f"电话：{PLAN['title']}")
    rest = client.get(path, params={"cursor": page["next_cursor"]}, headers=head).json()
    assert [one["customer_id"] for one in rest["customers"]] == ["c5"]
    own = client.get(path, headers=bearer("manager", manager_id="M1")).json()
    assert [one["customer_id"] for one in own["customers"]] == ["c3", "c1"]
    with published.write() as connection:
        contacts.opt_out(connection, "c3", datetime(2026, 11, 17, tzinfo=UTC), Author("M1", b"k" * 32))
    assert [one["customer_id"] for one in client.get(path, headers=head).json()["customers"]] == ["c1", "c5"]
    # Who goes between two pages moves nobody from the second to the first.
    rest = client.get(path, params={"cursor": page["next_cursor"]}, headers=head).json()
    assert ([one["customer_id"] for one in rest["customers"]], rest["next_cursor"]) == (["c5"], None)
    assert client.get(path, headers=office).status_code == 403
    gone = decide(client, head, number, "withdraw", "a mistake").json()
    assert (gone["state"], gone["why"]) == ("withdrawn", "a mistake")
    assert client.get(path, headers=head).json()["customers"] == []


@pytest.mark.either_store
@pytest.mark.usefixtures("published")
def test_a_plan_that_cannot_be_is_refused_in_its_place(client, bearer):
    headers = bearer("crm")
    for changes, place in (
        ({"rule": {"branches": ["B2"]}}, "#/rule/branches"),
        ({"rule": {"segments": ["a\0b"]}}, "#/rule/segments/0"),
        ({"rule": {"stages": ["young"]}}, "#/rule"),
        ({"rule": {"nobody": ["x"]}}, "#/rule/nobody"),
        ({"starts_on": "2026-11-24"}, "#/starts_on"),
        ({"ends_on": "2026-11-16"}, "#"),
        ({"control_share": 0.95}, "#/control_share"),
        ({"title": "a\0b"}, "#"),
        ({"size": 0}, "#/size"),
    ):
        for answer in (
            client.post("/v1/campaigns/preview", json=PLAN | changes, headers=headers),
            propose(client, headers, **changes),
        ):
            assert kind(answer) == (422, "invalid-request"), changes
            assert [fault["pointer"] for fault in answer.json()["errors"]] == [place]
    for why in ("", " ", "\0", "x" * 501):
        number = propose(client, headers).json()["campaign_id"]
        assert decide(client, bearer("admin"), number, "refuse", why).status_code == 422, why


@pytest.mark.usefixtures("published")
def test_a_branch_head_decides_about_the_own_branch_and_nobody_else_at_all(client, bearer):
    head, crm = bearer("branch_head", branch_id="B1"), bearer("crm")
    number = propose(client, crm).json()["campaign_id"]
    assert kind(decide(client, head, number, "approve")) == (403, "forbidden")
    for role, claims in (("manager", {"manager_id": "M1"}), ("analyst", {})):
        assert propose(client, bearer(role, **claims)).status_code == 403
        assert decide(client, bearer(role, **claims), number, "approve").status_code == 403
    assert kind(decide(client, crm, "nobody", "approve")) == (404, "unknown-campaign")
    other = client.get(f"/v1/campaigns/{number}", headers=bearer("manager", manager_id="M1"))
    assert kind(other) == (404, "unknown-campaign")  # none of the own customers is in it


def test_pages_of_campaigns(client, bearer, published):
    for place in range(3):
        propose(client, bearer("crm"), key=f"k{place}", title=f"No. {place}")
    with published.write() as connection:
        for place, number in enumerate(("No. 0", "No. 1", "No. 2")):
            row = tables.campaigns.c.title == number
            at = datetime(2026, 11, 16, place)
            connection.execute(update(tables.campaigns).where(row).values(created_at=at))
    first = client.get("/v1/campaigns?limit=2", headers=bearer("analyst")).json()
    rest = client.get(f"/v1/campaigns?cursor={first['next_cursor']}", headers=bearer("analyst")).json()
    titles = [one["plan"]["title"] for page in (first, rest) for one in page["campaigns"]]
    assert titles == ["No. 2", "No. 1", "No. 0"]
