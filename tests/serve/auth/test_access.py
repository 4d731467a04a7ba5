"""Every route, asked by every role, about own, foreign, unknown and malformed numbers: no foreign customer
shows."""

import csv
import io
import json
import re
import secrets
from dataclasses import asdict
from datetime import date, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

import pytest
from fastapi import Response
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import insert, update

from configs.branch_rows import BranchFigures, FormerCustomer, Handover, TierWatch
from configs.campaigns import LEFT_OUT
from configs.errors import DataError
from configs.published import Exclusion, Manager, RunExtras
from serve.api.export_formats import COLUMNS
from serve.app import create_app
from serve.auth import access
from serve.auth.access_log import verified
from serve.auth.policy import POLICY, PUBLIC, Role
from serve.auth.seals import Sealer
from serve.pages.handovers import COLUMNS as HANDED_OVER
from serve.pages.session import SEALED
from serve.store import tables
from serve.store.scope import Reach
from serve.store.store import Store, keep_figures
from tests.serve.conftest import Movement, demo_service

# M1 and M2 are of branch B1, M3 of B2. Each has two customers; one customer of each branch has no manager.
# M1 also keeps a customer of the other branch, and M3 one of B1.
OF = {
    "own-M1-a": ("B1", "M1"),
    "own-M1-b": ("B1", "M1"),
    "far-M1-c": ("B2", "M1"),
    "own-M2-a": ("B1", "M2"),
    "own-M2-b": ("B1", "M2"),
    "own-M3-a": ("B2", "M3"),
    "own-M3-b": ("B2", "M3"),
    "far-M3-c": ("B1", "M3"),
    "own-B1-o": ("B1", None),
    "own-B2-o": ("B2", None),
}
EXCLUDED = "own-XX-e"
UNSCORED = "own-M1-u"  # watched, and outside the cohort
CUSTOMER = re.compile(r"(?:own|far)-\w\w-\w")
MANAGERS = {"M1": "B1", "M2": "B1", "M3": "B2"}
BRANCHES = ("B1", "B2")
TAKERS = {"B1": "M2", "B2": "M3"}  # of the customers in nobody's charge, whom M9 left
CONTENT = Movement(5, (1, 2))
# Campaigns by number: the branches of the rule, customers to contact, and one who is kept back.
CAMPAIGNS = {
    "C-all": ((), ("own-M1-a", "own-M2-a", "own-M3-a", "own-B1-o"), "own-M1-b"),
    "C-B1": (("B1",), ("own-M2-b",), "own-B1-o"),
    "C-B2": (("B2",), ("own-M3-b",), "own-M3-a"),
}
KEPT_BACK = {"own-M1-b"}  # in no campaign's list at all
CLAIMS = {Role.MANAGER: {"manager_id": "M1"}, Role.BRANCH_HEAD: {"branch_id": "B1"}}
# What a path or a body can name: own, foreign, unknown and malformed.
IDS = {
    "customer_id": [*OF, EXCLUDED, "unknown", " a", "x" * 65, "\x00", "own-M3-a'--"],
    "manager_id": [*MANAGERS, "unknown", " a", "x" * 65, "M3'--"],
    "branch_id": ["B1", "B2", "unknown", " a", "x" * 65, "B2'--"],
    "campaign_id": [*CAMPAIGNS, "unknown", " a", "x" * 65, "C-B2'--"],
    "run_id": ["run-1", "run-2", "latest", "unknown", " a", "x" * 65, "run-1'--"],
}
PLAN = {"title": "A plan", "size": 2, "channel": "phone", "starts_on": "2026-11-23", "ends_on": "2026-12-21",
        "control_share": 0.2}  # fmt: skip
MALFORMED = {" a", "x" * 65, "\x00"}
BODIES = {
    "customers_risk": lambda number: {"customer_ids": [number]},
    "record_contact": lambda number: {"customer_id": number, "manager_id": "M1", "outcome": "leaving"},
    "record_contacts": lambda number: {
        "contacts": [{"key": secrets.token_urlsafe(9), **BODIES["record_contact"](number)}]
    },
    "record_feedback": lambda _: {"feedback": "useful", "manager_id": "M1"},
    "preview_campaign": lambda _: PLAN,
    "create_campaign": lambda _: PLAN,
    "decide_campaign": lambda _: {"decision": "withdraw", "why": "to try it"},
}
OF_NOBODY = {"preview_campaign", "create_campaign"}  # whose body names no customer
DECIDED = {"decide_campaign", "decide_campaign_page"}
QUERIES = {
    "handover_file": {"manager": "M9"},
    "export_changes": {"since": "run-1", "format": "csv"},
    "customer_risk": {"include": ["maturities", "history", "contacts"]},
}
# What the address of a page may hold, which no link of a page that refuses repeats.
NAMED = {"number": "own-M1-a", "customer_id": "own-M1-b", "anything": "own-M3-a"}
FOUND = (200, 201, 303)  # an answer, or on to the page that shows what was recorded
ROUTES = sorted(set(POLICY) - PUBLIC)


@pytest.fixture(scope="module")
def publish(settings, make_run, make_score, make_lists):
    """Two Mondays of the world: on the first one customer fewer, and every risk another."""

    def publish(url):
        managers = [Manager(manager, f"name of {manager}", branch, 5) for manager, branch in MANAGERS.items()]
        with Store(url) as store:
            for number, day in ((1, date(2026, 11, 9)), (2, date(2026, 11, 16))):
                known = list(OF.items())[2 - number :]
                scores = tuple(
                    make_score(customer, branch_id=branch, manager_id=manager, risk_90d=number / 10)
                    for customer, (branch, manager) in known
                )
                run = make_run(f"run-{number}", day, cohort=len(known))
                figures = [BranchFigures(branch, "load", CONTENT) for branch in ("", *BRANCHES)]
                orphans = [(name, branch) for name, (branch, manager) in known if manager is None]
                handovers = [Handover(name, branch, "M9", TAKERS[branch]) for name, branch in orphans]
                watched = watches(known)
                extras = RunExtras(
                    branch_figures=figures,
                    tier_watches=watched,
                    former_customers=gone(watched),
                    handovers=handovers,
                )
                lists, excluded = make_lists(scores, managers), (Exclusion(EXCLUDED, "too_new"),)
                store.publish(run, scores, excluded, lists, extras)
                with store.write() as connection:
                    keep_figures(connection, run.run_id, "terms", asdict(settings.list_terms))
            store.keep_card("model-1", {"owner": ("Retail analytics",)})
            with store.write() as connection:
                keys = [{"branch_id": branch, "from_manager_id": "M9"} for branch in BRANCHES]
                by = {"run_id": "run-2", "accepted_by": "somebody", "accepted_at": datetime(2026, 11, 17)}
                connection.execute(insert(tables.handover_acceptances), [key | by for key in keys])
                for number, (branches, to_contact, kept_back) in CAMPAIGNS.items():
                    keep_campaign(connection, number, branches, to_contact, kept_back)

    return publish


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request, tmp_path_factory, publish):
    """The service over a world in each database in turn."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('world')}/store.db"
    else:
        url = request.getfixturevalue("postgres").empty_store()
    publish(url)
    busy = demo_service(url).model_copy(update={"rate": "60000/minute"})  # one caller asks for every test
    with TestClient(create_app(busy), follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(service, store_url, publish):
    """A world with an access log of its own."""
    publish(store_url)
    with TestClient(create_app(service), follow_redirects=False) as client:
        yield client


def keep_campaign(connection, number, branches, to_contact, kept_back):
    """A campaign that was sent with the second run."""
    monday = date(2026, 11, 16)
    plan = PLAN | {"starts_on": monday, "ends_on": monday + timedelta(weeks=8)}
    row = {"campaign_id": number, "idempotency_key": number, "rule": json.dumps({"branches": branches}),
           "author": "somebody", "created_at": datetime(2026, 11, 12), "approved_by": "another",
           "approved_at": datetime(2026, 11, 13), "sent_on": monday, "run_id": "run-2",
           "sent": json.dumps({"contact": len(to_contact), "control": 1, "lasting_control": 0,
                               "left_out": {"opted_out": 1}})}  # fmt: skip
    connection.execute(insert(tables.campaigns).values(row | plan))
    of_member = {"campaign_id": number, "until": monday + timedelta(weeks=14), "tier": "affluent",
                 "lifecycle_stage": "mature", "reason_group": "", "risk_band": "high", "risk": 0.4,
                 "money_at_risk_minor": 1, "expected_value_minor": 1}  # fmt: skip
    for rank, name in enumerate(to_contact, start=1):
        who = {"customer_id": name, "arm": "contact", "rank": rank}
        connection.execute(insert(tables.campaign_members).values(of_member | who))
    who = {"customer_id": kept_back, "arm": "control"}
    connection.execute(insert(tables.campaign_members).values(of_member | who))


def watches(known):
    """All customers but one, and one without a score, are watched."""
    amounts = 700_000_00, 300_000_00, 600_000_00
    rows = [*known[1:], (UNSCORED, ("B1", "M1"))]
    dates = date(2026, 10, 31), date(2027, 1, 31), 15
    return [TierWatch(name, *owner, "wealth", "affluent", *dates, *amounts) for name, owner in rows]


def gone(watched):
    """The same ones have left."""
    left = date(2026, 6, 1), 90_000_00, 1_00, "complaint", "broker", 0.1, 9_000_00, None
    return [FormerCustomer(row.customer_id, row.branch_id, row.manager_id, *left) for row in watched]


def may_see(role, customer):
    branch, manager = (OF | {UNSCORED: ("B1", "M1")}).get(customer, (None, None))
    return {
        Role.CRM: True,
        Role.ADMIN: True,
        Role.MANAGER: manager == "M1",
        Role.BRANCH_HEAD: branch == "B1",
        Role.HEAD_OFFICE: False,
        Role.ANALYST: False,  # the number itself; see the tests of pseudonyms
    }[role]


def asked(client, name, headers, more=None):
    """The answers of one route for each number its path or body can hold, by the number; ``more`` is what a
    page's address holds besides."""
    (route,) = (one for one in iter_route_contexts(client.app.routes) if one.name == name)
    (method,) = route.methods
    path = route.path.replace("{content}", "load" if route.path.startswith("/v1/") else "satisfaction")
    of_body = "customer_id" if name in BODIES.keys() - OF_NOBODY else ""
    (part,) = re.findall(r"{(\w+)}", path) or [of_body]
    answers = {}
    for number in IDS.get(part, [""]):
        answers[number] = client.request(
            method,
            path.replace(f"{{{part}}}", quote(number)),
            params=QUERIES.get(name, None if path.startswith("/v1/") else more),
            json=BODIES[name](number) if name in BODIES else None,
            data=FORMS[name](client, number, headers) if name in FORMS else None,
            headers=headers | {"Idempotency-Key": sha256(repr((number, headers)).encode()).hexdigest()},
        )
        if name in DECIDED:
            with client.app.state.store.write() as connection:
                connection.execute(update(tables.campaigns).values(withdrawn_at=None, withdrawn_by=None))
    return answers


def outcome_form(client, number, headers):
    """As a page of this session would send it, each time anew; a manager of the customer's branch called."""
    seal = client.app.state.forms.seal(SEALED, headers["Cookie"].partition("=")[2])
    branch, _ = OF.get(number, ("B1", None))
    caller = "M1" if branch == "B1" else "M3"
    return {"seal": seal, "outcome": "no_answer", "caller": caller, "key": secrets.token_urlsafe(16)}


def handover_form(client, _number, headers):
    """The handover of the manager who left either branch."""
    seal = client.app.state.forms.seal(SEALED, headers["Cookie"].partition("=")[2])
    return {"seal": seal, "manager": "M9"}


def plan_form(client, _number, headers):
    seal = client.app.state.forms.seal(SEALED, headers["Cookie"].partition("=")[2])
    return {"seal": seal, "plan": json.dumps(PLAN), "key": secrets.token_urlsafe(16)}


def decision_form(client, _number, headers):
    seal = client.app.state.forms.seal(SEALED, headers["Cookie"].partition("=")[2])
    return {"seal": seal, "decision": "withdraw", "why": "to try it"}


FORMS = {
    "record_outcome": outcome_form,
    "accept_handover": handover_form,
    "create_campaign_page": plan_form,
    "decide_campaign_page": decision_form,
}


def told(response):
    """What somebody was given; nothing where it only says that nobody is known."""
    if response.status_code not in FOUND:
        return []
    kind = response.headers.get("content-type", "")
    if kind.startswith("text/csv"):
        return list(csv.DictReader(io.StringIO(response.text)))
    if kind == "application/x-ndjson":
        return [json.loads(line) for line in response.text.splitlines()]
    if kind != "application/json":
        return [response.text + response.headers.get("location", "")]  # a page, or on to one
    answer = response.json()
    unknown = answer.get("customers") == [{"status": "unknown"}] or answer.get("recorded") == 0
    return [] if unknown else [answer]


def shape(response):
    """Everything of an answer that a caller can compare; the request's own identifier tells nothing."""
    own = {"x-request-id", "date", "ratelimit"}
    headers = sorted((name, value) for name, value in response.headers.items() if name not in own)
    return response.status_code, response.content, headers


def own_of(role):
    """The numbers that a role is told something of."""
    customers = {number for number in OF if may_see(role, number)}
    return (
        customers
        | {Role.MANAGER: {"M1"}, Role.BRANCH_HEAD: {"M1", "M2"}}.get(role, {*MANAGERS})
        | ({"B1"} if role is Role.BRANCH_HEAD else {"B1", "B2"})
        | {Role.MANAGER: {"C-all"}, Role.BRANCH_HEAD: {"C-all", "C-B1"}}.get(role, {*CAMPAIGNS})
        | ({EXCLUDED} if role in (Role.CRM, Role.ADMIN) else set())
    )


# Only these see a part of the bank, by conditions in the SQL, which both databases have to understand alike.
IN_PART = (Role.MANAGER, Role.BRANCH_HEAD)


@pytest.mark.parametrize("role", IN_PART)
@pytest.mark.parametrize("name", ROUTES)
def test_nobody_meets_a_foreign_customer_and_who_is_foreign_is_as_unknown(
    world, bearer, declared, name, role
):
    check_answers(world, bearer, declared, name, role)


@pytest.mark.parametrize(
    "world", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
@pytest.mark.parametrize("role", [role for role in Role if role not in IN_PART])
@pytest.mark.parametrize("name", ROUTES)
def test_who_sees_all_customers_or_none_sees_them_as_granted(world, bearer, declared, name, role):
    check_answers(world, bearer, declared, name, role)


def check_answers(world, bearer, declared, name, role):
    answers = asked(world, name, bearer(role, **CLAIMS.get(role, {})))
    for number, response in answers.items():
        names_nobody_foreign(response, number, role)
        holds_only_what_the_role_may_see(response, declared, POLICY[name].grants.get(role))
    foreign_is_as_unknown(answers, name, role)


def names_nobody_foreign(response, number, role):
    shown = response.text + repr(response.headers)
    if number in OF or number == EXCLUDED:
        assert told(response) or number not in shown
    assert {one for one in CUSTOMER.findall(shown) if not may_see(role, one)} == set(), number


def holds_only_what_the_role_may_see(response, declared, grant):
    """Fields that the document names, and of what is masked nothing, the manager's name neither."""
    given = told(response)
    assert fields(given) <= declared | {"customers", "aum"}  # of CONTENT
    assert not given or "name" not in grant.masked or "name of" not in response.text


def foreign_is_as_unknown(answers, name, role):
    grant = POLICY[name].grants.get(role)
    if grant is None:
        assert {shape(one)[:2] for one in answers.values()} == {shape(next(iter(answers.values())))[:2]}
        assert {one.status_code for one in answers.values()} == {403}
    elif grant.reach is not Reach.NONE and "unknown" in answers:
        own, unknown = own_of(role), shape(answers["unknown"])
        # Nobody calls who is excluded, so no outcome is recorded.
        own = own if name != "correction_page" else set()  # no entry is named
        own -= {EXCLUDED} if name in ("record_outcome", "record_feedback") else set()
        if name in DECIDED and role is Role.BRANCH_HEAD:  # reads it, and decides about the own branch's alone
            assert answers.pop("C-all").status_code == (403 if name == "decide_campaign" else 422)
        for number in (set(OF) | set(MANAGERS) | {EXCLUDED, *BRANCHES, *CAMPAIGNS}) & set(answers):
            assert bool(told(answers[number])) == (number in own), number
            assert number in own or shape(answers[number]) == unknown, number
    for number in set(answers) & MALFORMED:
        analyst = role is Role.ANALYST and name != "record_contact"
        refused = (200, 403, 404, 422) if analyst or name == "record_contacts" else (403, 422)
        assert answers[number].status_code in refused, number


@pytest.fixture(scope="module")
def declared(world):
    """Every name of a field in the API's document."""
    document = json.dumps(world.get("/openapi.json").json()["components"]["schemas"])
    return set(re.findall(r'"(\w+)": {', document)) | {*COLUMNS, *HANDED_OVER, *LEFT_OUT, "too_new", "owner"}


def test_a_campaign_shows_its_own_customers_to_who_is_in_charge_and_nobody_who_is_kept_back(world, bearer):
    """Whoever could call does not learn who is in a control group."""
    shown = {
        Role.MANAGER: {"own-M1-a"},
        Role.BRANCH_HEAD: {"own-M1-a", "own-M2-a", "own-B1-o"},
        Role.CRM: {"own-M1-a", "own-M2-a", "own-M3-a", "own-B1-o"},
    }
    for role, names in shown.items():
        head = bearer(role, **CLAIMS.get(role, {}))
        for path in ("/v1/campaigns/C-all/members", "/campaigns/C-all/members"):
            answer = world.get(path, headers=head)
            assert set(CUSTOMER.findall(answer.text)) == names, (role, path)
            assert names.isdisjoint(KEPT_BACK)
        assert world.get("/v1/campaigns/C-all/members", headers=head).json()["matching"] == len(names)
        book = load_workbook(io.BytesIO(world.get("/campaigns/C-all/workbook", headers=head).content))
        cells = {cell.value for row in book.worksheets[0].iter_rows() for cell in row}
        assert {cell for cell in cells if CUSTOMER.fullmatch(str(cell))} == names
        for path in ("/campaigns", "/campaigns/C-all", "/v1/campaigns", "/v1/campaigns/C-all"):
            assert not CUSTOMER.search(world.get(path, headers=head).text), path
    pseudonyms = world.get("/v1/campaigns/C-all/members", headers=bearer("analyst")).json()["customers"]
    assert len({one["customer_id"] for one in pseudonyms}) == 4


def test_a_page_of_no_run_or_of_a_nul_is_unknown_in_either_database(world, bearer):
    head = bearer(Role.BRANCH_HEAD, branch_id="B1")
    for path in ("/branches/B1", "/branches/B1/handovers", "/branches/B1/figures/load"):
        assert world.get(f"{path}?run=%00", headers=head).status_code == 422, path
        for run in ("unknown", "run-1'--", "%20", "x" * 65):
            assert world.get(f"{path}?run={run}", headers=head).status_code == 404, (path, run)
    for name in ("segment", "tier", "stage", "reason"):
        for value in ("%00", f"%00&{name}=x"):
            assert world.get(f"/branches/B1/portfolio?{name}={value}", headers=head).status_code == 422, name
    assert world.get("/branches/%00/handovers/file?manager=%00", headers=head).status_code == 422
    form = handover_form(world, None, head) | {"run": "\0"}
    assert world.post("/branches/B1/handovers", data=form, headers=head).status_code == 404


def test_a_contact_is_recorded_only_for_ones_own_managers(world, bearer):
    """The customer is the caller's, the manager who is said to have called is not."""
    for role, manager, status in (
        (Role.MANAGER, "M2", 404),
        (Role.BRANCH_HEAD, "M3", 404),
        (Role.BRANCH_HEAD, "M2", 201),
        (Role.CRM, "unknown", 404),
        (Role.CRM, None, 422),
        (Role.MANAGER, None, 201),
    ):
        sent = {"customer_id": "own-M1-a", "manager_id": manager, "outcome": "undecided"}
        head = bearer(role, **CLAIMS.get(role, {})) | {"Idempotency-Key": f"{role}-{manager}"}
        assert world.post("/v1/contacts", json=sent, headers=head).status_code == status, (role, manager)


def test_a_branch_counts_only_what_the_role_may_see(world, bearer):
    """Of B1 are two customers each of M1 and M2, one of M3 of the other branch, and one of nobody."""
    found = world.get("/v1/branches/B1/summary", headers=bearer(Role.BRANCH_HEAD, branch_id="B1")).json()
    counted = [(manager["manager_id"], manager["customers"]) for manager in found["managers"]]
    assert counted == [("M1", 2), ("M2", 2), ("M3", 1), (None, 1)]
    assert found["customers"] == 6
    assert [one["name"] for one in found["managers"]] == ["name of M1", "name of M2", "", ""]


def test_an_export_holds_whom_the_role_may_see(world, bearer):
    head = world.get("/v1/exports/scores", headers=bearer(Role.BRANCH_HEAD, branch_id="B1"))
    expected = {number for number, of in OF.items() if of[0] == "B1"}
    assert {one["customer_id"] for one in told(head)} == expected
    assert len(told(world.get("/v1/exports/scores", headers=bearer("crm")))) == len(OF)


@pytest.mark.parametrize("role", [Role.CRM, Role.MANAGER, Role.BRANCH_HEAD])
def test_a_managers_list_leaves_out_whom_the_role_may_not_see(world, bearer, role):
    """M1 keeps three customers, of whom the head of B1 sees the two of B1."""
    found = world.get("/v1/managers/M1/list", headers=bearer(role, **CLAIMS.get(role, {}))).json()
    assert len(found["customers"]) == found["listed"] == (2 if role is Role.BRANCH_HEAD else 3)
    ranks = [one["rank"] for one in found["customers"]]  # places on the whole list
    assert ranks == ([2, 3] if role is Role.BRANCH_HEAD else [1, 2, 3])


def test_each_read_makes_one_entry_and_a_whole_chain(client, bearer, service, store_url, access_entries):
    head = bearer(Role.MANAGER, manager_id="M1")
    for path in ("customers/own-M1-a/risk", "customers/own-M3-a/risk", "managers/M1/list", "runs/latest"):
        client.get(f"/v1/{path}", headers=head)
    client.get("/v1/customers/own-M1-b/risk", headers=bearer("crm"))
    found = access_entries()
    assert [(one.actor, one.action, one.subject, one.details["status"]) for one in found] == [
        ("the manager", "read customer", "own-M1-a", 200),
        ("the manager", "read customer", "own-M3-a", 404),
        ("the manager", "read list", "M1", 200),
        ("the crm", "read customer", "own-M1-b", 200),
    ]
    assert {one.details["run_id"] for one in found} == {"run-2"}
    assert found[0].details["route"] == "customer_risk"
    broken, last = verified(store_url, service.audit_secret)
    assert (broken, last.number) == ([], 4)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ROUTES)
def test_every_route_that_tells_of_customers_leaves_entries_and_without_them_tells_nothing(
    world, bearer, monkeypatch, name
):
    """The log fails once for each answer that holds something of a customer."""
    heads = {role: bearer(role, **CLAIMS.get(role, {})) for role in POLICY[name].grants}
    before = {role: asked(world, name, head) for role, head in heads.items()}

    async def fails(_entries):
        raise DataError("the disk is full")

    monkeypatch.setattr(world.app.state.access_log, "write", fails)
    for role, head in heads.items():
        for number, response in asked(world, name, head, NAMED if POLICY[name].action else None).items():
            assert not CUSTOMER.findall(response.text + repr(response.headers)), number
            if POLICY[name].action and before[role][number].status_code in FOUND:
                assert response.status_code == 503, number
                assert "disk" not in response.text


def test_figures_tell_of_no_customer_and_alarm_nobody(client, bearer, access_entries):
    for path in (
        "/bank",
        "/bank/products",
        "/branches/B1/figures/products",
        "/v1/bank/load",
        "/v1/branches/B1/load",
    ):
        assert client.get(path, headers=bearer("head_office")).status_code == 200, path
    about = [(entry.subject, entry.details.get("customers")) for entry in access_entries()]
    assert about == [("whole bank", 0)] * 2 + [("B1", 0), ("whole bank", 0), ("B1", 0)]


def test_a_route_that_sees_customers_has_an_action_for_the_log():
    for name, rule in POLICY.items():
        sees = any(grant.reach is not Reach.NONE for grant in rule.grants.values())
        assert bool(rule.action) == sees, name


def test_an_analyst_sees_pseudonyms_and_asks_by_them(client, bearer, access_entries):
    head = bearer("analyst")
    listed = client.get("/v1/managers/M1/list", headers=head | {"Accept-Encoding": "identity"})
    assert (listed.json()["name"], listed.json()["manager_id"]) == ("", "M1")
    assert int(listed.headers["content-length"]) == len(listed.content)
    shown = [one["customer_id"] for one in listed.json()["customers"]]
    one = client.get(f"/v1/customers/{shown[0]}/risk", headers=head).json()
    assert (one["customer_id"], one["status"]) == (shown[0], "scored")
    assert access_entries()[-1].subject in OF
    crm = client.get("/v1/managers/M1/list", headers=bearer("crm")).json()
    theirs, masked = ([row["risk_90d"] for row in answer["customers"]] for answer in (crm, listed.json()))
    assert theirs == masked


def test_an_answer_that_cannot_be_masked_is_not_given():
    masked = POLICY["customer_risk"].grants[Role.ANALYST]
    with pytest.raises(TypeError, match="text/csv cannot be masked"):
        access._masked(Response("own-M1-a", media_type="text/csv"), masked, Sealer(b"k" * 32, b"test"))


def fields(value):
    """Every name of an answer, however deep."""
    if isinstance(value, list):
        return set().union(*map(fields, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    return set(value) | fields(list(value.values()))
