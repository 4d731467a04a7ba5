"""Metrics for Prometheus, on a port of their own: requests, how long they take, the age of what is served,
alarms.

Labels are names of routes, statuses and codes; nobody's number is ever one.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time
from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from configs.errors import ConfigError, DataError
from serve.store.store import Store

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)

REQUESTS = Counter("attrition_requests", "Requests answered.", ["route", "status"])
REQUEST_SECONDS = Histogram(
    "attrition_request_seconds", "From the request to the end of its answer.", ["route"], buckets=_SECONDS
)
ACCESS_LOG_SECONDS = Histogram(
    "attrition_access_log_seconds", "What an answer waits for its entry to be on disk.", buckets=_SECONDS
)
ALARMS = Counter("attrition_alarms", "Callers who read far more customers than usual, once a day each.")


class ServedRun(Collector):
    """The run that is served, read from the store whenever Prometheus asks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            run = self._store.latest_run()
        except DataError:
            yield GaugeMetricFamily("attrition_store_readable", "1 if a run can be served.", 0)
            return
        yield GaugeMetricFamily("attrition_store_readable", "1 if a run can be served.", 1)
        monday = datetime.combine(run.snapshot_date, time(), UTC)
        age = (datetime.now(UTC) - monday).total_seconds()
        yield GaugeMetricFamily("attrition_scores_age_seconds", "Since the Monday of the served run.", age)
        yield GaugeMetricFamily(
            "attrition_cohort_customers", "Customers scored by the served run.", run.cohort
        )
        excluded = GaugeMetricFamily(
            "attrition_excluded_customers", "Customers not eligible.", labels=["code"]
        )
        for code, count in run.excluded.items():
            excluded.add_metric([code], count)
        yield excluded


def observe(route: str, status: int, seconds: float) -> None:
    count, duration = _labelled(route, status)
    count.inc()
    duration.observe(seconds)


@cache
def _labelled(route: str, status: int) -> tuple[Counter, Histogram]:
    """Looked up once: there are few routes and statuses, and many requests."""
    return REQUESTS.labels(route, status), REQUEST_SECONDS.labels(route)


def serve(host: str, port: int, store: Store) -> None:
    """Answers in a thread for all workers: each leaves its figures in the folder PROMETHEUS_MULTIPROC_DIR.

    Raises ConfigError where the port cannot be opened.
    """
    registry = CollectorRegistry() if "PROMETHEUS_MULTIPROC_DIR" in os.environ else REGISTRY
    if registry is not REGISTRY:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigError(
            f"the metrics cannot be served on {host}, port {port}: {error.strerror}. Set "
            "ATTRITION_METRICS_PORT to a free port, or to 0 for none, and ATTRITION_METRICS_HOST to an "
            "address of this machine."
        ) from None
    registry.register(ServedRun(store))
