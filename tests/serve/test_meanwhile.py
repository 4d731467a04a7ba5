"""Readers while runs are published: every answer, every page sequence and every export is of one run."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Event

import pytest
from fastapi.testclient import TestClient

from serve.app import create_app
from serve.store.store import Store

pytestmark = pytest.mark.either_store

FIRST = date(2026, 1, 5)


@pytest.fixture
def publish(make_run, make_score, make_lists, exclusions):
    """Run n, on the n-th Monday, in which every risk is n thousandths."""

    def publish(store, number):
        scores = [make_score(f"c{place}", risk_90d=number / 1_000) for place in range(1, 6)]
        run = make_run(f"run-{number}", FIRST + timedelta(weeks=number))
        store.publish(run, scores, exclusions, make_lists(scores))

    return publish


def of_one_run(answers):
    """The risks of several answers or rows, all of the run that the first one names."""
    (run_id,) = {one["run_id"] for one in answers}
    rows = [row for one in answers for row in one.get("customers", [one])]
    assert {row["risk_90d"] for row in rows} == {int(run_id.removeprefix("run-")) / 1_000}
    return run_id


def read_once(client):
    """Two pages of a list, a batch, and an export, each of one run; how many answers were looked at."""
    first = client.get("/v1/managers/M1/list?limit=1").json()
    second = client.get("/v1/managers/M1/list", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    of_one_run([first, second])
    assert (first["customers"][0]["rank"], second["customers"][0]["rank"]) == (1, 2)
    of_one_run([client.post("/v1/customers/risk", json={"customer_ids": ["c1", "c5"]}).json()])
    export = client.get("/v1/exports/scores")
    rows = [json.loads(line) for line in export.text.splitlines()]
    assert len(rows) == 5
    assert of_one_run(rows) == export.headers["attrition-run"]
    return 4


@pytest.mark.parametrize("publications", [6, pytest.param(50, marks=pytest.mark.long)])
def test_eight_readers_meet_one_run_in_each_answer_whatever_is_published(
    service, bearer, store_url, publish, publications
):
    many = service.model_copy(update={"exports": 16, "exports_of_all": 16})
    with Store(store_url) as store, TestClient(create_app(many), headers=bearer("crm")) as client:
        publish(store, 1)
        done = Event()

        def read(_number):
            answers = 0
            while not done.is_set() or not answers:
                answers += read_once(client)
            return answers

        with ThreadPoolExecutor(8) as threads:
            readers = [threads.submit(read, number) for number in range(8)]
            try:
                for number in range(2, publications + 2):
                    publish(store, number)
            finally:
                done.set()
            answers = sum(one.result() for one in readers)
        assert answers >= 32
        assert client.get("/v1/runs/latest").json()["run_id"] == f"run-{publications + 1}"


def test_after_a_roll_back_every_answer_is_as_before(service, bearer, store_url, publish):
    """The bytes of before (R6); `make bench-serve` times it."""
    paths = ("/v1/customers/c1/risk", "/v1/managers/M1/list", "/v1/exports/scores", "/v1/runs/latest")
    with Store(store_url) as store, TestClient(create_app(service), headers=bearer("crm")) as client:
        publish(store, 1)
        before = [client.get(path).content for path in paths]
        publish(store, 2)
        assert client.get(paths[0]).json()["risk_90d"] == 0.002
        store.rollback()
        assert [client.get(path).content for path in paths] == before
