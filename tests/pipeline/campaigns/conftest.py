"""Lists made as for the service's tests."""

from tests.serve.conftest import make_lists, settings  # noqa: F401 (fixtures)
