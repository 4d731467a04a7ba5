"""The store with 200,000 customers: what is published with it, and the way back (R6)."""

from hashlib import sha256

import pytest
from fastapi.testclient import TestClient

from benchmarks import serve_scores
from serve.app import create_app
from serve.store.store import Store

pytestmark = pytest.mark.either_store

CUSTOMERS = 200_000


def told(client):
    """The bytes of some customers, of a branch and of the run; the whole export as a hash."""
    some = (serve_scores.customer_id(number) for number in range(0, CUSTOMERS, CUSTOMERS // 50))
    paths = [f"/v1/customers/{one}/risk" for one in some]
    answers = [client.get(path) for path in (*paths, "/v1/branches/B07/summary", "/v1/runs/latest")]
    assert {one.status_code for one in answers} == {200}
    export = sha256()
    with client.stream("GET", "/v1/exports/scores") as rows:
        for piece in rows.iter_bytes():
            export.update(piece)
    return [one.content for one in answers] + [export.digest()]


@pytest.mark.long
def test_a_roll_back_gives_the_old_bytes(service, bearer, store_url):
    with Store(store_url) as store, TestClient(create_app(service), headers=bearer("crm")) as client:
        serve_scores.publish(store_url, 1, CUSTOMERS)
        before = told(client)
        serve_scores.publish(store_url, 2, CUSTOMERS)
        assert all(old != new for old, new in zip(before, told(client), strict=True))
        store.rollback()
        assert told(client) == before
