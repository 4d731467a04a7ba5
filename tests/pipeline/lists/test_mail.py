"""Notices through a real mail server on loopback: once each, whatever it answers and whoever is killed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from configs.bank_folder import load_settings
from configs.call_lists import CallList
from configs.errors import ConfigError, DataError
from configs.published import Decision, Manager, Score
from pipeline.__main__ import app
from pipeline.context import Context
from pipeline.lists import mail
from pipeline.lists.mail import send, send_after_run
from serve.store.outbox import Recipient
from serve.store.store import Store
from tests.serve.conftest import published_run

MONDAY = date(2026, 11, 16)
WORDS = {"sender": "attrition@bank.example", "link": "https://attrition.bank.example/",
         "branches": {"B1": "head.b1@bank.example"}}  # fmt: skip
THREE = (
    Manager("M1", "张伟", "B1", 5, "m1@bank.example"),
    Manager("M2", "Li Lei", "B1", 5, "m2@bank.example"),
    Manager("M3", "", "B2", 5, "m3@bank.example"),
)
ALL = ["head.b1@bank.example", "m1@bank.example", "m2@bank.example", "m3@bank.example"]
COMMON = Recipient("common", "")
FIRST = ALL[0]  # a branch's own list comes first


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 16, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def listed(branch: str | None, manager: Manager | None, customer: str) -> tuple[Score, CallList]:
    number = manager and manager.manager_id
    score = Score(customer, branch, number, "affluent", "mature", False, 9, 7, "high", (), risk_90d=0.5)
    decision = Decision(customer, branch, number, "listed", "most_to_keep", 2, 1)
    return score, CallList(branch, manager, (score,), 1, 1, 7, (decision,))


def publish(bank: Context, managers: tuple[Manager, ...], run_id: str = "run-1") -> None:
    """A customer to call for each of the managers, one for branch B1, one in no branch; an idle manager."""
    made = [listed(one.branch_id, one, f"customer-of-{one.manager_id}") for one in managers]
    made += [listed("B1", None, "customer-of-branch"), listed(None, None, "customer-of-nobody")]
    idle = CallList("B1", Manager("M0", "idle", "B1", 5, "m0@bank.example"), (), 0, 0, 0, ())
    run = published_run(run_id, MONDAY, cohort=len(made), excluded={})
    with Store(bank.home.store) as store:
        store.publish(run, [score for score, _ in made], [], [idle, *(one for _, one in made)])


@pytest.fixture
def bank(tmp_path, clock):
    bank = Context(load_settings("demo", {"mail": WORDS}), tmp_path, clock)
    publish(bank, THREE)
    return bank


@pytest.fixture
def waits():
    """The seconds that were waited."""
    return []


def never(seconds: float) -> None:
    raise AssertionError(f"waits {seconds} s")


def test_each_reader_of_a_list_is_told_once(bank, mail_server, mailbox):
    sent = send(bank, mail_server, MONDAY, never)
    assert mailbox.readers == ALL
    assert (sent.sent, sent.sent_before, sent.refused, sent.no_address) == (4, 0, [], [COMMON])
    again = send(bank, mail_server, MONDAY, never)
    assert (again.sent, again.sent_before) == (0, 4)
    assert mailbox.readers == ALL


def test_the_reader_of_the_common_list_is_told_too(bank, mail_server, mailbox):
    settings = load_settings("demo", {"mail": WORDS | {"common_list": "desk@bank.example"}})
    sent = send(replace(bank, settings=settings), mail_server, MONDAY, never)
    assert (sent.sent, sent.no_address) == (5, [])
    assert "desk@bank.example" in mailbox.readers


def test_no_message_tells_of_a_customer(bank, mail_server, mailbox):
    send(bank, mail_server, MONDAY, never)
    said = [str(one["Subject"]) + one.get_content() for one in mailbox.messages]
    assert len(said) == 4
    assert not [one for one in said if "customer-of" in one]
    assert all(WORDS["link"] in one for one in said)


def test_a_run_published_anew_is_not_told_anew_and_another_run_is(bank, mail_server, mailbox):
    send(bank, mail_server, MONDAY, never)
    publish(bank, THREE)
    assert send(bank, mail_server, MONDAY, never).sent == 0
    publish(bank, THREE, "run-2")
    assert send(bank, mail_server, MONDAY, never).sent == 4
    assert Counter(mailbox.readers) == dict.fromkeys(ALL, 2)


def test_a_refused_recipient_is_reported_and_not_tried_again(bank, mail_server, mailbox):
    mailbox.answers["m2@bank.example"] = ["550 no such user"]
    sent = send(bank, mail_server, MONDAY, never)
    assert (sent.sent, sent.refused) == (3, [(Recipient("manager", "M2"), 550)])
    again = send(bank, mail_server, MONDAY, never)
    assert (again.sent, again.refused) == (0, [])
    assert "m2@bank.example" not in mailbox.readers


def test_who_cannot_be_reached_now_is_tried_again_after_a_while(bank, mail_server, mailbox, waits):
    mailbox.answers["m2@bank.example"] = ["451 busy", "452 full"]
    assert send(bank, mail_server, MONDAY, waits.append).sent == 4
    assert waits == [5, 10]
    assert mailbox.readers == ALL


def test_a_server_that_stays_busy_ends_the_command_and_the_next_one_goes_on(
    bank, mail_server, mailbox, waits
):
    mailbox.answers["m2@bank.example"] = ["451 busy"] * 5
    sentence = r"^1 of 5 notifications could not be sent: .* answered 451\. Run make mail again"
    with pytest.raises(DataError, match=sentence):
        send(bank, mail_server, MONDAY, waits.append)
    assert waits == [5, 10, 20, 40]
    assert send(bank, mail_server, MONDAY, never).sent == 1
    assert mailbox.readers == ALL


def test_a_server_that_ends_each_session_after_one_message_gets_them_all(bank, mail_server, mailbox, waits):
    """Each round gets something done, so that none of them is the last attempt."""
    for one in ALL[1:]:
        mailbox.answers[one] = ["421 enough for now"]
    assert send(bank, mail_server, MONDAY, waits.append).sent == 4
    assert (mailbox.readers, waits) == (ALL, [5, 5, 5])


def test_no_server_at_all_is_tried_again_and_then_said(bank, mail_server, waits):
    sentence = r"^4 of 5 notifications could not be sent: .*127\.0\.0\.1:1 cannot be reached"
    with pytest.raises(DataError, match=sentence):
        send(bank, mail_server.model_copy(update={"port": 1}), MONDAY, waits.append)
    assert waits == [5, 10, 20, 40]


def test_a_setting_to_mend_leaves_nothing_begun(bank, mail_server, mailbox):
    mailbox.answers["sender"] = ["550 not you"]
    with pytest.raises(ConfigError, match=r"refuses the sender with 550\. Correct sender in \[mail\]"):
        send(bank, mail_server, MONDAY, never)
    assert send(bank, mail_server, MONDAY, never).sent == 4


class Killed(BaseException):
    """As good as a kill: nothing that catches errors sees it."""


def killed(*_: object) -> None:
    raise Killed


def test_killed_between_accepted_and_finished(bank, mail_server, mailbox, clock, monkeypatch):
    """The one moment in which a notification can go out twice; both copies then bear the same Message-ID."""
    with monkeypatch.context() as patch:
        patch.setattr(mail._Sending, "_finish", killed)
        with pytest.raises(Killed):
            send(bank, mail_server, MONDAY, never)
    assert mailbox.readers == [FIRST]
    sent = send(bank, mail_server, MONDAY, never)
    assert (sent.sent, sent.elsewhere) == (3, 1)  # the lease of the first has not run out
    clock.now += timedelta(seconds=mail.LEASE_SECONDS)
    assert send(bank, mail_server, MONDAY, never).sent == 1
    assert Counter(mailbox.readers) == Counter([FIRST, *ALL])
    copies = [one["Message-ID"] for one in mailbox.messages if one["To"].addresses[0].addr_spec == FIRST]
    assert len(copies) == 2
    assert len(set(copies)) == 1


def test_killed_before_it_was_handed_over(bank, mail_server, mailbox, clock, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(mail, "hand_over", killed)
        with pytest.raises(Killed):
            send(bank, mail_server, MONDAY, never)
    clock.now += timedelta(seconds=mail.LEASE_SECONDS)
    assert send(bank, mail_server, MONDAY, never).sent == 4
    assert mailbox.readers == ALL


def test_two_at_once_tell_each_reader_once(bank, mail_server, mailbox):
    with ThreadPoolExecutor(2) as both:
        sent = list(both.map(lambda _: send(bank, mail_server, MONDAY, never), range(2)))
    assert sum(one.sent for one in sent) == 4
    assert mailbox.readers == ALL


def test_addresses_of_no_use_are_named(bank, mail_server, mailbox):
    bad = (
        Manager("M3", "", "B1", 5, "m3@bank.example\r\nBcc: thief@evil.example"),
        Manager("M4", "", "B1", 5, "m4@bank.example, thief@evil.example"),
        Manager("M5", "", "B1", 5, None),
    )
    publish(bank, (*THREE[:1], *bad), "run-2")
    sent = send(bank, mail_server, MONDAY, never)
    assert [one.number for one in sent.no_address] == ["", "M3", "M4", "M5"]
    assert mailbox.readers == ALL[:2]


def test_only_the_lists_that_are_served_are_told(bank, mail_server, mailbox):
    with pytest.raises(DataError, match="serves run-1 of Monday 2026-11-16, not of 2026-11-09"):
        send(bank, mail_server, date(2026, 11, 9), never)
    sentence = r"sender and link are not both set in \[mail\] of configs/banks/berka"
    with pytest.raises(ConfigError, match=sentence):
        send(Context(load_settings("berka"), bank.data), mail_server, MONDAY, never)
    assert mailbox.accepted == []


def test_after_a_run_no_failure_is_raised(bank, start_mail_server, mailbox, caplog):
    send_after_run(bank, lambda: None, MONDAY)
    assert caplog.text == ""
    send_after_run(bank, lambda: start_mail_server(mailbox, tls_context=None, require_starttls=False), MONDAY)
    assert "offers no STARTTLS" in caplog.text
    send_after_run(bank, lambda: start_mail_server(mailbox), MONDAY)
    assert mailbox.readers == ALL


def test_the_command_says_what_became_of_each(bank, mail_server, mailbox, monkeypatch):
    for name in ("host", "port", "ca"):
        monkeypatch.setenv(f"ATTRITION_SMTP_{name.upper()}", str(getattr(mail_server, name)))
    monkeypatch.setattr("pipeline.commands.options.context_of", lambda *_: bank)
    publish(bank, (*THREE, Manager("M4", "", "B1", 5, None)), "run-2")
    mailbox.answers["m2@bank.example"] = ["550 no such user"]
    result = CliRunner().invoke(app, ["mail", "--as-of", "2026-11-16"])
    assert result.stdout.splitlines() == [
        "3 notifications sent, 0 sent before",
        "refused by the mail server with 550: manager M2",
        "no address that mail can go to: the common list",
        "no address that mail can go to: manager M4",
    ]
    monkeypatch.delenv("ATTRITION_SMTP_HOST")
    result = CliRunner().invoke(app, ["mail", "--as-of", "2026-11-16"])
    assert str(result.exception) == "no mail server is named. Set ATTRITION_SMTP_HOST (docs/lists.md)."
