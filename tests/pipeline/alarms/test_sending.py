"""Alarms arrive by mail and webhook on loopback, again until somebody acknowledges them, and no way keeps
another from being used.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from configs.alarms import Alarm
from configs.bank_folder import load_settings
from configs.errors import ConfigError
from pipeline.alarms.acknowledgement import acknowledge
from pipeline.alarms.alarms import open_alarms, raise_alarm
from pipeline.alarms.sending import send_due
from tests.pipeline.alarms.conftest import KEY, MONDAY

DISK = Alarm("machine", "lists", "no space left on device.", "Make room on the disk.", MONDAY)


@pytest.mark.usefixtures("by_mail")
def test_an_alarm_arrives_by_mail_and_webhook_with_what_to_do(bank, mailbox, receiver):
    raise_alarm(bank, DISK)
    send_due(bank)
    (alarm,) = open_alarms(bank)
    (message,) = mailbox.messages
    assert mailbox.readers == ["ops@bank.example"]
    assert message["Subject"] == "Alarm machine: bank demo, step lists of Monday 2026-11-16"
    text = message.get_content()
    assert "no space left on device." in text
    assert "What to do: Make room on the disk." in text
    assert f"make acknowledge BANK=demo ALARM={alarm.alarm_id}" in text
    assert receiver.alarms == [
        {"bank": "demo", "alarm": alarm.alarm_id, "kind": "machine", "monday": "2026-11-16", "step": "lists",
         "reason": DISK.reason, "remedy": DISK.remedy}
    ]  # fmt: skip


def test_the_receiver_can_verify_who_sent_it_and_when(bank, clock, receiver):
    """As the specification of Standard Webhooks says, worked out here."""
    raise_alarm(bank, DISK)
    send_due(bank)
    headers, body = receiver.requests[0]
    assert headers["webhook-timestamp"] == str(int(clock.now.timestamp()))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}".encode()
    digest = hmac.new(bytes.fromhex(KEY), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["type"] == "alarm.raised"


@pytest.mark.usefixtures("by_mail")
def test_it_is_sent_again_once_a_day_until_somebody_acknowledges_it(bank, clock, mailbox, receiver):
    raise_alarm(bank, DISK)
    for hours, sent in ((0, 1), (23, 1), (1, 2), (23, 2), (1, 3)):
        clock.later(hours=hours)
        send_due(bank)
        assert (len(receiver.requests), len(mailbox.accepted)) == (sent, sent)
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 3
    acknowledge(bank, open_alarms(bank)[0].alarm_id, "Li Na", "ordered disks")
    clock.later(days=30)
    send_due(bank)
    assert len(receiver.requests) == 3


@pytest.mark.usefixtures("by_mail")
@pytest.mark.parametrize("status", [500, 302, 404])
def test_what_a_receiver_did_not_take_is_sent_by_the_next_command_and_nothing_else(
    bank, clock, mailbox, receiver, status, caplog
):
    receiver.status = status
    raise_alarm(bank, DISK)
    send_due(bank)
    assert f"could not be sent by webhook: the receiver answered {status}" in caplog.text
    receiver.status = 204
    clock.later(minutes=5)
    send_due(bank)
    send_due(bank)
    assert len(mailbox.accepted) == 1
    first, second = (headers["webhook-id"] for headers, _ in receiver.requests)
    assert first == second


@pytest.mark.usefixtures("by_mail")
def test_a_mail_server_that_refuses_keeps_nothing_from_the_webhook(bank, mailbox, receiver, caplog):
    mailbox.answers["ops@bank.example"] = ["451 later"]
    raise_alarm(bank, DISK)
    send_due(bank)
    assert (len(mailbox.accepted), len(receiver.requests)) == (0, 1)
    assert "could not be sent by mail: " in caplog.text
    send_due(bank)
    assert (len(mailbox.accepted), len(receiver.requests)) == (1, 1)


def test_nobody_who_listens_and_a_weak_key_are_said(bank, monkeypatch, caplog):
    raise_alarm(bank, DISK)
    nowhere = {"webhook": "http://127.0.0.1:9/", "recipients": ["ops@bank.example"]}
    send_due(replace(bank, settings=load_settings("demo", {"alarms": nowhere})))
    assert "by webhook: the receiver cannot be reached: " in caplog.text
    assert "by mail: ATTRITION_SMTP_HOST or sender in [mail] is not set" in caplog.text
    monkeypatch.setenv("ATTRITION_WEBHOOK_KEY", "secret")
    send_due(bank)
    assert "ATTRITION_WEBHOOK_KEY is weak" in caplog.text
    assert open_alarms(bank)[0].sent == {}


@pytest.mark.usefixtures("by_mail")
def test_a_store_that_cannot_be_written_keeps_no_alarm_back(bank, mailbox, receiver):
    broken = bank.home.root / "store.db"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not a database" * 100)
    raise_alarm(bank, DISK)
    send_due(bank)
    send_due(bank)
    assert (len(mailbox.accepted), len(receiver.requests)) == (1, 1)


def test_a_webhook_off_loopback_needs_https_and_addresses_and_names_are_checked():
    for wrong in (
        {"webhook": "http://ops.bank.example/"},
        {"recipients": ["Ops <ops@bank.example>"]},
        {"textfile": "/var/lib/node/attrition.txt"},
        {"repeat_hours": 0.5},
    ):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            load_settings("demo", {"alarms": wrong})
    assert load_settings("demo", {"alarms": {"webhook": "https://ops.bank.example/"}}).alarms.webhook
