"""The published world of the service's tests, for those of the lists that it shows."""

from tests.serve.conftest import (  # noqa: F401 (fixtures)
    lists,
    make_lists,
    make_run,
    make_score,
    make_week,
    scores,
    settings,
)
