from pathlib import Path

import numpy as np
import pytest

from pipeline.training.on_disk_matrix import Spool


def test_parts_come_back_in_their_order_from_a_file_that_nobody_sees(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    parts = [np.array([[1.0, np.nan], [3.0, 4.0]]), np.empty((0, 2)), np.array([[5.0, 6.0]])]
    for part in parts:
        spool.append(part)
    found = spool.array()
    assert found.tobytes() == np.concatenate(parts).tobytes()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 2.0


def test_columns_of_another_layout_are_rows_all_the_same(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]))
    assert spool.array().tolist() == [[1, 2], [3, 4]]


def test_no_row_at_all(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(np.empty((0, 3)))
    assert spool.array().shape == (0, 3)
