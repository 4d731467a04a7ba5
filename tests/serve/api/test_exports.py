"""Exports: the same rows in every format, of whom the role may see, masked, audited, and of one run alone."""

import csv
import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from configs.errors import DataError
from serve.api import export_formats, exports
from serve.api.export_formats import COLUMNS
from serve.app import create_app
from serve.auth.policy import POLICY, Role
from tests.serve.conftest import SHOWN

MONEY = [name for name, kind in COLUMNS.items() if kind == "money"]
SCORES, CHANGES = "/v1/exports/scores", "/v1/exports/changes"


def lines(response):
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def sheet(response):
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def test_every_score_by_number_as_a_line_of_json(client):
    response = client.get(SCORES)
    rows = lines(response)
    assert [row["customer_id"] for row in rows] == ["c1", "c2", "c3", "c4", "c5"]
    assert rows[0] == dict.fromkeys(COLUMNS) | SHOWN | {
        "snapshot_date": "2026-11-16",
        "run_id": "run-1",
        "model_id": "model-1",
        "kind": "scored",
        "customer_id": "c1",
        "money_at_risk": 300.0,
        "risk_90d": 0.412,
        "risk": 0.412,
        "horizon_days": 90,
        "risk_band": "high",
        "reason_1_group": "outflow",
        "reason_1": "Moved 480,000 CNY to other banks",
        "decision": "listed",
        "decision_why": "most_to_keep",
        "decision_text": "Listed, no. 2: a call is expected to keep 53 CNY.",
        "rank": 2,
        "part": "this_week",
        "money_to_keep": 52.92,
        "channel": "phone",
        "rests_on": "setting",
        "rests_on_text": "An assumption, not yet measured here",
    }
    assert response.headers["attrition-run"] == "run-1"
    assert response.headers["attrition-snapshot-date"] == "2026-11-16"
    assert response.headers["cache-control"] == "no-store"


def test_the_formats_hold_the_same_rows(client):
    rows = lines(client.get(SCORES, params={"language": "zh"}))
    flat = sheet(client.get(SCORES, params={"language": "zh", "format": "csv"}))
    table = pq.read_table(
        io.BytesIO(client.get(SCORES, params={"language": "zh", "format": "parquet"}).content)
    )
    assert table.column_names == list(flat[0]) == list(COLUMNS)
    assert table.schema.field("aum").type == pa.decimal128(18, 2)
    for row, text, typed in zip(rows, flat, table.to_pylist(), strict=True):
        assert typed == row | {name: Decimal(f"{row[name]:.2f}") for name in MONEY}
        assert text["aum"] == "1843200.50"
        assert (text["marketing_opt_out"], text["risk_30d"]) == (str(row["marketing_opt_out"]).lower(), "")
        assert text["reason_1"] == (row["reason_1"] or "")
    assert rows[0]["reason_1"] == "近 4 周转往他行 480,000 元"


def test_money_is_written_as_the_caller_asks(client):
    for money, types, aum in (
        ("number", (float, "1843200.50", pa.decimal128(18, 2)), 1843200.5),
        ("text", (str, "1843200.50", pa.string()), "1843200.50"),
        ("minor", (int, "184320050", pa.int64()), 184320050),
    ):
        asked = {"money": money}
        row = lines(client.get(SCORES, params=asked))[0]
        assert {type(row[name]) for name in MONEY} == {types[0]}
        assert row["aum"] == aum
        assert sheet(client.get(SCORES, params=asked | {"format": "csv"}))[0]["aum"] == types[1]
        whole = client.get(SCORES, params=asked | {"format": "parquet"})
        table = pq.read_table(io.BytesIO(whole.content))
        assert {table.schema.field(name).type for name in MONEY} == {types[2]}
        assert table["aum"].to_pylist()[0] == (Decimal("1843200.50") if money == "number" else aum)
    assert client.get(SCORES, params={"money": "cents"}).status_code == 422


def test_changes_tell_of_a_customer_whose_place_alone_changed(
    client, published, make_run, scores, exclusions, lists
):
    """c4 and c1 change places; c3's decision has another reason; nobody's score changes."""
    own, *others = lists
    turned = {"c1": {"rank": 1}, "c4": {"rank": 2}, "c3": {"why": "edge"}}
    decisions = tuple(replace(one, **turned.get(one.customer_id, {})) for one in own.decisions)
    now = replace(own, decisions=decisions)
    published.publish(make_run("run-2", date(2026, 11, 23)), scores, exclusions, [now, *others])
    rows = lines(client.get(CHANGES, params={"since": "run-1"}))
    shown = [(row["kind"], row["customer_id"], row["rank"], row["decision_why"]) for row in rows]
    assert shown == [
        ("changed", "c1", 1, "most_to_keep"),
        ("changed", "c3", None, "edge"),
        ("changed", "c4", 2, "most_to_keep"),
    ]


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\ttab", '="a"&"b"'])
def test_a_spreadsheet_computes_nothing(client, store, make_run, make_score, make_lists, exclusions, evil):
    scores = [make_score("c1", tier=evil)]
    store.publish(make_run(cohort=1), scores, exclusions, make_lists(scores))
    (row,) = sheet(client.get(SCORES, params={"format": "csv"}))
    assert row["tier"] == f"'{evil}"
    assert lines(client.get(SCORES))[0]["tier"] == evil


@pytest.fixture
def second(published, make_run, make_score, make_lists, scores, exclusions):
    """On the second Monday c1 has gone, c3 is riskier and c9 is new."""
    riskier = make_score("c3", 100_00, risk_band="low", risk_90d=0.02)
    now = [*(one for one in scores if one.customer_id not in ("c1", "c3")), riskier, make_score("c9")]
    published.publish(make_run("run-2", date(2026, 11, 23)), now, exclusions, make_lists(now))
    return published


@pytest.mark.usefixtures("second")
def test_the_changes_turn_one_run_into_the_next(client):
    rows = lines(client.get(CHANGES, params={"since": "run-1"}))
    shown = [(row["kind"], row["customer_id"], row["risk_90d"]) for row in rows]
    assert shown == [("removed", "c1", None), ("changed", "c3", 0.02), ("added", "c9", 0.412)]
    gone = dict.fromkeys(COLUMNS) | {"kind": "removed", "customer_id": "c1", "run_id": "run-2"}
    assert rows[0] == gone | {"snapshot_date": "2026-11-23", "model_id": "model-1"}
    copy = {row["customer_id"] for row in lines(client.get(SCORES))}
    assert copy == {"c2", "c3", "c4", "c5", "c9"}
    assert lines(client.get(CHANGES, params={"since": "run-2"})) == []
    flat = sheet(client.get(CHANGES, params={"since": "run-1", "format": "csv"}))
    assert [row["kind"] for row in flat] == ["removed", "changed", "added"]
    nothing = client.get(CHANGES, params={"since": "run-2", "format": "parquet"})
    assert pq.read_table(io.BytesIO(nothing.content)).num_rows == 0


@pytest.mark.usefixtures("second")
def test_changes_since_a_run_that_is_gone_are_410(client):
    gone = client.get(CHANGES, params={"since": "run-0"})
    assert (gone.status_code, "full export" in gone.json()["remedy"]) == (410, True)
    assert client.get(CHANGES).status_code == 422
    assert client.get(SCORES, params={"format": "xls"}).status_code == 422


def test_a_customer_who_changes_hands_is_removed_for_one_and_added_for_the_other(
    client, bearer, published, make_run, make_lists, make_score, scores, exclusions
):
    moved = [
        *(one for one in scores if one.customer_id != "c3"),
        make_score("c3", branch_id="B2", manager_id="M3"),
    ]
    published.publish(make_run("run-2", date(2026, 11, 23)), moved, exclusions, make_lists(moved))
    for branch, kind in (("B1", "removed"), ("B2", "added")):
        head = bearer("branch_head", branch_id=branch)
        (row,) = lines(client.get(CHANGES, params={"since": "run-1"}, headers=head))
        assert (row["kind"], row["customer_id"]) == (kind, "c3")


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
@pytest.mark.parametrize("path", [SCORES, CHANGES])
def test_analysts_get_pseudonyms_in_every_format(client, bearer, path, form):
    asked = {"since": "run-1", "format": form} if path == CHANGES else {"format": form}
    response = client.get(path, params=asked, headers=bearer("analyst"))
    read = {
        "ndjson": lines,
        "csv": sheet,
        "parquet": lambda one: pq.read_table(io.BytesIO(one.content)).to_pylist(),
    }[form]
    shown = [row["customer_id"] for row in read(response)]
    assert all(len(one) > 20 for one in shown)
    assert len(set(shown)) == len(shown) > 2
    if path == SCORES:
        listed = client.get("/v1/managers/M1/list", headers=bearer("analyst")).json()["customers"]
        assert {one["customer_id"] for one in listed} <= set(shown)


def test_no_column_but_the_number_would_have_to_be_masked():
    masked = POLICY["export_scores"].grants[Role.ANALYST].masked
    assert set(COLUMNS) & masked == {"customer_id"}


def test_head_makes_no_more_rows_than_tell_whether_there_are_any(client, monkeypatch, access_entries):
    monkeypatch.setattr(export_formats, "BATCH", 1)
    made, figures = [], exports._figures
    monkeypatch.setattr(exports, "_figures", lambda *given: made.append(given) or figures(*given))
    for form in ("ndjson", "csv", "parquet"):
        answers, rows = {}, {}
        for method in ("HEAD", "GET"):
            made.clear()
            answer = client.request(method, f"/v1/exports/scores?format={form}")
            rows[method] = len(made)
            answers[method] = {
                name: content
                for name, content in answer.headers.items()
                if name not in ("x-request-id", "ratelimit", "date")
            }
        assert answers["HEAD"] == answers["GET"]
        if form == "ndjson":
            assert rows == {"HEAD": 1, "GET": 5}
    entries = [entry for entry in access_entries() if entry.action == "export"]
    assert len({entry.details["request_id"] for entry in entries}) == 6
    assert len({(entry.actor, entry.subject, entry.details["customers"]) for entry in entries}) == 1


def test_an_export_that_is_held_is_not_sent_again(client, bearer, publish_run):
    first = client.get(SCORES)
    held = {"If-None-Match": first.headers["etag"]}
    assert client.get(SCORES, headers=held).status_code == 304
    for other in ({"format": "csv"}, {"language": "zh"}):
        assert client.get(SCORES, params=other, headers=held).status_code == 200
    for role in (bearer("analyst"), bearer("branch_head", branch_id="B1")):
        assert client.get(SCORES, headers=held | role).status_code == 200
    publish_run()
    assert client.get(SCORES, headers=held).status_code == 200


def test_an_export_counts_as_many_customers_as_it_may_tell_of(
    service, bearer, published, access_entries, make_run, make_score, make_lists, exclusions
):
    """Branch B2 has two of six: the first alarm is of a head's second export, which makes four."""
    here = [make_score(f"c{place}") for place in range(1, 5)]
    scores = [*here, *(make_score(f"d{place}", branch_id="B2") for place in range(2))]
    later = make_run("run-2", date(2026, 11, 23), cohort=6)
    published.publish(later, scores, exclusions, make_lists(scores))
    low = service.model_copy(update={"alarm_answers": 3})
    with TestClient(create_app(low), headers=bearer("branch_head", branch_id="B2")) as client:
        for path in (SCORES, f"{CHANGES}?since=run-2", f"{CHANGES}?since=run-1"):
            tag = client.get(path).headers["etag"]
            assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    told = [(entry.action, entry.details.get("customers")) for entry in access_entries()]
    (alarm,) = (entry for entry in access_entries() if entry.action == "alarm")
    exported = [("export", number) for number in (2, 0, 0, 0, 2)]
    assert told == [*exported, ("alarm", None), ("export", 0)]
    assert (alarm.subject, alarm.details["answers"]) == ("the branch_head", 4)


def test_each_export_is_one_entry_before_its_first_byte(client, access_entries, monkeypatch):
    client.get(SCORES)
    client.get(CHANGES, params={"since": "run-1"})
    logged = access_entries()
    assert {(entry.actor, entry.action, entry.subject) for entry in logged} == {
        ("the crm", "export", "run run-1")
    }
    # The changes are since the very run that is served.
    told = [(entry.details["route"], entry.details["customers"]) for entry in logged]
    assert told == [("export_scores", 5), ("export_changes", 0)]

    async def fails(_entries):
        raise DataError("the disk is full")

    monkeypatch.setattr(client.app.state.access_log, "write", fails)
    refused = client.get(SCORES)
    assert (refused.status_code, "c1" in refused.text) == (503, False)


@pytest.mark.parametrize("path", [SCORES, f"{CHANGES}?since=run-0"])
def test_an_export_is_of_one_publication_whatever_is_published_meanwhile(
    client, publish_run, monkeypatch, path
):
    monkeypatch.setattr(export_formats, "BATCH", 2)
    publish_run("run-0", date(2026, 11, 9))
    store = client.app.state.store
    real = store.decided

    def scores(*asked):
        for place, score in enumerate(real(*asked)):
            yield score
            if place == 3:  # the first piece has left
                publish_run("run-1")

    before = client.get(path, headers={"If-None-Match": ""})
    monkeypatch.setattr(store, "decided", scores)
    during = client.get(path)
    assert (during.text, during.headers["etag"]) == (before.text, before.headers["etag"])
    assert store.engine.pool.checkedout() == 0

    def late(*asked):
        publish_run("run-1")
        yield from real(*asked)

    monkeypatch.setattr(store, "decided", late)
    gone = client.get(path)
    assert (gone.status_code, "Begin again" in gone.json()["remedy"]) == (410, True)
