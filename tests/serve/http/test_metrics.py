"""What Prometheus is told: by route and status, how old the scores are, and nobody's number."""

import socket
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from configs.errors import ConfigError
from serve.app import create_app
from serve.http.metrics import ServedRun, serve


def shown(store):
    registry = CollectorRegistry()
    registry.register(ServedRun(store))
    return {
        line.split(" ")[0]: float(line.split(" ")[1])
        for line in generate_latest(registry).decode().splitlines()
        if not line.startswith("#")
    }


def test_a_port_that_somebody_else_serves_on_is_named(store):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1, port {port}: .*ATTRITION_METRICS_PORT"):
            serve("127.0.0.1", port, store)


def test_a_store_without_a_run_says_so(store):
    assert shown(store) == {"attrition_store_readable": 0}


def age_seconds():
    return (datetime.now(UTC) - datetime(2026, 11, 16, tzinfo=UTC)).total_seconds()


def test_the_served_run(published):
    """Published for Monday 2026-11-16: five scored, one too new."""
    youngest = age_seconds()
    found = shown(published)
    assert youngest <= found.pop("attrition_scores_age_seconds") <= age_seconds()
    assert found == {
        "attrition_store_readable": 1,
        "attrition_cohort_customers": 5,
        'attrition_excluded_customers{code="too_new"}': 1,
    }


@pytest.mark.usefixtures("published")
def test_requests_are_counted_by_route_and_status(service, bearer):
    def count(route, status):
        labels = {"route": route, "status": status}
        return REGISTRY.get_sample_value("attrition_requests_total", labels) or 0

    asked = [("customer_risk", "200"), ("customer_risk", "404"), ("latest_run", "401"), ("none", "404")]
    before = [count(*one) for one in asked]
    waited = REGISTRY.get_sample_value("attrition_access_log_seconds_count")
    with TestClient(create_app(service)) as client:
        for _ in range(3):  # the second and third take the shortcut
            client.get("/v1/customers/c1/risk", headers=bearer("crm"))
        client.get("/v1/customers/KD777/risk", headers=bearer("crm"))
        client.get("/v1/runs/latest")
        client.get("/KD777")
    assert [count(*one) - was for one, was in zip(asked, before, strict=True)] == [3, 1, 1, 1]
    assert REGISTRY.get_sample_value("attrition_access_log_seconds_count") - waited == 4
    assert "KD777" not in generate_latest(REGISTRY).decode()


@pytest.mark.usefixtures("published")
def test_a_caller_who_reads_far_more_is_counted_once_a_day(service, bearer):
    """A day of one answer raises no alarm, the second answer does, and a third none again."""

    def alarms():
        return REGISTRY.get_sample_value("attrition_alarms_total")

    before, counted = alarms(), []
    with TestClient(create_app(service.model_copy(update={"alarm_answers": 1}))) as client:
        for _ in range(3):
            client.get("/v1/customers/c1/risk", headers=bearer("crm"))
            counted.append(alarms() - before)
    assert counted == [0, 1, 1]
