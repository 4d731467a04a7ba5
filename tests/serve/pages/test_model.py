"""The page of the model: runs, predicted beside observed, drift."""

import re
from datetime import UTC, datetime

import pytest

from serve.pages.figures import model_verdict
from serve.store.alert_feedback import AlertFeedback, record
from serve.store.contacts import Author
from serve.store.store import Store
from tests.serve.pages import published_bank

RECORDED = datetime(2026, 11, 17, 9, tzinfo=UTC)


def test_predicted_stands_beside_observed(signed_in):
    page = signed_in("analyst").get("/model")
    assert page.status_code == 200
    table = page.text[page.text.index('aria-labelledby="predicted"') :]
    days = re.findall(r'<th scope="row">(\d+ \w+ 2026)</th>', table)[:3]
    assert days == ["12 Oct 2026", "5 Oct 2026", "28 Sep 2026"]
    first = re.search(r'<tr><th scope="row">28 Sep 2026</th>.*?</tr>', table)[0]
    assert re.findall(r'number">([^<]+)<', first) == [
        "4.0%", "4.3%", "61,000,000", "58,000,000", "0.846", "61%", "92 / 480",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("alarms", "groups", "drifted", "reading"),
    [
        (0, [{}], 0, ("good", {})),
        (0, [], 0, ("early", {})),
        (2, [{}], 0, ("look", {"alarms": 2})),
        (0, [], 3, ("look", {"drifted": 3})),
        (1, [{}], 3, ("look", {"alarms": 1, "drifted": 3})),
    ],
)
def test_the_verdict_rests_on_predictions_and_drift(alarms, groups, drifted, reading):
    assert model_verdict({"alarms": alarms, "groups": groups}, {"drifted": drifted}) == reading
    assert model_verdict(None, None) == ("early", {})


def test_the_verdict_stands_first_and_leads_to_why(signed_in):
    page = signed_in("analyst").get("/model").text
    first = page[page.index("<section") : page.index("</section>")]
    assert "Look into it" in first
    assert re.findall(r'href="(#\w+)"', first) == ["#calibration", "#drift"]


def weekly_rows(page: str) -> list[list[str]]:
    """The rows of the weekly comparison, with their texts."""
    table = page[page.index('aria-labelledby="calibration"') :]
    table = table[: table.index("</section>")]
    rows = re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", table)
    return [re.findall(r">([^<]+)<", row) for row in rows]


def test_each_week_says_what_lies_within_noise(signed_in):
    page = signed_in("analyst").get("/model").text
    rows = weekly_rows(page)
    figures = ["30", "5 Oct 2026", "1,900", "24.6", "31", "within noise"]
    assert rows[0] == ["All", *figures, "1.25 of 240"]
    assert [row[0] for row in rows] == ["All", "Wealth", "High"]
    assert "Alarms: 1." in page


def test_branches_are_compared_for_admin_alone_and_alarms_come_first(signed_in):
    for role, claims in (
        ("analyst", {}),
        ("branch_head", {"branch_id": "B1"}),
        ("manager", {"manager_id": "M1"}),
    ):
        assert "B2" not in str(weekly_rows(signed_in(role, **claims).get("/model").text))
    rows = weekly_rows(signed_in("admin").get("/model").text)
    assert [row[0] for row in rows] == ["All", "Wealth", "High", "B2", "B1"]
    assert rows[3][-2:] == ["more left than predicted since 2 Nov 2026", "512 of 240"]


def test_features_that_moved_are_named_with_a_reading(signed_in):
    page = signed_in("analyst").get("/model").text
    assert "463 features compared with 31 Aug 2026" in page
    assert re.search(r"login_count_4w</code></th><td class=\"number\">0.270</td><td>drifted", page)
    assert re.search(r"aum_change_13w</code></th><td class=\"number\">0.020</td><td>stable", page)


def test_the_last_runs_and_the_one_served(signed_in):
    page = signed_in("analyst").get("/model").text
    table = page[page.index('id="runs"') :]
    runs = [published_bank.run(week).run_id for week in range(7, -1, -1)]
    assert re.findall(r"<code>(2026-[\w-]+)</code>", table) == runs
    assert len(re.findall("served", table)) == 1


def test_no_customer_stands_on_it(signed_in):
    page = signed_in("analyst").get("/model").text
    assert not any(number in page for number in published_bank.OF)


def test_verdicts_on_alerts_are_counted_by_reason_and_by_manager_for_admin_alone(signed_in, store_url):
    """Of ten newest verdicts one is useful and one was known; the same alert judged again counts once. Below
    ten only their number is told."""
    given = [
        ("c1", "M1", "outflow", "wrong"),
        ("c1", "M1", "outflow", "useful"),
        ("c2", "M1", "outflow", "wrong"),
        ("c3", "M2", "", "already_known"),
        ("c4", "M2", "salary", "other"),
        *((f"d{number}", "M2", "outflow", "wrong") for number in range(6)),
    ]
    author = Author("M1", b"k" * 32)
    with Store(store_url) as store, store.write() as connection:
        for key, (customer, manager, reason, feedback) in enumerate(given):
            verdict = AlertFeedback(
                f"key-{key}", customer, manager, published_bank.run(7).run_id, reason, feedback, RECORDED
            )
            record(connection, verdict, author)
    by_reason = [
        ["All", "10", "10% ", "2%–40%", "20%"], ["moving money to other banks", "8", "–", "–"],
        ["–", "1", "–", "–"], ["salary stopped or fell", "1", "–", "–"],
    ]  # fmt: skip
    assert precisions(signed_in("analyst")) == by_reason
    assert precisions(signed_in("admin")) == [*by_reason, ["M2", "8", "–", "–"], ["M1", "2", "–", "–"]]


def precisions(client):
    part = client.get("/model").text.split('id="precision"')[1].split("</section>")[0]
    return [re.findall(r">([^<]+)<", row) for row in re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", part)]
