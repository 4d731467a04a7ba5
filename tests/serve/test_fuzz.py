"""Requests made from the API's own document, right and wrong: no fault, and no status that it does not
name."""

from collections import Counter

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

from serve.app import create_app
from serve.auth.policy import Role

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# What stands in the store, so that not everything is unknown.
KNOWN = {"customer_id": "c1", "manager_id": "M1", "branch_id": "B1", "run_id": "run-1"}


def known(part):
    """A part of a request with numbers that the store knows."""
    return {name: KNOWN.get(name, value) for name, value in part.items()} if isinstance(part, dict) else part


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("requests", [180, pytest.param(10_000, marks=pytest.mark.long)])
def test_made_up_requests_are_answered_as_the_document_says(service, bearer, requests):
    app = create_app(service)
    operations = [
        one.ok() for one in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]
    heads = [bearer(role, manager_id="M1", branch_id="B1") for role in Role] + [{}]
    sent = dict.fromkeys((one.label for one in operations), 0)
    statuses: Counter[int] = Counter()

    def tried(operation, times, draw):
        ways = some.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

        @seed(draw)
        @settings(max_examples=times, database=None, suppress_health_check=list(HealthCheck))
        @given(case=ways, head=some.sampled_from(heads), real=some.booleans())
        def answered(case, head, real):
            if real:
                case.path_parameters, case.body = known(case.path_parameters), known(case.body)
            sent[operation.label] += 1
            response = case.call(headers=head)
            statuses[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        answered()

    # Of some operations there is little to ask, so that one round falls short.
    for draw in range(20261116, 20261136):
        missing = requests - sum(sent.values())
        for operation in operations if missing > 0 else ():
            tried(operation, -(-missing // len(operations)), draw)
    print(f"{sum(sent.values())} requests to {len(sent)} operations, by status: {sorted(statuses.items())}")
    assert sum(sent.values()) >= requests
    assert min(sent.values()) > 0
    assert {200, 201, 401, 403, 404, 422} <= set(statuses)  # neither all refused nor all good
