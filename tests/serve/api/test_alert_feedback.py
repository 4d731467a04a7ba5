"""Verdicts on alerts: recorded once, the newest counts, figures only of enough of them."""

from datetime import UTC, datetime

import pytest

from serve.store import alert_feedback
from serve.store.alert_feedback import AlertFeedback
from serve.store.contacts import Author

pytestmark = pytest.mark.either_store
LI = Author("li", b"k" * 32)


def evaluated(client, customer, feedback, key, **more):
    sent = {"feedback": feedback, "manager_id": "M1"} | more
    address = f"/v1/customers/{customer}/alert-feedback"
    return client.post(address, json=sent, headers={"Idempotency-Key": key})


def test_a_verdict_is_recorded_once_and_the_newest_on_a_customer_in_a_run_counts(client, bearer, published):
    first = evaluated(client, "c1", "wrong", "k1")
    assert first.status_code == 201
    verdict = first.json()["alert_feedback"]
    assert (verdict["reason_group"], verdict["run_id"]) == ("outflow", "run-1")
    assert evaluated(client, "c1", "wrong", "k1").content == first.content
    assert evaluated(client, "c1", "useful", "k1").status_code == 409
    assert evaluated(client, "c1", "useful", "k2").status_code == 201
    assert evaluated(client, "c4", "own_transfer", "k3").json()["alert_feedback"]["reason_group"] == ""
    refused = [("c6", "useful", 404), ("c99", "useful", 404), ("c1", "perhaps", 422)]
    assert [evaluated(client, *sent, "k9").status_code for *sent, _ in refused] == [404, 404, 422]
    answer = client.get("/v1/alert-feedback?limit=2").json()
    following = client.get("/v1/alert-feedback", params={"cursor": answer["next_cursor"]}).json()
    assert [[one["feedback"] for one in page["alert_feedback"]] for page in (answer, following)] == [
        ["wrong", "useful"], ["own_transfer"],
    ]  # fmt: skip
    with published.read() as connection:
        newest = alert_feedback.newest_of(connection, "run-1", ["c1", "c3"])
        assert {name: one.feedback for name, one in newest.items()} == {"c1": "useful"}
    few = client.get("/v1/alert-feedback/precision", headers=bearer("analyst")).json()
    assert few["overall"] == {
        "group": "all", "evaluated": 2, "useful": None, "share": None, "interval": None,
    }  # fmt: skip
    assert [(one["group"], one["evaluated"]) for one in few["by_manager"]] == [("M1", 2)]
    assert client.get("/v1/alert-feedback/precision").json()["by_manager"] == []
    analyst = client.get("/v1/alert-feedback", headers=bearer("analyst")).json()["alert_feedback"]
    assert not {"c1", "c4"} & {one["customer_id"] for one in analyst}


def test_precision_is_the_share_of_the_judged_with_its_interval(client, published):
    """Of ten alerts about money that leaves eight were useful: 0.8, Wilson's interval [0.490, 0.943]."""
    at = datetime(2026, 11, 17, tzinfo=UTC)
    with published.write() as connection:
        for number in range(13):
            reason = "outflow" if number < 10 else "salary"
            verdict = ("useful", "useful", "wrong", "useful", "useful")[number % 5]
            one = AlertFeedback(f"k{number}", f"c{number}", "M1", "run-1", reason, verdict, at)
            alert_feedback.record(connection, one, LI)
    answer = client.get("/v1/alert-feedback/precision").json()
    outflow, salary = answer["by_reason"]
    assert (outflow["group"], outflow["evaluated"], outflow["useful"], outflow["share"]) == (
        "outflow",
        10,
        8,
        0.8,
    )
    assert outflow["interval"] == pytest.approx([0.490, 0.943], abs=5e-4)
    assert (salary["evaluated"], salary["useful"], salary["share"]) == (3, None, None)
    assert answer["overall"]["share"] == pytest.approx(10 / 13)
