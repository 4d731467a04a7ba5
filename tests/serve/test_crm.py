"""A CRM's way through the documents: webhook, tasks in its own PostgreSQL, calls sent and fetched back."""

import base64
import json
import re
import urllib.request
from dataclasses import replace
from datetime import UTC, date, datetime

import psycopg
import pytest

from configs.bank_folder import load_settings
from configs.published import Manager
from pipeline.context import Context
from pipeline.outward.announcements import KEYS, send
from serve.app import create_app
from serve.client import Client
from tests.databases import PASSWORD
from tests.pipeline.lists.test_mail import never
from tests.servers import ROOT, served

KEY = f"whsec_{base64.b64encode(bytes((7 * n * n + 3) % 256 for n in range(32))).decode()}"
NEXT = date(2026, 11, 23)
FRIDAY = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


def documented(first_line: str) -> dict:
    """The names of the block of docs/api.md that begins like this."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    (code,) = re.findall(rf"```python\n({re.escape(first_line)}.+?)```", page, re.S)
    names: dict = {}
    exec(code, names)
    return names


@pytest.fixture
def crm(postgres):
    """The CRM's own database."""
    postgres.sql("DROP DATABASE IF EXISTS crm")
    postgres.sql("CREATE DATABASE crm")
    where = {"host": "127.0.0.1", "port": postgres.port, "user": "reader", "password": PASSWORD}
    with psycopg.connect(dbname="crm", autocommit=True, **where) as connection:
        yield connection


@pytest.fixture
def bank(store_url, receiver, tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS, KEY)
    settings = load_settings("demo", {"announcements": {"webhook": receiver.address}})
    return Context(settings, tmp_path, store=store_url)


@pytest.mark.either_store("postgresql")
@pytest.mark.usefixtures("published")
def test_a_crm_takes_tasks_and_gives_calls_back(
    service, store, bank, crm, receiver, token_of, scores, exclusions, make_lists, make_run
):
    load, verified = documented("import psycopg")["load"], documented("import base64")["verified"]
    with served(create_app(service)) as port:
        client = Client(f"http://127.0.0.1:{port}", lambda: token_of("crm"), tries=1)
        assert load(client, crm) == "run-1"
        tasks = crm.execute("SELECT customer_id, rank FROM tasks WHERE manager_id = 'M1' ORDER BY rank")
        assert tasks.fetchall() == [("c4", 1), ("c1", 2)]
        (page,) = client.manager_list("M1")
        tasks = crm.execute("SELECT customer_id, rank, next_step FROM tasks WHERE manager_id = 'M1'")
        listed = [(row.customer_id, row.rank, row.next_step) for row in page.customers]
        assert sorted(tasks.fetchall()) == sorted(listed)
        (reason,) = crm.execute("SELECT reason FROM tasks WHERE customer_id = 'c1'").fetchone()
        assert reason == "Moved 480,000 CNY to other banks"

        later = tuple(replace(score, risk_90d=0.3) for score in scores if score.customer_id != "c4")
        lists = make_lists(later, [Manager("M1", "张伟", "B1", 2)])
        store.publish(make_run("run-2", NEXT, cohort=len(later)), later, exclusions, lists)
        send(bank, never)
        headers, body = receiver.requests[-1]
        message = verified(body, headers, KEY, set())
        assert (message["data"]["run_id"], message["data"]["changes"]) == (
            "run-2", "/v1/exports/changes?since=run-1",
        )  # fmt: skip
        assert load(client, crm) == load(client, crm) == "run-2"
        kept = crm.execute("SELECT customer_id, rank, money_to_keep > 0 FROM tasks WHERE manager_id = 'M1'")
        assert sorted(kept.fetchall()) == [("c1", 1, True), ("c3", 2, True)]

        def asked(path: str, sent: object = None) -> dict:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/v1{path}",
                None if sent is None else json.dumps(sent).encode(),
                {"Authorization": f"Bearer {token_of('crm')}", "Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)

        friday = [
            {"key": f"crm-{customer}", "customer_id": customer, "manager_id": "M1", "outcome": outcome,
             "channel": "phone", "contacted_at": FRIDAY.isoformat()}
            for customer, outcome in (("c1", "undecided"), ("c99", "leaving"), ("c3", "no_answer"))
        ]  # fmt: skip
        first = asked("/contacts/batch", {"contacts": friday})
        assert [answer["status"] for answer in first["answers"]] == ["recorded", "refused", "recorded"]
        again = asked("/contacts/batch", {"contacts": friday})
        fetched = asked("/contacts")
        assert [entry["customer_id"] for entry in fetched["contacts"]] == ["c1", "c3"], again
        assert {datetime.fromisoformat(entry["contacted_at"]) for entry in fetched["contacts"]} == {FRIDAY}
        assert asked(f"/contacts?cursor={fetched['next_cursor']}")["contacts"] == []
