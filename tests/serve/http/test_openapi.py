"""The API's document: valid, short, and true about headers."""

import json

import pytest
from fastapi.testclient import TestClient
from openapi_spec_validator import validate

from serve.app import create_app
from serve.http.openapi import TAGS, compact

STANDARD = {"content-type", "content-length", "content-encoding", "vary", "cache-control", "x-request-id"}
LARGEST = 68_000  # bytes


@pytest.fixture
def client(service, published, bearer):  # noqa: ARG001 (published for its rows)
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        yield client


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json()


def test_the_document_is_valid_and_short(client, document):
    validate(document)
    size = len(client.get("/openapi.json", headers={"Accept-Encoding": "identity"}).content)
    print(f"{size} bytes, {sum(map(len, document['paths'].values()))} operations")
    assert size < LARGEST
    references = {word for word in json.dumps(document).split('"') if word.startswith("#/components/")}
    for reference in references:
        _, _, kind, name = reference.split("/")
        assert name in document["components"][kind], reference
    unused = {
        f"#/components/{kind}/{name}"
        for kind in ("responses", "parameters", "headers", "schemas")
        for name in document["components"][kind]
    } - references
    assert not unused
    assert [tag["name"] for tag in document["tags"]] == list(TAGS)
    assert all(
        operation["tags"][0] in TAGS for path in document["paths"].values() for operation in path.values()
    )


def test_the_server_is_the_prefix_of_the_proxy(service):
    below = service.model_copy(update={"prefix": "/attrition"})
    assert create_app(service).openapi()["servers"] == [{"url": "/"}]
    assert create_app(below).openapi()["servers"] == [{"url": "/attrition"}]


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("/v1/customers/{customer_id}/risk", {}),
        ("/v1/managers/{manager_id}/list", {}),
        ("/v1/exports/scores", {}),
        ("/v1/runs/{run_id}", {"Authorization": ""}),
        ("/healthz", {}),
    ],
)
def test_every_header_that_is_sent_is_declared(client, document, path, head):
    asked = path.format(customer_id="c1", manager_id="M1", run_id="latest")
    answer = client.get(asked, headers=head)
    responses = document["paths"][path]["get"]["responses"]
    declared = responses.get(str(answer.status_code)) or responses["4XX"]
    if "$ref" in declared:
        declared = document["components"]["responses"][declared["$ref"].rpartition("/")[2]]
    sent = set(answer.headers) - STANDARD
    safe = {name for name in sent if name.startswith(("content-security", "cross-", "referrer", "x-content"))}
    names = {name.lower() for name in declared.get("headers", {})} - {"attrition-warning"}
    alike = {"ratelimit", "ratelimit-policy", "etag"}  # of all answers, as the document says at its head
    assert sent - safe - alike == names if answer.is_success else sent - safe <= names
    assert sent - safe or path == "/healthz"


def test_what_two_places_share_stands_once_and_what_differs_stays():
    def operation(name, default):
        parameter = {"name": "limit", "in": "query", "required": False, "schema": {"default": default}}
        return {
            "operationId": name,
            "tags": ["runs"],
            "description": "Says it. And more.",
            "parameters": [parameter],
            "responses": {},
            "security": [],
        }

    paths = {
        f"/{name}": {"get": operation(name, default)} for name, default in zip("abc", (1, 1, 2), strict=True)
    }
    money = {
        "type": "number",
        "description": "amount in the base currency of the bank that published the run",
    }
    models = {
        name: {
            "properties": {"money": dict(money), "title": {"type": "string", "title": "Title"}},
            "title": name,
        }
        for name in ("One", "Two")
    }
    short = compact({"info": {}, "paths": paths, "components": {"schemas": models}})
    reference = {"$ref": "#/components/parameters/limit"}
    limits = [short["paths"][f"/{name}"]["get"]["parameters"] for name in "abc"]
    assert limits[:2] == [[reference], [reference]]
    assert limits[2][0]["schema"] == {"default": 2}
    alone = operation("alone", 3)
    alone["parameters"][0]["name"] = "cursor"
    assert (
        "cursor"
        not in compact({"info": {}, "paths": {"/": {"get": alone}}, "components": {"schemas": {}}})[
            "components"
        ]["parameters"]
    )
    schemas = short["components"]["schemas"]
    assert schemas["money"] == money
    for name in models:
        assert schemas[name]["properties"] == {
            "money": {"$ref": "#/components/schemas/money"},
            "title": {"type": "string"},
        }
