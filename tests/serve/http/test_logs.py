"""A line of the log is JSON, and nothing in it tells of a person or lets anybody in."""

import io
import json
import logging
import secrets

import jwt
import pytest

from serve.http import logs


@pytest.fixture
def lines():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter())
    log = logging.Logger("test")
    log.addHandler(handler)
    return log, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


TOKEN = jwt.encode({"sub": "li"}, secrets.token_hex(32), algorithm="HS256")
PLANTED = [
    "6228000659757221527",
    "KD12345678",
    "+86 13912345678",
    "张伟",
    "Zoë",
    TOKEN,
    f"Bearer {secrets.token_urlsafe(9)}",
    secrets.token_hex(32),
    secrets.token_urlsafe(48),
    "postgresql://reader:hunter2@host/db",
]


@pytest.mark.parametrize("one", PLANTED, ids=range(len(PLANTED)))
def test_numbers_names_tokens_and_secrets_are_masked(lines, one):
    log, told = lines
    log.warning("asked for %s again", one)
    (line,) = told()
    core = "hunter2" if "hunter2" in one else one.removeprefix("Bearer ").removeprefix("+86 ")
    assert core not in json.dumps(line, ensure_ascii=False)
    assert logs.MASK in line["event"]
    assert line["event"].startswith("asked for ")


def test_our_own_messages_are_told_as_they_are(lines):
    log, told = lines
    message = "request 0b6a of route customer_risk: status 503 after 31.00 s, 2026-11-16, 3 of 500 rows"
    log.error(message)
    (line,) = told()
    assert (line["event"], line["level"], line["logger"]) == (message, "error", "test")
    assert line["timestamp"].startswith("20")


def test_of_an_exception_only_its_kind_and_place_are_told(lines):
    log, told = lines
    try:
        raise ValueError("customer KD777 of 张伟 has 5 CNY")
    except ValueError:
        log.exception("failed")
    (line,) = told()
    assert line["fault"] == "ValueError"
    assert any("test_logs.py" in one for one in line["through"])
    text = json.dumps(line, ensure_ascii=False)
    assert not [one for one in ("KD777", "张伟", "CNY") if one in text]
