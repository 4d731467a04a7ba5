"""The drift of features: by hand, the reference Monday and the order, and what noise alone shows."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from models.splits import Split
from pipeline.artefacts import Home
from pipeline.monitoring.drift import _noise, drift, psi, reading

FIRST, LAST, PRESENT = date(2026, 6, 1), date(2026, 6, 8), date(2026, 11, 16)
COLUMNS = ("calm", "zero", "late", "early", "calendar", "gone")


def bundle():
    """Evaluated on two Mondays; trained and tuned on others, whose features are not kept."""
    snapshots = Split((date(2025, 1, 6),), (date(2025, 9, 1),), (FIRST, LAST))
    return SimpleNamespace(snapshots=snapshots, model=SimpleNamespace(columns=COLUMNS))


def share_of_ones(count: int) -> np.ndarray:
    """2,000 customers: so many in 20 have 1, the others 0."""
    return np.where(np.arange(2_000) % 20 < count, 1.0, 0.0)


def write_features(home: Home, day: date, **columns: np.ndarray) -> None:
    path = home.partition("features", day)
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)


def test_features_are_ordered_by_drift_since_the_last_evaluated_monday(tmp_path):
    """Of 20 customers 10 had 1 on 8 June; now 10 (calm), 12 (zero) or 16 (early, late) have it.

    From 10 to 16: 0.3 · ln(0.8 / 0.5) − 0.3 · ln(0.2 / 0.5) = 0.3 · ln 4 = 0.4159, above the limit of 0.25
    and the noise of (2 / 2,000) · (10 + 3 · √20) = 0.0234; to 12: 0.1 · ln 1.5 = 0.0405. On 1 June "calm" was
    at 1 of 20: since that Monday it would have drifted. Not counted: what all share, and what is missing now.
    """
    home = Home(tmp_path, "")
    write_features(home, FIRST, **dict.fromkeys(COLUMNS, share_of_ones(1)))
    write_features(home, LAST, **dict.fromkeys(COLUMNS, share_of_ones(10)))
    present = {"calm": share_of_ones(10), "zero": share_of_ones(12), "calendar": np.ones(2_000)}
    present |= {"early": share_of_ones(16), "late": share_of_ones(16)}
    write_features(home, PRESENT, **present)
    found = drift(home, bundle(), PRESENT)
    assert (found["since"], found["features"], found["drifted"]) == ("2026-06-08", 4, 2)
    assert [feature["feature"] for feature in found["most"]] == ["early", "late", "zero", "calm"]
    expected = [0.4159, 0.4159, 0.0405, 0.0]
    assert [feature["psi"] for feature in found["most"]] == pytest.approx(expected, abs=2e-3)
    assert [feature["reading"] for feature in found["most"]] == ["drifted", "drifted", "stable", "stable"]


def test_only_the_ten_that_drifted_most_are_kept(tmp_path):
    home = Home(tmp_path, "")
    names = [f"feature_{number:02d}" for number in range(12)]
    write_features(home, LAST, **dict.fromkeys(names, share_of_ones(4)))
    write_features(home, PRESENT, **{name: share_of_ones(4 + k) for k, name in enumerate(names)})
    model = SimpleNamespace(snapshots=bundle().snapshots, model=SimpleNamespace(columns=tuple(names)))
    found = drift(home, model, PRESENT)
    assert found["features"] == 12
    assert [feature["feature"] for feature in found["most"]] == names[:1:-1]


def test_without_the_reference_monday_nothing_is_said(tmp_path):
    home = Home(tmp_path, "")
    write_features(home, FIRST, calm=share_of_ones(1))
    write_features(home, PRESENT, calm=share_of_ones(1))
    assert drift(home, bundle(), PRESENT) is None


def test_a_shift_worked_out_by_hand():
    """Of 20 then, ten are 0 and ten 1; now five are 0 and fifteen 1; each bin gets half a customer more.

    The tenths end at 0, 0.5 (the middle) and 1, so there are five bins with the one above and the one for
    missing: then (10.5, .5, 10.5, .5, .5) / 22.5, now (5.5, .5, 15.5, .5, .5) / 22.5, and (5.5 − 10.5) / 22.5
    · ln(5.5 / 10.5) + (15.5 − 10.5) / 22.5 · ln(15.5 / 10.5) = 0.1437 + 0.0865 = 0.2302.
    """
    then, now = np.repeat([0.0, 1.0], 10), np.repeat([0.0, 1.0], [5, 15])
    assert psi(then, now) == pytest.approx(0.2302, abs=1e-4)


def test_what_goes_missing_counts_as_a_shift():
    then = np.arange(100.0)
    now = np.where(np.arange(100) < 50, np.nan, then)
    assert psi(then, now) > 1
    assert psi(np.full(5, np.nan), np.array([np.nan, 1.0, 2.0])) is not None


def test_what_everybody_shares_is_left_out():
    assert psi(np.arange(100.0), np.full(100, 7.0)) is None
    assert psi(np.full(9, np.nan), np.full(9, np.nan)) is None


@pytest.mark.parametrize("customers", [200, 2_000, 20_000])
def test_stable_features_are_read_as_stable_however_few_customers(customers):
    """463 features for a year of Mondays: no alarm, although noise alone is above the limits at 200."""
    rng = np.random.default_rng(4)
    noise = _noise(customers, customers)
    found = [psi(*rng.lognormal(size=(2, customers))) for _ in range(463)]
    assert {reading(one, noise) for one in found} == {"stable"}


@pytest.mark.parametrize("customers", [200, 2_000])
def test_a_planted_shift_of_one_standard_deviation_is_read_as_drift(customers):
    rng = np.random.default_rng(5)
    now = rng.normal(size=customers) + 1
    assert reading(psi(rng.normal(size=customers), now), _noise(customers, customers)) == "drifted"
