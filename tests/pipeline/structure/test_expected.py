"""Expected movement from structures made by hand, and that of a quarter ago beside what was observed."""

from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from configs.bank_folder import load_settings
from configs.branch_figures.contents import as_object
from configs.dates import WEEK
from pipeline.artefacts import Home, write_parquet
from pipeline.structure.expected import COLUMNS, QUARTER, expected_movements

LAST = date(2026, 11, 16)
MONDAYS = [LAST - k * WEEK for k in range(39, -1, -1)]
CUSTOMERS = 900


def _write(home: Home, day: date, number: int) -> None:
    """Every customer doubles or halves each quarter but for a third that stays; ten leave, ten are new."""
    random = np.random.default_rng(5)
    size = random.choice([200_000, 700_000, 2_000_000, 8_000_000], CUSTOMERS)
    way = np.random.default_rng(number).choice([-1, 0, 1], CUSTOMERS)
    aum = (size * 2.0**way * 100).astype(np.int64)
    tiers = np.array([tier.name for tier in load_settings("demo").tiers])
    columns = {name: pa.array(aum) for name in COLUMNS if name.endswith("_minor")} | {
        "customer_id": pa.array([f"C{k:04d}" for k in range(CUSTOMERS)]),
        "present": pa.array(
            (np.arange(CUSTOMERS) >= 10 * number) & (np.arange(CUSTOMERS) < 860 + 10 * number)
        ),
        "branch_id": pa.array([("B1", "B2", None)[k % 3] for k in range(CUSTOMERS)]),
        "manager_id": pa.array([None] * CUSTOMERS, pa.string()),
        "products": pa.array(np.ones(CUSTOMERS, np.int64)),
        "tier": pa.array(tiers[np.searchsorted([500_000, 1_000_000, 5_000_000], aum / 100, side="right")]),
        "lifecycle_stage": pa.array(np.where(way > 0, "growing", "mature")),
    }
    write_parquet(pa.table(columns), home.partition("structure", day) / "bucket=00.parquet")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(Path(tmp_path_factory.mktemp("expected")))
    for number in range(4):
        _write(home, LAST - (3 - number) * QUARTER, number)
    return home


def test_expected_and_observed_movement_of_bank_and_branches(home: Home) -> None:
    settings = load_settings("demo")
    earlier = expected_movements(settings, home, MONDAYS[:-13], {})
    published = {branch: asdict(each.expected) for branch, each in earlier.items() if each.expected}
    assert {movement.compared for movement in earlier.values()} == {None}
    for matrix in published["B2"]["movements"]:
        matrix["cells"] = ("other", *matrix["cells"][1:])
    later = expected_movements(settings, home, MONDAYS, published)
    assert later["B2"].compared is None  # other cells than today's are not compared
    assert list(later) == ["", "B1", "B2"]
    bank = later[""].compared
    assert bank is not None
    assert (bank.expected.since, bank.expected.until, bank.expected.quarters) == ("2026-08-17", str(LAST), 2)
    assert bank.expected == earlier[""].expected  # as it was published, whatever is known today
    for expected, observed in zip(bank.expected.movements, bank.observed, strict=True):
        rows = np.sum(expected.customers, axis=1), np.sum(observed.customers, axis=1)
        assert rows[0] == pytest.approx(rows[1], abs=0.3)  # rounded to a tenth in each cell
        assert np.sum(observed.customers) == 860
        assert np.array(observed.customers)[:, -1].sum() == 10  # left: places 20 to 29
        assert np.sum(expected.opening_minor) == pytest.approx(np.sum(observed.opening_minor), abs=40)
        assert observed.in_range >= 0.8 * observed.of > 0
    low, high = (
        np.array(getattr(bank.expected.movements[0], f"customers_{name}")) for name in ("low", "high")
    )
    assert np.all((low <= high) & (high <= 860))
    assert np.sum(later["B1"].compared.observed[0].customers) == sum(k % 3 == 0 for k in range(20, 880))
    as_object(later[""].expected)  # money is whole


def test_nothing_is_expected_without_a_quarter_behind(home: Home) -> None:
    assert expected_movements(load_settings("demo"), home, MONDAYS[-13:], {}) == {}
