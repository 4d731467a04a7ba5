from pathlib import Path

import pytest

from configs.errors import DataError
from pipeline.training import registry


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with its tables and nothing in it: MLflow takes seconds to make one."""
    data = tmp_path_factory.mktemp("data")
    with pytest.raises(DataError, match="not in the registry"):
        registry.promote(data, "demo", "unknown")
    return data / "mlflow.db"
