"""Every route: what it answers, what it refuses, and what its document promises."""

import json
import secrets
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from configs.errors import ConfigError
from serve.api.export_formats import COLUMNS
from serve.api.requests import EXAMPLES
from serve.app import create_app
from serve.http.openapi import COMMON
from serve.http.problem_kinds import KINDS
from serve.http.problems import Problem
from tests.serve.conftest import SHOWN

SECRET = secrets.token_hex(32)
BESIDE = dict.fromkeys(("maturities", "history", "contacts", "opted_out_since", "person"))
SOURCE = {"snapshot_date": "2026-11-16", "run_id": "run-1", "model_id": "model-1", "warning": None}
MONDAY = date(2026, 11, 16)
ROUTES = ("/v1/customers/c1/risk", "/v1/managers/M1/list", "/v1/runs/latest")
HEAVY = {"numpy", "lightgbm", "mlflow", "pandas", "polars", "pyarrow", "duckdb", "sklearn", "xlsxwriter"}


def refused(response, status):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(response.json())
    assert problem.status == status
    return problem


def test_a_scored_customer(client):
    response = client.get("/v1/customers/c3/risk")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == SOURCE | BESIDE | SHOWN | {
        "status": "scored",
        "customer_id": "c3",
        "risk_30d": None,
        "risk_60d": None,
        "risk_90d": 0.01,
        "risk": 0.01,
        "horizon_days": 90,
        "risk_band": "low",
        "money_at_risk": 100.0,
        "reasons": [
            {
                "group": "outflow",
                "title": "moving money to other banks",
                "text": "Moved 480,000 CNY to other banks",
                "strength": "strong",
            }
        ],
        "risk_change": None,
        "change": None,
        "decision": "beyond_capacity",
        "decision_why": "less_to_keep",
        "decision_text": "Not listed: the list is full, and calls to the customers on it are expected to "
        "keep more money.",
        "decision_until": None,
        "rank": None,
        "part": None,
        "money_to_keep": 29.7,
        "next_step": None,
        "channel": None,
        "rests_on": None,
        "rests_on_text": None,
    }


def test_an_excluded_customer_in_chinese(client):
    told = {"customer_id": "c6", "code": "too_new", "explanation": "开户时间太短，不参与评分。"}
    found = client.get("/v1/customers/c6/risk?language=zh").json()
    assert found == SOURCE | BESIDE | told | {"status": "excluded"}


def test_a_managers_list_by_rank_without_the_opted_out(client):
    found = client.get("/v1/managers/M1/list?language=zh").json()
    assert (found["manager_id"], found["name"], found["branch_id"]) == ("M1", "张伟", "B1")
    assert (found["weekly_capacity"], found["currency"]) == (2, "CNY")
    assert [(one["rank"], one["customer_id"]) for one in found["customers"]] == [(1, "c4"), (2, "c1")]
    assert found["customers"][1]["reasons"][0]["text"] == "近 4 周转往他行 480,000 元"


def test_the_latest_run(client):
    run = SOURCE | {"bank": "demo", "currency": "CNY", "cohort": 5, "excluded": {"too_new": 1}}
    run |= {"counts": "money"}
    run |= {"data_through": {}, "gate_overrides": []}
    assert client.get("/v1/runs/latest").json() == run


@pytest.mark.usefixtures("published")
def test_a_monday_that_is_too_old_is_answered_with_a_warning(service, bearer):
    said = "These scores are of Monday 2026-11-16; no newer run is served."
    age = (datetime.now(UTC).date() - MONDAY).days
    app = create_app(service.model_copy(update={"stale_days": age - 1}))
    with TestClient(app, headers=bearer("crm")) as client:
        for route in ROUTES:
            found = client.get(route)
            assert (found.json()["warning"], found.headers["attrition-warning"]) == (said, said)
        app.state.settings = service.model_copy(update={"stale_days": age + 1})  # midnight may have passed
        assert "attrition-warning" not in client.get(ROUTES[0]).headers


def test_a_long_answer_is_compressed_for_who_takes_it(client):
    path = "/openapi.json"
    packed, plain = client.get(path), client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "ключ".encode()]
)
@pytest.mark.parametrize("route", [*ROUTES, "/v1/customers/unknown/risk", "/v1/customers/a b/risk"])
def test_without_a_token_nothing_is_told(client, route, header):
    client.headers.pop("Authorization")
    response = client.get(route, headers={"Authorization": header} if header is not None else {})
    refused(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "c1" not in response.text


@pytest.mark.parametrize("route", ["/v1/customers/zz/risk", "/v1/managers/zz/list", "/v1/zz", "/redoc"])
def test_what_is_unknown_is_404(client, route):
    assert "zz" not in refused(client.get(route), 404).detail


@pytest.mark.parametrize("bad", ["%20a", "%00", "a%0Ab", "x" * 65, "%E3%80%80", "c1%7F"])
def test_a_malformed_id_is_422_and_not_repeated(client, bad):
    assert bad not in refused(client.get(f"/v1/customers/{bad}/risk"), 422).detail
    refused(client.get(f"/v1/managers/{bad}/list"), 422)


def test_an_unknown_language_and_a_write_are_refused(client):
    refused(client.get("/v1/customers/c1/risk?language=fr"), 422)
    refused(client.post("/v1/runs/latest"), 405)


@pytest.mark.parametrize("evil", ["=1+1", "'%20OR%201=1--", "';DROP", "..", "%2e%2e", "客户"])
def test_odd_ids_are_only_unknown(client, evil):
    refused(client.get(f"/v1/customers/{evil}x/risk"), 404)


@pytest.mark.parametrize("route", [*ROUTES, "/readyz"])
def test_before_the_first_run_the_service_is_alive_but_not_ready(service, bearer, route, caplog):
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        problem = refused(client.get(route), 503)
        assert client.get("/healthz").json() == {"status": "ok"}
    assert "make weekly" in problem.remedy
    assert "store.db" not in problem.detail
    assert "there is no score store at" in caplog.text


def whole(part, document):
    """A part of the document with what its references stand for, but for schemas."""
    if isinstance(part, list):
        return [whole(content, document) for content in part]
    if not isinstance(part, dict):
        return part
    reference = part.get("$ref", "#/components/schemas/")
    if reference.startswith("#/components/schemas/"):
        return {name: whole(content, document) for name, content in part.items()}
    _, _, kind, name = reference.split("/")
    return whole(document["components"][kind][name], document)


def documented(client):
    """Each route of the API with its entry in the document, which tells nothing of the pages."""
    document = client.get("/openapi.json").json()
    paths = whole(document["paths"], document)
    for route in iter_route_contexts(client.app.routes):
        if route.path in paths or route.path.startswith("/v1"):
            (method,) = route.methods
            yield route, paths[route.path][method.lower()]


def test_the_document_has_examples_and_each_fits_its_model(client):
    exemplified = set()
    for route, entry in documented(client):
        assert entry["operationId"] == route.name
        model = TypeAdapter(route.original_route.response_model or Any)
        given = [response for status, response in entry["responses"].items() if status in ("200", "201")]
        examples = [
            one["value"] for kind in given[0]["content"].values() for one in kind.get("examples", {}).values()
        ]
        exemplified |= {route.name} if examples else set()
        for example in examples:
            assert model.validate_json(TypeAdapter(Any).dump_json(example)), route.name
            if route.name.startswith("export"):
                rows = [list(json.loads(line)) for line in example.splitlines()]
                assert rows == [list(COLUMNS)] * len(rows)
    assert exemplified >= set(EXAMPLES) - {"one_run"} | {"latest_run"}


def test_the_document_says_every_status_with_what_to_do(client):
    for route, entry in documented(client):
        for status, response in entry["responses"].items():
            if status == "4XX":
                content = response["content"]["application/problem+json"]
                assert all(f"{common} " in response["description"] for common in COMMON)
                assert Problem.model_validate(content["example"]).status == 422
            elif status >= "400":
                content = response["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert set(response["description"].split("; ")) <= {kind.title for kind in KINDS.values()}
        if route.path.startswith("/v1"):
            assert "4XX" in entry["responses"], route.name  # and 503, as the document says at its head
            assert not set(COMMON) & set(entry["responses"])


def test_an_answer_tells_scored_from_excluded_by_its_status(client):
    document = client.get("/openapi.json").json()
    answer = document["paths"]["/v1/customers/{customer_id}/risk"]["get"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    assert schema["discriminator"]["propertyName"] == "status"
    assert len(schema["oneOf"]) == 2


def test_the_factory_reads_the_environment_and_refuses_a_weak_secret(monkeypatch):
    monkeypatch.setenv("ATTRITION_DEMO", "true")
    monkeypatch.setenv("ATTRITION_AUDIT_KEY", secrets.token_hex(32))
    monkeypatch.setenv("ATTRITION_TOKEN_KEY", "00" * 32)
    with pytest.raises(ConfigError, match="ATTRITION_TOKEN_KEY is weak"):
        create_app()
    monkeypatch.setenv("ATTRITION_TOKEN_KEY", SECRET)
    assert create_app().state.settings.demo


def test_while_the_identity_provider_cannot_be_reached_api_and_pages_say_503(bank_service):
    with TestClient(create_app(bank_service), base_url="https://bank.example") as client:
        token = jwt.encode({}, SECRET, headers={"kid": "k1"})
        answer = client.get(ROUTES[0], headers={"Authorization": f"Bearer {token}"})
        assert "identity provider's keys cannot be read" in refused(answer, 503).detail
        client.cookies.set("__Host-attrition-session", token, domain="bank.example")
        assert client.get("/lists/M1").status_code == 503


def test_the_service_imports_nothing_heavy():
    code = "import serve.app, sys; print(*{name.split('.')[0] for name in sys.modules})"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
