"""A customer's name and telephone: shown to who calls, to analysts and foreigners never, and in no log."""

from dataclasses import replace
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from prometheus_client import REGISTRY, generate_latest

from configs.published import RunExtras
from serve.app import create_app
from serve.workbooks.excel import manager_workbook
from serve.workbooks.sheets import Context

NAME, PHONE, TEL = "Zephyrine Quillfeather", "+44 (7700) 900-123", "tel:+447700900123"
RISK = "/v1/customers/c1/risk"
OWN = ("manager", {"manager_id": "M1"})
SEEING = (OWN, ("branch_head", {"branch_id": "B1"}), ("crm", {}), ("admin", {}))
FOREIGN = (("manager", {"manager_id": "M2"}), ("branch_head", {"branch_id": "B2"}))


@pytest.fixture
def profiles(profiles):
    return (replace(profiles[0], name=NAME, phone=PHONE), *profiles[1:])


@pytest.mark.usefixtures("published")
def test_who_calls_sees_the_name_and_nobody_else_and_no_log_has_it(
    service, bearer, access_entries, caplog, capfd
):
    caplog.set_level("DEBUG")
    person = {"name": NAME, "phone": PHONE}
    with TestClient(create_app(service)) as client:
        for role, claims in SEEING:
            head = bearer(role, **claims)
            page = client.get("/customers/c1", headers=head).text
            assert f"Customer c1 · {NAME}</h1>" in page
            assert f'<a href="{TEL}">{PHONE}</a>' in page
            assert client.get(f"{RISK}?include=person", headers=head).json()["person"] == person
            for path in (RISK, f"{RISK}?include=history"):
                answer = client.get(path, headers=head)
                assert answer.json()["person"] is None
                assert NAME not in answer.text
        for path in ("/lists/M1", "/lists/M1/customers"):
            assert f'<span class="person">{NAME}</span>' in client.get(path, headers=bearer("admin")).text
        for role, claims in FOREIGN:
            for path in ("/customers/c1", f"{RISK}?include=person"):
                answer = client.get(path, headers=bearer(role, **claims))
                assert answer.status_code == 404
                assert NAME not in answer.text
        analyst = bearer("analyst")
        listed = client.get("/v1/managers/M1/list", headers=analyst).json()["customers"]
        for pseudonym in [one["customer_id"] for one in listed]:
            masked = client.get(f"/v1/customers/{pseudonym}/risk?include=person", headers=analyst)
            assert (masked.status_code, masked.json()["person"]) == (200, None)
            assert NAME not in masked.text
        assert client.get("/customers/c1", headers=analyst).status_code == 403
        for path in ("/v1/managers/M1/list", "/v1/export/scores"):
            assert NAME not in client.get(path, headers=bearer("crm")).text
        told = client.post("/v1/customers/risk", headers=bearer("crm"), json={"customer_ids": ["c1"]}).text
    mine = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("http", "asyncio"))
    ]
    kept = [*mine, *capfd.readouterr(), repr(access_entries()), generate_latest(REGISTRY).decode(), told]
    assert access_entries()
    assert not [
        text for text in kept if any(word in text for word in (NAME, PHONE, "Quillfeather", "900-123"))
    ]


def test_a_workbook_has_columns_for_names_where_the_run_has_any(
    store, publish_run, profiles, make_run, settings, lists
):
    context = Context(make_run(), settings.list_terms)
    unnamed = [replace(profile, name="", phone="") for profile in profiles]
    written = []
    for number, shown in enumerate((unnamed, profiles, [replace(one, phone="") for one in profiles])):
        publish_run(f"run-{number}", extras=RunExtras(shown))
        with store.at_run() as read_session:
            sheet = load_workbook(BytesIO(manager_workbook(context, lists[0], read_session))).active
        written.append([[cell.value for cell in row] for row in sheet.iter_rows(min_row=4)])
    names = [rows[0] for rows in written]
    assert [[name for name in head if name in ("person", "phone")] for head in names] == [
        [], ["person", "phone"], ["person"]
    ]  # fmt: skip
    place = names[1].index("person")
    assert sorted((row[place : place + 2] for row in written[1][2:4]), key=str) == [
        [NAME, PHONE],
        [None, None],
    ]
