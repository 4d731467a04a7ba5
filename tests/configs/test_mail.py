"""Addresses, links and the mail server: refused where they are wrong, and the password is never told."""

import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.mail import is_address
from configs.service import load_mail_server


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("li.lei@bank.example", True),
        ("o'neil+lists@sub.bank-1.example", True),
        ("li@localhost", True),
        ("", False),
        ("li", False),
        ("@bank.example", False),
        ("li@", False),
        ("li..lei@bank.example", False),
        ("li@bank..example", False),
        ("li@bank.example\r\nBcc: a@b.example", False),
        ("li@bank.example\n", False),
        ("li@bank.example,a@b.example", False),
        ("<li@bank.example>", False),
        ("李@bank.example", False),
        ("l" * 250 + "@b.example", False),
    ],
)
def test_what_is_an_address(text, good):
    assert is_address(text) == good


@pytest.mark.parametrize(
    ("mail", "said"),
    [
        ({"sender": "the bank"}, "mail.sender: 'the bank' is no mail address"),
        ({"branches": {"B1": "head"}}, "mail.branches.B1: 'head' is no mail address"),
        ({"link": "http://attrition.bank.example/"}, "is no https address"),
        ({"link": "https://attrition.bank.example/\nsee"}, "is no https address"),
        ({"link": "javascript:alert(1)"}, "is no https address"),
        ({"lnk": "x"}, "unknown key 'mail.lnk'. Did you mean 'link'?"),
    ],
)
def test_what_a_bank_may_not_say(mail, said):
    with pytest.raises(ConfigError) as refused:
        load_settings("demo", {"mail": mail})
    assert said in str(refused.value)


def test_without_a_host_there_is_no_server():
    assert load_mail_server() is None


def test_the_server_comes_from_the_environment_and_keeps_its_password(monkeypatch):
    for name, value in {"HOST": "mail.bank.example", "USER": "a", "PASSWORD": "hunter2-geheim"}.items():
        monkeypatch.setenv(f"ATTRITION_SMTP_{name}", value)
    server = load_mail_server()
    assert server is not None
    assert server.host == "mail.bank.example"
    assert server.port == 587
    assert server.password.get_secret_value() == "hunter2-geheim"
    assert "hunter2" not in repr(server) + str(server) + server.model_dump_json()


def test_a_wrong_variable_is_named_without_its_value(monkeypatch):
    monkeypatch.setenv("ATTRITION_SMTP_HOST", "mail")
    monkeypatch.setenv("ATTRITION_SMTP_PORT", "hunter2-geheim")
    with pytest.raises(ConfigError, match="no mail can be sent: ATTRITION_SMTP_PORT: ") as refused:
        load_mail_server()
    assert "hunter2" not in str(refused.value)
    monkeypatch.delenv("ATTRITION_SMTP_PORT")
    monkeypatch.setenv("ATTRITION_SMTP_PASSWORD", "hunter2-geheim")
    with pytest.raises(ConfigError, match="ATTRITION_SMTP_PASSWORD go together") as refused:
        load_mail_server()
    assert "hunter2" not in str(refused.value)
