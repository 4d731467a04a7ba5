"""The client against the service itself, over a real connection on the loopback."""

import socket
from contextlib import ExitStack
from datetime import date

import pytest

from serve.api import export_formats, exports
from serve.api.export_formats import COLUMNS
from serve.app import create_app
from serve.client import Client, ProblemError
from serve.store import store as stores
from serve.store.read_session import ReadSession
from tests.servers import served


@pytest.fixture
def address(service):
    """The service in a thread of its own."""
    reached = service.model_copy(update={"hosts": ("127.0.0.1",)})
    with served(create_app(reached), timeout_keep_alive=1) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def token(token_of):
    return lambda: token_of("crm")


@pytest.fixture
def client(address, token):
    return Client(address, token, tries=1)


@pytest.mark.usefixtures("published")
def test_every_answer_comes_as_its_type(client):
    assert client.risk("c1", "contacts", "history").risk_90d == 0.412
    assert client.risk("c6", language="zh").explanation == "开户时间太短，不参与评分。"
    assert [one.run_id for one in client.runs().runs] == [client.run().run_id] == ["run-1"]
    assert [page.branch_id for page in client.branch("B1")] == ["B1"]
    with pytest.raises(ProblemError, match="404: There is no such card"):
        client.model_card()


@pytest.mark.usefixtures("published")
def test_pages_and_batches_are_put_together(client):
    pages = list(client.manager_list("M1", limit=1))
    assert [[row.customer_id for row in page.customers] for page in pages] == [["c4"], ["c1"]]
    names = [row.customer_id for page in client.manager_customers("M1", limit=1) for row in page.customers]
    assert sorted(names) == ["c1", "c2", "c3", "c4"]
    assert [row.manager_id for page in client.managers() for row in page.managers] == ["M1"]
    branches = [row for page in client.branches() for row in page.branches]
    assert [(row.branch_id, row.own_list) for row in branches] == [("B1", 1)]
    own = [row for page in client.branch_list("B1") for row in page.customers]
    assert [(row.customer_id, row.rank) for row in own] == [("c5", 1)]
    asked = ["c1", "nobody"] * 600
    answers = list(client.risks(asked))
    assert [len(one.customers) for one in answers] == [1_000, 200]
    assert {one.status for one in answers[1].customers} == {"scored", "unknown"}


@pytest.mark.usefixtures("published")
def test_a_contact_and_an_opt_out(client):
    first = client.record_contact("k1", "c1", "no_contact", manager_id="M1", note="不要再打")
    assert client.record_contact("k1", "c1", "no_contact", manager_id="M1", note="不要再打") == first
    with pytest.raises(ProblemError) as conflict:
        client.record_contact("k1", "c1", "leaving", manager_id="M1")
    assert conflict.value.status == 409
    assert client.opt_out("c1").opted_out_since == first.contact.recorded_at.date()
    assert client.withdraw_opt_out("c1").opted_out_since is None


@pytest.mark.usefixtures("published")
def test_a_campaign(client, address, token_of):
    plan = {"title": "Roll over", "size": 2, "channel": "message", "starts_on": "2026-11-23",
            "ends_on": "2026-12-21", "control_share": 0.2}  # fmt: skip
    assert client.preview_campaign(plan).fits == 5
    made = client.create_campaign("k1", plan)
    assert client.create_campaign("k1", plan) == made == client.campaign(made.campaign_id)
    assert [one.state for page in client.campaigns() for one in page.campaigns] == ["draft"]
    with pytest.raises(ProblemError, match=r"409: campaign .* was proposed by the crm, who cannot approve"):
        client.decide_campaign(made.campaign_id, "approve")
    office = Client(address, lambda: token_of("head_office"), tries=1)
    assert office.decide_campaign(made.campaign_id, "approve").decided[0].by == "the head_office"
    assert office.decide_campaign(made.campaign_id, "withdraw", "not now").why == "not now"
    assert [page.matching for page in client.campaign_customers(made.campaign_id)] == [0]


def test_publications_are_followed_by_a_cursor(client, published, publish_run):
    (first,) = client.announcements()
    assert [one.data.run_id for one in first.announcements] == ["run-1"]
    assert list(client.announcements(first.next_cursor)) == []
    publish_run("run-2", date(2026, 11, 23))
    published.rollback()
    (page,) = client.announcements(first.next_cursor)
    told = [(one.type, one.data.run_id) for one in page.announcements]
    assert told == [("run.published", "run-2"), ("run.rolled_back", "run-1")]


def test_a_nightly_copy_follows_the_runs(
    client, published, publish_run, make_run, make_lists, scores, exclusions
):
    whole = client.update(since=None)
    assert (whole.run_id, whole.snapshot_date, whole.whole) == ("run-1", date(2026, 11, 16), True)
    copy = {row["customer_id"]: row for row in whole.rows}
    assert sorted(copy) == ["c1", "c2", "c3", "c4", "c5"]
    assert list(copy["c1"]) == list(COLUMNS)

    later = scores[1:]  # c1 has gone
    published.publish(make_run("run-2", date(2026, 11, 23), cohort=4), later, exclusions, make_lists(later))
    changes = client.update(since=whole.run_id)
    assert (changes.run_id, changes.whole) == ("run-2", False)
    # c3 takes the place of c1 on the list.
    rows = [(row["kind"], row["customer_id"], row["rank"]) for row in changes.rows]
    assert rows == [("removed", "c1", None), ("changed", "c3", 2)]
    assert list(client.update(since="run-2").rows) == []

    publish_run("run-9", date(2027, 6, 7))
    published.prune(1, 1, 130)
    again = client.update(since="run-2")
    assert (again.run_id, again.whole, len(list(again.rows))) == ("run-9", True, 5)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("packed", [True, False])
def test_an_export_reads_one_publication_to_its_end(client, publish_run, monkeypatch, packed):
    """Two rows a page and a piece; after the first piece the run is published again."""
    monkeypatch.setattr(ReadSession.page, "__defaults__", ("", 2))
    monkeypatch.setattr(export_formats, "BATCH", 2)

    def interrupted(rows, *asked):
        pieces = export_formats.written(rows, *asked)
        yield next(pieces)
        publish_run()
        yield from pieces

    monkeypatch.setattr(exports, "written", interrupted)
    if not packed:
        monkeypatch.setattr("serve.client._PACKED", "identity")
    assert len(list(client.update(since=None).rows)) == 5


@pytest.mark.usefixtures("published")
def test_a_foreign_customer_and_an_expired_token(address, token_of):
    foreign, expired = token_of("manager", manager_id="M2"), token_of("crm", seconds=-60)
    for token, status, remedy in ((foreign, 404, "Check"), (expired, 401, "identity provider")):
        with pytest.raises(ProblemError, match=remedy) as refused:
            Client(address, lambda token=token: token, tries=3, wait=pytest.fail).risk("c1")
        assert refused.value.status == status


def test_a_service_that_is_not_ready_or_not_there_is_asked_again(address, token):
    pauses = []
    with pytest.raises(ProblemError, match="503: No run has been published"):
        Client(address, token, tries=4, wait=pauses.append).run()
    assert pauses == [1.0, 2.0, 4.0]
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(OSError, match="refused"):
            Client(away, token, tries=2, wait=pauses.append).run()
    assert pauses == [1.0, 2.0, 4.0, 1.0]


def test_who_is_asked_to_wait_longer_does(address, token, published, monkeypatch):
    """Whoever writes is done after the second try; SQLite's answer asks for five seconds."""
    monkeypatch.setattr(stores, "PATIENCE", 0.1)
    pauses = []

    def wait(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            held.close()

    with ExitStack() as held:
        held.enter_context(published.write())
        client = Client(address, token, tries=5, wait=wait)
        assert client.record_contact("k1", "c1", "leaving", manager_id="M1").contact.contact_id == 1
    assert pauses == [5.0, 5.0]


def test_a_service_that_is_ready_at_the_second_try(address, token, publish_run):
    def wait(_seconds):
        publish_run()

    assert Client(address, token, tries=2, wait=wait).run().run_id == "run-1"
