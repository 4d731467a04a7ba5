"""Announcements reach a webhook on loopback, signed, in order and at least once."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from typer.testing import CliRunner

from configs.bank_folder import load_settings
from configs.errors import ConfigError, DataError
from pipeline.__main__ import app
from pipeline.alarms.alarms import open_alarms
from pipeline.context import Context
from pipeline.outward import announcements
from pipeline.outward.announcements import KEYS, LEASE, send, send_after_run, send_left
from serve.store.store import Store
from tests.pipeline.lists.test_mail import Killed, killed, never, publish
from tests.servers import ROOT

OLD, NEW, OTHER = (
    f"whsec_{base64.b64encode(hashlib.sha256(name).digest()).decode()}" for name in (b"old", b"new", b"other")
)
MONDAY = date(2026, 11, 16)


class Clock:
    """The machine's, as the receiver's library looks at the time; a test moves it on."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.passed


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bank(tmp_path, clock, receiver, monkeypatch):
    """One published run, announced to nobody yet."""
    monkeypatch.setenv(KEYS, NEW)
    settings = load_settings("demo", {"announcements": {"webhook": receiver.address}})
    bank = Context(settings, tmp_path, clock)
    publish(bank, ())
    return bank


def kinds(receiver):
    return [
        (content["type"], content["data"]["run_id"])
        for content in (json.loads(body) for _, body in receiver.requests)
    ]


def test_a_receiver_verifies_what_it_is_sent_while_a_key_is_replaced(bank, receiver, monkeypatch):
    """The library of Standard Webhooks is the oracle."""
    monkeypatch.setenv(KEYS, f"{NEW} {OLD}")
    assert send(bank, never).sent == 1
    ((headers, body),) = receiver.requests
    for key in (NEW, OLD):
        content = Webhook(key).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body.replace(b"run-1", b"run-9"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers)
    assert content["type"] == "run.published"
    assert content["data"] == {
        "bank": "demo", "run_id": "run-1", "snapshot_date": "2026-11-16", "model_id": "model-1",
        "before": None, "served": True, "republished": False,
        "counts": {"scored": 2, "excluded": 0, "listed": 2}, "changes": "/v1/exports/scores",
    }  # fmt: skip
    assert b"customer-of" not in body


def test_the_receiver_of_the_documents_takes_each_message_once_and_no_forged_one(bank, receiver):
    (code,) = re.findall(
        r"```python\n(import base64.+?)```", (ROOT / "docs" / "api.md").read_text("utf-8"), re.S
    )
    documented: dict = {}
    exec(code, documented)
    verified, known = documented["verified"], set()
    send(bank, never)
    ((headers, body),) = receiver.requests
    assert verified(body, headers, NEW, known)["data"]["run_id"] == "run-1"
    assert verified(body, headers, NEW, known) is None
    hour_ago = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3600)}
    for wrong in ((body, headers, OLD), (body + b" ", headers, NEW), (body, hour_ago, NEW)):
        with pytest.raises(PermissionError):
            verified(*wrong, set())


def test_each_publication_and_rollback_is_sent_once_in_order(bank, receiver):
    publish(bank, (), "run-2")
    publish(bank, (), "run-2")
    with Store(bank.home.store) as store:
        store.rollback()
    assert send(bank, never).sent == 4
    assert send(bank, never).sent == 0
    assert kinds(receiver) == [
        ("run.published", "run-1"), ("run.published", "run-2"), ("run.published", "run-2"),
        ("run.rolled_back", "run-1"),
    ]  # fmt: skip
    sent = [json.loads(body)["data"] for _, body in receiver.requests]
    assert [data["republished"] for data in sent] == [False, False, True, False]
    assert [data["changes"] for data in sent] == [
        "/v1/exports/scores", "/v1/exports/changes?since=run-1", "/v1/exports/scores",
        "/v1/exports/changes?since=run-2",
    ]  # fmt: skip
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 4


@pytest.mark.parametrize("status", [500, 302, 404, 429])
def test_what_is_not_taken_is_tried_again_after_growing_pauses_and_later(bank, receiver, status):
    waits = []
    publish(bank, (), "run-2")
    receiver.answers = [204, status, status]
    assert send(bank, waits.append).sent == 2
    assert waits == [5, 10]
    publish(bank, (), "run-3")
    receiver.answers = [status] * 5
    with pytest.raises(
        DataError, match=rf"1 of 1 announcements .* answered {status}\. Run make announce again"
    ):
        send(bank, waits.append)
    assert waits == [5, 10, 5, 10, 20, 40]
    send_left(bank)  # as make status does
    assert [run for _, run in kinds(receiver)] == ["run-1", *["run-2"] * 3, *["run-3"] * 6]
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 3


def test_killed_between_the_answer_and_the_note_of_it(bank, clock, receiver, monkeypatch):
    """The one moment in which one arrives twice; both copies then bear the same webhook-id."""
    publish(bank, (), "run-2")
    with monkeypatch.context() as patch:
        patch.setattr(announcements._Sending, "_finish", killed)
        with pytest.raises(Killed):
            send(bank, never)
    assert send(bank, lambda _: None).left == 2  # the lease of the first has not run out
    clock.passed += LEASE
    assert send(bank, never).sent == 2
    assert [run for _, run in kinds(receiver)] == ["run-1", "run-1", "run-2"]
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 2


def test_killed_before_it_was_handed_over_nothing_is_lost(bank, clock, receiver, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(announcements, "post", killed)
        with pytest.raises(Killed):
            send(bank, never)
    clock.passed += LEASE
    assert send(bank, never).sent == 1
    assert len(receiver.requests) == 1


def test_a_publication_that_was_undone_is_not_announced(bank, receiver):
    send(bank, never)
    with Store(bank.home.store) as store:
        run = replace(store.latest_run(), run_id="run-2", cohort=0)
        with pytest.raises(Killed), store.publishing(run, [], [], []):
            killed()
    assert send(bank, never).sent == 0
    assert len(receiver.requests) == 1


def test_one_too_old_to_matter_is_left_to_the_feed(bank, receiver):
    publish(bank, (), "run-2")
    with Store(bank.home.store) as store, store.write() as connection:
        connection.exec_driver_sql("UPDATE announcements SET at = '2026-01-05 06:00:00' WHERE number = 1")
    assert send(bank, never).sent == 1
    assert [run for _, run in kinds(receiver)] == ["run-2"]


def test_a_run_whose_webhook_fails_is_published_with_an_alarm_that_the_command_closes(
    bank, receiver, monkeypatch, caplog
):
    monkeypatch.setenv(KEYS, "secret")
    send_after_run(bank, never)
    (alarm,) = open_alarms(bank)
    assert alarm.kind == "announcement"
    assert f"{KEYS} is weak" in alarm.reason
    assert "secret" not in caplog.text.replace(" secrets", "")
    monkeypatch.setenv(KEYS, NEW)
    monkeypatch.setattr("pipeline.commands.options.context_of", lambda *_: bank)
    result = CliRunner().invoke(app, ["announce"])
    assert result.stdout == "1 announcements sent\n"
    assert open_alarms(bank) == []
    assert kinds(receiver) == [("run.published", "run-1")]
    assert NEW not in caplog.text


def test_a_rollback_is_announced_by_its_command(bank, receiver, monkeypatch):
    publish(bank, (), "run-2")
    monkeypatch.setattr("pipeline.commands.options.context_of", lambda *_: bank)
    assert CliRunner().invoke(app, ["rollback-run"]).stdout == "serves run-1 of Monday 2026-11-16\n"
    assert kinds(receiver)[-1] == ("run.rolled_back", "run-1")


def test_without_a_webhook_nothing_is_sent_and_off_loopback_it_needs_https(bank, monkeypatch):
    silent = replace(bank, settings=load_settings("demo"))
    send_after_run(silent, never)
    send_left(silent)
    monkeypatch.setattr("pipeline.commands.options.context_of", lambda *_: silent)
    assert "no webhook is named" in str(CliRunner().invoke(app, ["announce"]).exception)
    with pytest.raises(ConfigError, match="is no https address"):
        load_settings("demo", {"announcements": {"webhook": "http://crm.bank.example/"}})
