"""Names, numbers, phones and tokens that come with requests are in no log, no error and no file but the
access log."""

import random
import re
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from serve.app import create_app
from serve.http.problems import Problem

SURNAMES, NAMES = "王李张刘陈杨赵黄周吴", "伟芳娜敏静丽强磊军洋勇艳杰涛明超"


def planted(count):
    """``count`` each of names, customers' numbers and phones, none of which could be there by chance."""
    chance = random.Random(20261116)
    for at in range(count):
        name = chance.choice(SURNAMES) + "".join(chance.choices(NAMES, k=2)) + f"·{at:05d}"
        yield (
            name,
            f"KD{chance.randrange(10**10, 10**11)}{at:05d}",
            f"+86 1{chance.randrange(3 * 10**9, 10**10)}",
        )


def requests(bearer, name, number, phone):
    """Everything a request can carry them in, most of it refused."""
    good, wrong = bearer("crm"), {"Authorization": f"Bearer {number}.{number}.{number}"}
    yield "GET", f"/v1/customers/{number}/risk", good
    yield "GET", f"/v1/customers/{quote(name)}/risk?language=zh", good
    yield "GET", f"/v1/customers/{quote(phone)}/risk", good
    yield "GET", f"/v1/managers/{quote(name)}/list?language={quote(phone)}", good
    yield "GET", f"/v1/customers/{number}/risk", bearer("analyst")
    yield "GET", f"/v1/customers/{number}/risk", bearer("manager", manager_id=number)
    yield "GET", f"/{number}?phone={quote(phone)}", good
    yield "POST", f"/v1/runs/latest?name={quote(name)}", good
    yield "GET", "/v1/runs/latest", good | {"X-Request-ID": number, "User-Agent": number, "Referer": number}
    yield "GET", "/v1/runs/latest", wrong
    yield "GET", "/v1/runs/latest", {"Authorization": f"Basic {number}"}
    yield "GET", "/v1/runs/latest", bearer(f"role of {number}")


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("count", [42, pytest.param(850, marks=pytest.mark.long)])
def test_what_a_request_carries_is_not_repeated(service, bearer, caplog, capfd, count):
    """12 requests for each of ``count`` people: 504, or 10,200."""
    caplog.set_level("DEBUG")
    told = []
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        for person in planted(count):
            for method, path, headers in requests(bearer, *person):
                answer = client.request(method, path, headers=headers)
                assert answer.status_code < 500
                told += [answer.text, repr(answer.headers)]
    mine = [record for record in caplog.records if not record.name.startswith(("http", "asyncio"))]
    logged = "\n".join(record.getMessage() for record in mine)
    assert "a token was refused" in logged
    everything = "\n".join([logged, *told, *capfd.readouterr()])
    found = [
        one for person in planted(count) for one in person if one in everything or quote(one) in everything
    ]
    assert found == []
    secrets = [service.token_key.get_secret_value(), service.audit_key.get_secret_value()]
    assert not [one for one in secrets if one in everything]
    assert not re.search(r"eyJ[\w-]{10,}", everything)


def test_a_secret_is_in_no_text_of_the_app_or_its_settings(service):
    app = create_app(service)
    state = app.state._state
    shown = (
        repr(app.state.settings) + repr(app) + "".join(f"{name} {value!r}" for name, value in state.items())
    )
    for one in (service.token_key, service.audit_key):
        assert one.get_secret_value() not in shown
        assert repr(bytes.fromhex(one.get_secret_value()))[2:-1] not in shown


@pytest.mark.usefixtures("published")
def test_a_fault_within_an_answer_names_nobody(service, bearer, monkeypatch):
    app = create_app(service)

    def fault(*_):
        raise ValueError("customer KD777 of 张伟")

    monkeypatch.setattr(app.state.store, "at_run", fault)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/v1/customers/KD777/risk", headers=bearer("crm"))
    assert Problem.model_validate(answer.json()).status == answer.status_code == 500
    for word in ("KD777", "ValueError"):
        assert word not in answer.text + repr(answer.headers)
