from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import DataError
from models.matrix import Matrix, feature_values, joined, release

COLUMNS = ("inflow", "outflow")


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two customers, two Mondays, in no order; labels in another order than features."""
    features = pd.DataFrame(
        {
            "customer_id": ["B", "A", "B", "A"],
            "snapshot_date": pd.to_datetime(["2024-03-11", "2024-03-11", "2024-03-04", "2024-03-04"]),
            "inflow": [4.0, 3.0, 2.0, 1.0],
            "outflow": [np.nan, 30.0, 20.0, 10.0],
        }
    )
    labels = features[["customer_id", "snapshot_date"]].assign(
        time_to_attrition=[60, None, None, 30],
        outflow_share=[0.4, 0.3, 0.2, 0.1],
        aum_base=[400.0, 300.0, 200.0, 100.0],
    )
    return features, labels.iloc[[2, 0, 3, 1]]


def labelled(features: pd.DataFrame, labels: pd.DataFrame, columns: tuple[str, ...]) -> Matrix:
    return Matrix.labelled(features, feature_values(features, columns), columns, labels)


def test_rows_ascend_by_snapshot_then_customer_and_carry_their_own_label():
    matrix = labelled(*frames(), COLUMNS)
    assert matrix.customer_id.tolist() == ["A", "B", "A", "B"]
    assert matrix.snapshot_date.astype(str).tolist() == ["2024-03-04"] * 2 + ["2024-03-11"] * 2
    assert matrix.features[:, 0].tolist() == [1, 2, 3, 4]
    assert matrix.attrited.tolist() == [1, 0, 0, 1]
    assert matrix.time_to_attrition.tolist() == [30, 0, 0, 60]
    assert matrix.lost.tolist() == pytest.approx([10, 0, 0, 160])
    assert matrix.outflow_share.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert matrix.aum.tolist() == [100, 200, 300, 400]
    assert np.isnan(matrix.features[3, 1])


@given(order=st.permutations(range(4)), other=st.permutations(range(4)))
def test_law_the_order_of_rows_changes_no_byte(order, other):
    features, labels = frames()
    expected = labelled(features, labels, COLUMNS)
    found = labelled(features.iloc[order], labels.iloc[other], COLUMNS)
    for name in ("features", "customer_id", "snapshot_date", "time_to_attrition", "outflow_share", "aum"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()


def test_dates_may_be_plain_dates():
    features, labels = frames()
    plain = features.assign(snapshot_date=[day.date() for day in features["snapshot_date"]])
    assert labelled(plain, labels, COLUMNS).customer_id.tolist() == ["A", "B", "A", "B"]


def test_on_takes_whole_mondays_and_no_row_of_one_with_nobody():
    matrix = labelled(*frames(), COLUMNS)
    (_, second) = sorted(set(frames()[0]["snapshot_date"].dt.date))
    assert matrix.on([second]).aum.tolist() == [300, 400]
    assert len(matrix.on([pd.Timestamp("2024-03-18").date()])) == 0


def test_rows_that_lie_together_are_not_copied():
    matrix = labelled(*frames(), COLUMNS)
    assert np.shares_memory(matrix.on([pd.Timestamp("2024-03-11").date()]).features, matrix.features)
    assert not np.shares_memory(matrix.where(matrix.attrited == 1).features, matrix.features)
    assert len(matrix.where(matrix.aum < 0)) == 0


@pytest.fixture
def stored(tmp_path):
    """The matrix of the frames with its features in a file."""
    matrix = labelled(*frames(), COLUMNS)
    matrix.features.tofile(tmp_path / "features")
    return replace(matrix, features=np.memmap(tmp_path / "features", np.float64, "r", shape=(4, 2)))


@pytest.mark.parametrize("chunk", [1, 3, 4])
def test_rows_on_disk_read_as_rows_in_memory(stored, chunk, monkeypatch):
    monkeypatch.setattr("models.matrix.CHUNK", chunk)
    plain = labelled(*frames(), COLUMNS)
    gone = stored.where(stored.attrited == 1)
    assert gone.features.tobytes() == plain.features[[0, 3]].tobytes()
    assert not isinstance(gone.features, np.memmap)
    assert stored.column("inflow").tolist() == [1, 2, 3, 4]
    assert stored.where(stored.aum < 0).column("inflow").tolist() == []


def test_rows_that_were_release_are_read_again(stored):
    before = stored.features.tobytes()
    release(stored.features)
    assert stored.features.tobytes() == before
    release(np.zeros((2, 2)))  # nothing to free in memory of one's own


def test_a_column_is_read_before_its_rows_are_released(monkeypatch):
    # Read later, every row of a matrix larger than the memory would be in memory at once.
    matrix = labelled(*frames(), COLUMNS)

    def read_once(features):
        for row in range(len(features)):
            yield slice(row, row + 1)
            features[row] = np.nan

    monkeypatch.setattr("models.matrix.chunks", read_once)
    assert matrix.column("inflow").tolist() == [1, 2, 3, 4]


def test_mondays_are_joined_in_their_order():
    matrix = labelled(*frames(), COLUMNS)
    days = [matrix.where(matrix.snapshot_date == day).only([]) for day in np.unique(matrix.snapshot_date)]
    whole = joined(days, matrix.features, COLUMNS)
    assert whole.customer_id.tolist() == ["A", "B", "A", "B"]
    assert whole.aum.tolist() == [100, 200, 300, 400]
    assert whole.columns == COLUMNS
    with pytest.raises(DataError, match="must ascend"):
        joined(days[::-1], matrix.features, COLUMNS)


def test_a_row_without_a_label_is_refused():
    features, labels = frames()
    sentence = "2 rows of features have no label, on 2 snapshots from 2024-03-04 to"
    with pytest.raises(DataError, match=sentence):
        labelled(features, labels.iloc[:2], COLUMNS)


def test_labels_outside_the_cohort_are_left_aside():
    features, labels = frames()
    assert labelled(features.iloc[:2], labels, COLUMNS).aum.tolist() == [300, 400]


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("outflow_share", None, "1 labels are unknown"),
        ("time_to_attrition", 366, "up to 365"),
        ("aum_base", -1.0, "aum_base ≥ 0"),
    ],
)
def test_an_impossible_label_is_refused(column, value, says):
    features, labels = frames()
    broken = labels.astype({"time_to_attrition": "float64"})
    broken.iloc[0, broken.columns.get_loc(column)] = value
    with pytest.raises(DataError, match=says):
        labelled(features, broken, COLUMNS)


def test_labels_must_have_their_columns():
    features, labels = frames()
    with pytest.raises(DataError, match=r"labels lack \['aum_base'\]"):
        labelled(features, labels.drop(columns="aum_base"), COLUMNS)


def breaks() -> dict[str, tuple[pd.DataFrame, str]]:
    """Each way to break the contract, and a word of the message."""
    good, _ = frames()
    return {
        "order": (good[["customer_id", "snapshot_date", "outflow", "inflow"]], "another order"),
        "type": (good.astype({"inflow": "float32"}), "inflow: float32"),
        "text": (good.astype({"inflow": "str"}), "inflow: str"),
        "missing": (good.drop(columns="outflow"), r"missing \['outflow'\]"),
        "extra": (good.assign(more=1.0), r"not in the contract \['more'\]"),
        "repeated column": (good.iloc[:, [0, 1, 2, 3, 3]], r"twice \['outflow'\]"),
        "repeated row": (pd.concat([good, good.iloc[:1]]), "1 repeated rows"),
        "no key": (good.drop(columns="customer_id"), "customer_id"),
        "empty key": (good.assign(customer_id=["A", None, "B", "C"]), "without customer_id"),
        "infinity": (good.assign(inflow=[1.0, np.inf, 2.0, 3.0]), r"\['inflow'\] hold infinity"),
    }


@pytest.mark.parametrize("name", breaks())
def test_a_break_of_the_contract_is_refused(name):
    frame, says = breaks()[name]
    with pytest.raises(DataError, match=says):
        feature_values(frame, COLUMNS)


def test_rows_out_of_order_cannot_be_made_by_hand():
    matrix = labelled(*frames(), COLUMNS)
    with pytest.raises(DataError, match="must ascend"):
        replace(matrix, customer_id=matrix.customer_id[::-1])
    with pytest.raises(DataError, match="one entry per row"):
        Matrix(
            matrix.features, ("inflow",), matrix.customer_id, matrix.snapshot_date,
            matrix.time_to_attrition, matrix.outflow_share, matrix.aum,
        )  # fmt: skip
