"""The words of a notification, in both languages, and that no name makes it say more."""

import email
from datetime import UTC, datetime
from email import policy

import pytest

from configs.bank_folder import load_settings
from pipeline.lists.mail import Notification, message_of
from serve.store.outbox import Recipient
from tests.serve.conftest import published_run

RUN = published_run()
NINE = datetime(2026, 11, 16, 9, tzinfo=UTC)
WORDS = {"sender": "attrition@bank.example", "link": "https://attrition.bank.example/"}
ZHANG = Notification(Recipient("manager", "M1"), "张伟", "m1@bank.example")
BRANCH = Notification(Recipient("branch", "B1"), "", "head.b1@bank.example")


def written(notification, run=RUN, **settings):
    """As it arrives."""
    settings = load_settings("demo", {"mail": WORDS, "title": "Demo Bank"} | settings)
    message = message_of(notification, run, settings, NINE)
    return email.message_from_bytes(bytes(message).replace(b"\r\n", b"\n"), policy=policy.default)


def test_a_managers_notification_in_chinese():
    message = written(ZHANG)
    assert message["From"].addresses[0].addr_spec == "attrition@bank.example"
    assert message["To"].addresses[0].display_name == "张伟"
    assert message["To"].addresses[0].addr_spec == "m1@bank.example"
    assert message["Subject"] == "客户联系名单，2026年11月16日当周"
    assert message["Date"].datetime == NINE
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content() == (
        "张伟，您好：\n\n2026年11月16日当周的客户联系名单已生成：\n\nhttps://attrition.bank.example/\n\n"
        "请登录系统查看名单，并记录每次联系的结果。\n\n本邮件不含任何客户信息；回复时也请勿提及客户信息。\n\n"
        "Demo Bank\n"
    )


def test_a_branchs_notification_in_english_greets_nobody_by_name():
    message = written(BRANCH, language="en")
    assert message["Subject"] == "Branch B1: unassigned customers, week of 16 Nov 2026"
    assert message.get_content().startswith(
        "The list of customers of branch B1 who have no manager, to be called in the week of 16 Nov 2026, "
        "is ready:\n\n"
        "https://attrition.bank.example/\n\nSign in there"
    )
    assert written(ZHANG, language="en").get_content().startswith("Dear 张伟,\n\nYour list")


@pytest.mark.parametrize(("language", "subject"), [
    ("en", "Customers to call, week of 16 Nov 2026"), ("zh", "公共客户联系名单，2026年11月16日当周")
])  # fmt: skip
def test_the_notification_of_the_common_list_names_no_branch(language, subject):
    common = Notification(Recipient("common", ""), "", "desk@bank.example")
    message = written(common, language=language)
    assert message["Subject"] == subject
    assert not [word for word in ("None", "branch", "支行") if word in message.get_content()]
    assert str(common.to) == "the common list"


def test_a_message_id_tells_a_second_copy_from_another_message():
    other = published_run("run-2")
    manager = Notification(Recipient("manager", "B1"), "", "head.b1@bank.example")
    found = [written(*one)["Message-ID"] for one in ((ZHANG,), (BRANCH,), (manager,), (ZHANG, other))]
    assert len(set(found)) == 4
    assert written(ZHANG)["Message-ID"] == found[0]
    assert found[0].endswith("@bank.example>")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Li\r\nBcc: thief@evil.example\r\n\r\nbody", "Li Bcc: thief@evil.example body"),
        ('"Li" <thief@evil.example>, Lei', '"Li" <thief@evil.example>, Lei'),
        ("Li\u202eieL\x00", "Li ieL"),
        ("\u2028\n", ""),
    ],
)
def test_a_name_adds_no_header_and_no_recipient(name, shown):
    message = written(Notification(Recipient("manager", "M1"), name, "m1@bank.example"))
    (to,) = message["To"].addresses
    assert (to.display_name, to.addr_spec) == (shown, "m1@bank.example")
    assert message["Bcc"] is None
    assert len(message.keys()) == 9


def test_a_branch_number_adds_no_header():
    message = written(Notification(Recipient("branch", "B1\nBcc: thief@evil.example"), "", "a@bank.example"))
    assert message["Bcc"] is None
    assert "B1 Bcc: thief@evil.example" in message["Subject"]
