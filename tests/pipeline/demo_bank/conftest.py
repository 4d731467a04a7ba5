"""One small bank on disk, made once for all tests of this folder."""

from datetime import date
from pathlib import Path

import pytest

from pipeline.demo_bank import write_demo_bank

LAST_MONDAY = date(2026, 11, 16)
CUSTOMERS, WEEKS, SEED = 3_000, 91, 7


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("demo_bank")
    write_demo_bank(out, CUSTOMERS, WEEKS, SEED, LAST_MONDAY)
    return out
