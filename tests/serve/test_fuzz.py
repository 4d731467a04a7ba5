"""Requests made from the API's own document, right and wrong: no fault, and no status that it does not name."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as some
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serve.api import create_app
from serve.guard.policy import Role

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# What stands in the store, so that not everything is unknown.
KNOWN = {"customer_id": "c1", "manager_id": "M1", "branch_id": "B1", "run_id": "run-1"}


def known(part):
    """A part of a request with numbers that the store knows."""
    return {name: KNOWN.get(name, value) for name, value in part.items()} if isinstance(part, dict) else part


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    "requests",
    [90, pytest.param(2_000, marks=pytest.mark.long), pytest.param(10_000, marks=pytest.mark.long)],
)
def test_made_up_requests_are_answered_as_the_document_says(service, bearer, requests):
    app = create_app(service)
    operations = [
        one.ok() for one in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]
    heads = [bearer(role, manager_id="M1", branch_id="B1") for role in Role] + [{}]
    sent = dict.fromkeys((one.label for one in operations), 0)

    def tried(operation):
        ways = some.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

        @seed(20261116)
        @settings(
            max_examples=-(-requests // len(operations)),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=ways, head=some.sampled_from(heads), real=some.booleans())
        def answered(case, head, real):
            if real:
                case.path_parameters, case.body = known(case.path_parameters), known(case.body)
            sent[operation.label] += 1
            case.call_and_validate(headers=head, checks=CHECKS)

        answered()

    for operation in operations:
        tried(operation)
    app.state.access_log.close()
    app.state.store.close()
    assert min(sent.values()) > 0
