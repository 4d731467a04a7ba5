"""The drift of features: by hand, the reference Monday and the order, and what chance alone shows."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from models.splits import Split
from pipeline.artefacts import Home, fingerprint, write_json
from pipeline.monitoring.drift import (
    FALSE_ALARMS,
    Histogram,
    chance_of,
    corrected_chances,
    drift,
    edges_of,
    histograms,
    measured,
    psi,
    reading,
)
from tests.folders import bytes_below

FIRST, LAST, PRESENT = date(2026, 6, 1), date(2026, 6, 8), date(2026, 11, 16)
COLUMNS = ("calm", "zero", "late", "early", "calendar", "gone")


def bundle():
    """Evaluated on two Mondays; trained and tuned on others, whose features are not kept."""
    snapshots = Split((date(2025, 1, 6),), (date(2025, 9, 1),), (FIRST, LAST))
    return SimpleNamespace(snapshots=snapshots, model=SimpleNamespace(columns=COLUMNS), model_id="m1")


def share_of_ones(count: int) -> np.ndarray:
    """2,000 customers: so many in 20 have 1, the others 0."""
    return np.where(np.arange(2_000) % 20 < count, 1.0, 0.0)


def write_features(
    home: Home, day: date, files: int = 1, managers: object = "M1", **columns: np.ndarray
) -> None:
    """Features, and a cohort of which every other customer is not eligible."""
    rows = len(next(iter(columns.values())))
    everybody = np.repeat(np.arange(rows), 2)
    names = np.full(rows, managers, object) if isinstance(managers, str) else managers
    cohort = pd.DataFrame({"exclusion": ["", "too_new"] * rows, "manager_id": np.asarray(names)[everybody]})
    for kind in ("features", "cohort"):
        home.partition(kind, day).mkdir(parents=True, exist_ok=True)
    write_json(home.partition("features", day) / "_made_by.json", fingerprint(pd.DataFrame(columns).to_csv()))
    for number, part in enumerate(np.array_split(np.arange(rows), files)):
        name = f"bucket={number:02d}.parquet"
        pd.DataFrame(columns).iloc[part].to_parquet(home.partition("features", day) / name)
        both = np.concatenate([2 * part, 2 * part + 1])
        cohort.iloc[np.sort(both)].to_parquet(home.partition("cohort", day) / name)


def pair(before: np.ndarray, after: np.ndarray) -> tuple[Histogram, Histogram]:
    """Two Mondays of one feature, every customer with a manager of its own."""
    edges = [edges_of(before)]
    [reference], [present] = (histograms(v[:, None], np.arange(len(v)), edges) for v in (before, after))
    return reference, present


def psi_of(before: np.ndarray, after: np.ndarray) -> float:
    return psi(*(histogram.counts for histogram in pair(before, after)))


def test_features_are_ordered_by_drift_since_the_last_evaluated_monday(tmp_path):
    """Of 20 customers 10 had 1 on 8 June; now 10 (calm), 12 (zero) or 16 (early, late) have it.

    From 10 to 16: 0.3 · ln(0.8 / 0.5) − 0.3 · ln(0.2 / 0.5) = 0.3 · ln 4 = 0.4159, above the limit of 0.25
    and the 2 / 2,000 that chance adds to two bins; to 12: 0.1 · ln 1.5 = 0.0405, which is no chance, but a
    trifle. What all share and what is no longer delivered is not counted, nor are Mondays that trained.
    """
    home = Home(tmp_path, "")
    for day, ones in ((date(2025, 9, 1), 1), (FIRST, 10), (LAST, 10)):
        write_features(home, day, **dict.fromkeys(COLUMNS, share_of_ones(ones)))
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
    columns = SimpleNamespace(columns=tuple(names))
    model = SimpleNamespace(snapshots=bundle().snapshots, model=columns, model_id="m2")
    found = drift(home, model, PRESENT)
    assert found["features"] == 12
    assert [feature["feature"] for feature in found["most"]] == names[:1:-1]


def test_without_the_reference_monday_nothing_is_said(tmp_path):
    home = Home(tmp_path, "")
    write_features(home, FIRST, calm=share_of_ones(1))
    write_features(home, PRESENT, calm=share_of_ones(1))
    assert drift(home, bundle(), PRESENT) is None


def test_each_file_is_opened_once_and_those_that_evaluated_the_model_in_its_first_week(tmp_path, monkeypatch):
    """Three files each of two kinds and three Mondays, of four features: eighteen; six in each later week."""
    home, opened = Home(tmp_path, ""), []
    for day in (FIRST, LAST, PRESENT):
        write_features(home, day, files=3, **dict.fromkeys(COLUMNS[:4], share_of_ones(4)))

    class Counted(pq.ParquetFile):
        def __init__(self, path, **options):
            opened.append(path)
            super().__init__(path, **options)

    for name in ("read_table", "read_metadata", "read_schema", "ParquetDataset"):
        monkeypatch.setattr(pq, name, None)
    monkeypatch.setattr(pq, "ParquetFile", Counted)
    first = drift(home, bundle(), PRESENT)
    assert first["features"] == 4
    assert len(opened) == len({*opened}) == 18
    opened.clear()
    assert drift(home, bundle(), PRESENT) == first
    assert {path.parent.name for path in opened} == {f"snapshot_date={PRESENT}"}
    assert len(opened) == 6


def test_a_monday_made_anew_counts_anew(tmp_path):
    """So does one feature more, or fewer; otherwise what is kept equals what would be counted."""
    home, other = Home(tmp_path / "home", ""), Home(tmp_path / "other", "")
    write_features(home, PRESENT, calm=share_of_ones(10), late=share_of_ones(9))
    for ones in (10, 16):
        write_features(home, LAST, calm=share_of_ones(ones), late=share_of_ones(9))
        (feature, *_) = drift(home, bundle(), PRESENT)["most"]
        assert (feature["psi"] > 0.4) == (ones == 16)
    write_features(home, PRESENT, calm=share_of_ones(10))
    assert drift(home, bundle(), PRESENT)["features"] == 1
    write_features(other, LAST, calm=share_of_ones(16), late=share_of_ones(9))
    write_features(other, PRESENT, calm=share_of_ones(10))
    assert drift(other, bundle(), PRESENT) == drift(home, bundle(), PRESENT)
    assert bytes_below(other.reports) == bytes_below(home.reports)


def test_of_a_large_bank_as_many_files_are_read_as_hold_enough_customers(tmp_path, monkeypatch):
    """Files of 500 customers; two of them hold 1,000. The third, where everybody has 1, is not read."""
    home = Home(tmp_path, "")
    late = np.where(np.arange(2_000) < 1_000, share_of_ones(10), 1.0)
    write_features(home, LAST, files=4, late=share_of_ones(10), calm=share_of_ones(3))
    write_features(home, PRESENT, files=4, late=late, calm=share_of_ones(3))
    assert drift(home, bundle(), PRESENT)["most"][0]["psi"] > 0.1
    monkeypatch.setattr("pipeline.monitoring.drift.CUSTOMERS", 1_000)
    assert [feature["psi"] for feature in drift(home, bundle(), PRESENT)["most"]] == [0, 0]


def test_customers_of_one_manager_count_as_fewer(tmp_path):
    """A value that all 100 customers of each of 20 managers share, drawn anew: that tells as much as 20
    values."""
    home, rng = Home(tmp_path, ""), np.random.default_rng(2)
    managers = np.repeat([f"M{number}" for number in range(20)], 100)
    before, after = (np.repeat(rng.normal(size=20), 100) for _ in range(2))
    for day, shared in ((LAST, before), (PRESENT, after)):
        write_features(home, day, managers=managers, late=shared, calm=rng.normal(size=2_000))
    found = drift(home, bundle(), PRESENT)
    assert found["most"][0]["psi"] > 0.5
    assert {feature["reading"] for feature in found["most"]} == {"stable"}
    assert readings(before[:, None], after[:, None]) == ["drifted"]  # of 2,000 managers
    [histogram] = histograms(before[:, None], np.repeat(np.arange(20), 100), [edges_of(before)])
    assert histogram.design == pytest.approx(100 * 20 / 19)
    shifted = np.repeat(rng.normal(size=20) + 9, 100)
    write_features(home, PRESENT, managers=managers, late=shifted, calm=rng.normal(size=2_000))
    assert drift(home, bundle(), PRESENT)["most"][0]["reading"] == "drifted"


def test_what_is_usual_from_monday_to_monday_is_no_drift(tmp_path):
    """Days since a salary that half of all get on the 10th: 5 on 15 June, 22 on 1 June, 6 on 16 November."""
    home, paid = Home(tmp_path, ""), share_of_ones(10) == 1
    rng = np.random.default_rng(3)
    for day, days in ((FIRST, 22), (LAST, 29), (PRESENT, 6)):
        since_salary = np.where(paid, days, rng.integers(0, 30, 2_000)).astype(float)
        write_features(home, day, late=since_salary, early=share_of_ones(10 if day < PRESENT else 17))
    found = {feature["feature"]: feature["reading"] for feature in drift(home, bundle(), PRESENT)["most"]}
    assert found == {"late": "stable", "early": "drifted"}
    home.partition("features", FIRST).rename(tmp_path / "gone")
    found = {feature["feature"]: feature["reading"] for feature in drift(home, bundle(), PRESENT)["most"]}
    assert found == {"late": "drifted", "early": "drifted"}


def test_a_shift_worked_out_by_hand():
    """Of 20 then, ten are 0 and ten 1; now five are 0 and fifteen 1; each bin gets half a customer more.

    The tenths end at 0, 0.5 (the middle) and 1, so there are five bins with the one above and the one for
    missing: then (10.5, .5, 10.5, .5, .5) / 22.5, now (5.5, .5, 15.5, .5, .5) / 22.5, and (5.5 − 10.5) / 22.5
    · ln(5.5 / 10.5) + (15.5 − 10.5) / 22.5 · ln(15.5 / 10.5) = 0.1437 + 0.0865 = 0.2302.

    χ² of (10, 10) and (5, 15): expected are 7.5 and 12.5 in both, 2 · 2.5² · (1 / 7.5 + 1 / 12.5) = 2.667
    with one degree of freedom: 10%. If 2.667 customers count as one it is 1: 32%.
    """
    values = np.repeat([0.0, 1.0], 10), np.repeat([0.0, 1.0], [5, 15])
    assert psi_of(*values) == pytest.approx(0.2302, abs=1e-4)
    reference, present = (replace(histogram, design=1.0, managers=10**6) for histogram in pair(*values))
    assert chance_of(reference, present) == pytest.approx(0.1025, abs=1e-4)
    assert chance_of(reference, replace(present, design=2.667)) == pytest.approx(0.3173, abs=1e-4)


def test_what_goes_missing_counts_as_a_shift():
    then = np.arange(100.0)
    now = np.where(np.arange(100) < 50, np.nan, then)
    assert psi_of(then, now) > 1
    assert chance_of(*pair(then, now)) < 1e-6
    assert psi_of(np.full(5, np.nan), np.array([np.nan, 1.0, 2.0])) > 0


def test_probabilities_are_corrected_for_how_many_there_are():
    """Four, by Holm: 0.01 · 4, 0.02 · 3, then 0.025 · 2 = 0.05, raised to the 0.06 before it, and 0.9."""
    assert corrected_chances([0.025, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert len(corrected_chances([])) == 0


def test_what_is_no_chance_in_one_feature_may_be_in_one_of_two():
    """10 of 40 had 1, now 26 have it: 0.0007, below 0.05 / 52 for one feature and above it for two."""
    before, after = (np.repeat([0.0, 1.0], (40 - ones, ones)) for ones in (10, 26))
    assert readings(before[:, None], after[:, None]) == ["drifted"]
    assert readings(np.stack([before, before], 1), np.stack([after, before], 1)) == ["stable", "stable"]


def test_a_shift_is_read_only_where_it_is_large_and_no_chance():
    sure, chance = FALSE_ALARMS / 2, FALSE_ALARMS * 2
    assert [reading(size, sure) for size in (0.09, 0.10, 0.24, 0.25)] == [
        "stable",
        "moved",
        "moved",
        "drifted",
    ]
    assert reading(3.0, chance) == "stable"


# Of the simulated features every third is a count with many zeros, the others are bell-shaped or skewed.
def stable_weeks(customers: int, features: int, weeks: int, rng: np.random.Generator):
    """Weeks × (customers × features): the same customers, of whom a hundredth is new each week.

    Half of a value is the customer's own for good, the rest forgets a tenth each week; all features of a
    customer share a part.
    """
    own = rng.normal(size=(customers, features))
    moving = rng.normal(size=(customers, features))
    for _ in range(weeks):
        noise = 0.6 * rng.normal(size=(customers, features)) + 0.8 * rng.normal(size=(customers, 1))
        moving = 0.9 * moving + (1 - 0.9**2) ** 0.5 * noise
        new = rng.random(customers) < 0.01
        own[new] = rng.normal(size=(new.sum(), features))
        values = 0.7 * own + 0.7 * moving
        values[:, ::3] = np.maximum(np.round(values[:, ::3]), 0)
        values[:, 1::3] = np.exp(values[:, 1::3])
        yield values


def readings(before: np.ndarray, after: np.ndarray) -> list[str]:
    """The reading of each feature, in the order of the columns."""
    columns = enumerate(zip(before.T, after.T, strict=True))
    features = measured([(f"{number:03}", *pair(*values), ()) for number, values in columns])
    return [feature["reading"] for feature in sorted(features, key=lambda feature: feature["feature"])]


def drifted_weeks(customers: int, features: int, weeks: int, seed: int) -> int:
    first, *others = stable_weeks(customers, features, weeks + 1, np.random.default_rng(seed))
    return sum("drifted" in readings(first, values) for values in others)


def test_stable_weeks_are_read_as_stable_however_few_customers():
    """30 features of 200 customers over a quarter, whose PSI alone passes the limit of 0.25 now and then."""
    assert drifted_weeks(200, 30, 13, seed=4) == 0
    first, *_, last = stable_weeks(200, 100, 30, np.random.default_rng(4))
    assert max(psi_of(*columns) for columns in zip(first.T, last.T, strict=True)) > 0.15


@pytest.mark.parametrize(
    ("customers", "shift"), [(200, 1.0), (1_000, 0.7), pytest.param(20_000, 0.6, marks=pytest.mark.long)]
)
def test_a_shift_planted_in_one_of_a_hundred_features_is_found(customers, shift):
    """By so many standard deviations; the other 99 stay stable."""
    first, *_, last = stable_weeks(customers, 100, 9, np.random.default_rng(6))
    last[:, 50] += shift * last[:, 50].std()
    found = readings(first, last)
    assert found[50] == "drifted"
    assert set(found[:50] + found[51:]) == {"stable"}


@pytest.mark.long
@pytest.mark.parametrize(("customers", "years"), [(200, 10), (1_000, 5), (20_000, 1)])
def test_at_most_one_false_alarm_in_52_stable_weeks(customers, years):
    """100 features; one week in all years together with a drifted feature is let pass."""
    assert sum(drifted_weeks(customers, 100, 52, seed) for seed in range(years)) <= 1


@pytest.mark.long
@pytest.mark.parametrize(("customers", "years"), [(200, 4), (1_000, 2)])
def test_at_most_one_false_alarm_where_all_customers_are_new(customers, years):
    """The case without the same customers: 52 weeks of 463 features each."""
    rng = np.random.default_rng(8)
    weeks = 0
    for _ in range(years):
        first = rng.lognormal(size=(customers, 463))
        weeks += sum("drifted" in readings(first, rng.lognormal(size=first.shape)) for _ in range(52))
    assert weeks <= 1
