"""A proposal who takes over whom: accepted once, then a file, by the head of that branch alone."""

import re
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update

from configs.branch_rows import Handover
from serve.pages.handovers import _csv
from serve.store import audit, tables
from serve.store.handovers import Proposal
from serve.store.store import Store
from tests.serve.pages.published_bank import EVIL, HANDOVERS

PAGE, PLACED = "/branches/B1/handovers", HANDOVERS[0].customer_id


def _run(page):
    return re.search(r'name="run" value="([^"]+)"', page.text)[1]


def _accept(client, page, manager="M9", path=PAGE):
    seal = re.search(r'name="seal" value="(\w+)"', page.text)[1]
    return client.post(path, data={"seal": seal, "run": _run(page), "manager": manager})


def test_a_proposal_is_accepted_once_and_then_a_file(signed_in, store_url):
    client = signed_in("branch_head", branch_id="B1")
    assert PAGE in client.get("/branches/B1").text
    page = client.get(PAGE)
    text = " ".join(page.text.split())
    for words in ("Customers of M9", "1 stay unassigned", "2 → 3", PLACED, "Accept this proposal"):
        assert words in text, words
    assert EVIL not in text
    assert client.get(f"{PAGE}/file?manager=M9").status_code == 404  # nobody has accepted it
    answers = [_accept(client, page) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    accepted = client.get(answers[0].headers["location"])
    assert "Accepted by" in accepted.text
    assert "Accept this proposal" not in accepted.text
    with Store(store_url) as store, store.read() as connection:
        rows = connection.execute(select(tables.handover_acceptances)).all()
        entries = connection.execute(
            select(audit.audit.c.actor, audit.audit.c.action, audit.audit.c.subject)
        ).all()
    assert [(row.branch_id, row.from_manager_id) for row in rows] == [("B1", "M9")]
    assert [tuple(row) for row in entries if row.action == "accept handover"] == [
        (rows[0].accepted_by, "accept handover", "B1")
    ]
    csv = client.get(f"{PAGE}/file?manager=M9").text.splitlines()
    assert csv == ["customer_id,branch_id,from_manager_id,to_manager_id", f"{PLACED},B1,M9,M2"]
    book = client.get(f"{PAGE}/file?manager=M9&kind=xlsx")
    assert book.content == client.get(f"{PAGE}/file?manager=M9&kind=xlsx").content
    sheet = load_workbook(BytesIO(book.content)).active
    assert [cell.value for cell in sheet[2]] == [PLACED, "B1", "M9", "M2"]
    with Store(store_url) as store, store.write() as connection:  # as if it had been a run before this
        connection.execute(update(tables.handover_acceptances).values(run_id="2026-11-02-earlier"))
    later = client.get(PAGE)
    for words in ("Accepted by", "Show the accepted proposal", "Accept this proposal"):
        assert words in later.text, words
    assert client.get(f"{PAGE}/file?manager=M9").status_code == 404
    assert "Workbook" in client.get(_accept(client, later).headers["location"]).text
    assert "接手" in client.get(PAGE, headers={"Accept-Language": "zh"}).text
    with Store(store_url) as store, store.at_run() as session:  # who is in charge has not changed
        assert session.scores([PLACED])[PLACED].manager_id is None


def test_nobody_else_sees_or_accepts(signed_in):
    page = signed_in("branch_head", branch_id="B1").get(PAGE)
    other = signed_in("branch_head", branch_id="B2")
    assert other.get(PAGE).status_code == 404
    assert other.get(f"{PAGE}/file?manager=M9").status_code == 404
    own = other.get("/branches/B2/handovers")
    assert "Nothing to hand over" in own.text
    assert _accept(other, page).status_code in (403, 404)
    for role, claims in (("manager", {"manager_id": "M1"}), ("analyst", {}), ("head_office", {})):
        assert signed_in(role, **claims).get(PAGE).status_code == 403
    assert signed_in("crm").get(PAGE).status_code == 200


@pytest.mark.parametrize("manager", ["M1", "nobody"])
def test_only_what_is_proposed_can_be_accepted(signed_in, manager):
    client = signed_in("admin")
    assert _accept(client, client.get(PAGE), manager).status_code == 404


def test_what_another_run_proposed_or_nobody_takes_is_not_accepted(signed_in, store_url):
    """Who takes over in the run of the form may have left by the one that is served."""
    client = signed_in("branch_head", branch_id="B1")
    page = client.get(PAGE)
    with Store(store_url) as store:
        with store.write() as connection:
            connection.execute(update(tables.handovers).values(to_manager_id=None))
        assert _accept(client, page).status_code == 404
        with store.write() as connection:
            connection.execute(update(tables.handovers).values(to_manager_id="M2"))
        store.rollback()
        older = client.get(PAGE, params={"run": _run(page)})
        assert "M2" in older.text
        assert "Accept this proposal" not in older.text
        answer = _accept(client, page)
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        with store.read() as connection:
            assert connection.execute(select(tables.handover_acceptances)).all() == []


def test_a_spreadsheet_computes_nothing_of_the_file(make_score):
    row = Handover("=1+1", "-B1", "+M9", "@M2")
    proposal = Proposal("+M9", "", ((row, make_score("=1+1")),), (), None)
    assert _csv(proposal).decode().splitlines()[1] == "'=1+1,'-B1,'+M9,'@M2"
