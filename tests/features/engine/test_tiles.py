"""Running sums of more customers than are filled side by side, against sums by hand and by numpy."""

import numpy as np
import pytest

from features.engine.tiles import CACHE_BLOCK, add_running_sums

CUSTOMERS, WEEKS, ROWS = 2 * CACHE_BLOCK + 3, 5, 400
# Cell 0 adds to column 0 (amounts); cell 1 to column 0 and to column 1, which counts.
FIRST, COLUMN, COUNTS = np.array([0, 1, 3]), np.array([0, 0, 1]), np.array([0, 0, 1])


def run(position: list[int], customer: list[int], group_key: list[int], amount: list[int]) -> np.ndarray:
    tiles = np.zeros((2, WEEKS, CUSTOMERS), np.int64)
    rows = (np.array(values, np.int64) for values in (position, customer, group_key, amount))
    add_running_sums(*rows, FIRST, COLUMN, COUNTS, tiles)
    return tiles


def test_rows_by_hand() -> None:
    """Customers 0 and 10; a row at or after the last position is the future's."""
    tiles = run([1, 3, 2, WEEKS], [0, 0, 10, 10], [0, 1, 1, 1], [500, 70, 9, 1])
    assert tiles[0, :, 0].tolist() == [0, 500, 500, 570, 570]
    assert tiles[1, :, 0].tolist() == [0, 0, 0, 1, 1]
    assert tiles[0, :, 10].tolist() == [0, 0, 9, 9, 9]
    assert tiles.sum() == 500 + 500 + 570 + 570 + 2 + 3 * 9 + 3


@pytest.mark.parametrize("by_customer", [True, False])
def test_law_every_row_counts_once_in_any_order(by_customer: bool) -> None:
    rng = np.random.default_rng(7)
    position, customer = rng.integers(0, WEEKS, ROWS), rng.integers(0, CUSTOMERS, ROWS)
    customer = np.sort(customer) if by_customer else customer
    group_key, amount = rng.integers(0, 2, ROWS), rng.integers(0, 10_000, ROWS)
    expected = np.zeros((2, WEEKS, CUSTOMERS), np.int64)
    np.add.at(expected[0], (position, customer), amount)
    np.add.at(expected[1], (position, customer), group_key)
    found = run(position.tolist(), customer.tolist(), group_key.tolist(), amount.tolist())
    assert (found == expected.cumsum(axis=1)).all()
