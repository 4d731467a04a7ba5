"""A session with a real mail mail_server: encrypted or not at all, and every failure of the right kind."""

import socket
from email.message import EmailMessage

import pytest
from pydantic import SecretStr

from configs.errors import ConfigError
from pipeline.lists.mail import LaterError, RefusedError, hand_over, session
from tests.mail_server import PASSWORD
from tests.servers import PATIENCE


def send(to):
    message = EmailMessage()
    message["From"], message["To"] = "attrition@bank.example", "li@bank.example"
    message.set_content("a link")
    with session(to, PATIENCE) as smtp:
        hand_over(smtp, to, message)


def test_a_message_is_handed_over_encrypted(mail_server, mailbox):
    send(mail_server)
    assert (mailbox.readers, mailbox.encrypted) == (["li@bank.example"], {True})


def test_nothing_is_sent_where_no_starttls_is_offered(start_mail_server, mailbox):
    with pytest.raises(ConfigError, match="offers no STARTTLS, so nothing was sent"):
        send(start_mail_server(mailbox, tls_context=None, require_starttls=False))
    assert mailbox.accepted == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ca": ""}, r"is not trusted: self-signed .*Name the file .* ATTRITION_SMTP_CA"),
        ({"host": "localhost"}, r"is not trusted: Hostname mismatch"),
        ({"ca": "/nowhere.pem"}, r"'/nowhere\.pem' cannot be read"),
        ({"ca": __file__}, r"test_smtp\.py' cannot be read"),
    ],
)
def test_nothing_is_sent_to_a_server_that_nobody_vouches_for(mail_server, mailbox, changed, said):
    with pytest.raises(ConfigError, match=said):
        send(mail_server.model_copy(update=changed))
    assert mailbox.accepted == []


@pytest.mark.parametrize("password", [PASSWORD, "wrong-one"])
def test_a_password_goes_over_tls_only_and_into_no_text(start_mail_server, mailbox, password, caplog, capfd):
    asks = start_mail_server(mailbox, authenticator=mailbox.login, auth_required=True)
    asks = asks.model_copy(update={"user": "attrition", "password": SecretStr(password)})
    if password == PASSWORD:
        send(asks)
        assert mailbox.readers == ["li@bank.example"]
    else:
        with pytest.raises(ConfigError, match="answered 535 to connection or login") as refused:
            send(asks)
        assert password not in str(refused.value)
        assert mailbox.accepted == []
    assert set(mailbox.logins) == {(b"attrition", password.encode())}
    assert password not in caplog.text + "".join(capfd.readouterr()) + repr(asks)


def test_a_login_that_nobody_asks_for_is_said(start_mail_server, mailbox):
    asks = start_mail_server(mailbox, auth_exclude_mechanism=["LOGIN", "PLAIN"])
    with pytest.raises(ConfigError, match="takes no login known here"):
        send(asks.model_copy(update={"user": "a", "password": SecretStr("b")}))


@pytest.mark.parametrize("what", ["li@bank.example", "content"])
def test_five_hundred_is_for_good_and_tells_the_code_alone(mail_server, mailbox, what):
    mailbox.answers[what] = ["550 no such user li@bank.example"]
    with pytest.raises(RefusedError, match=r"^refused with 550$"):
        send(mail_server)


@pytest.mark.parametrize("what", ["sender", "li@bank.example", "content"])
@pytest.mark.parametrize("code", ["450", "421"])
def test_four_hundred_is_for_now(mail_server, mailbox, what, code):
    mailbox.answers[what] = [f"{code} li@bank.example is busy"]
    with pytest.raises(LaterError, match=rf"answered {code}$"):
        send(mail_server)
    send(mail_server)


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_the_timeout(mail_server):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = mail_server.model_copy(update={"port": mute.getsockname()[1]})
        with pytest.raises(LaterError, match="did not answer"), session(silent, 0.2):
            pass
