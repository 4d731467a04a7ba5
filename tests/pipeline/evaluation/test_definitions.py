"""Definitions compared on a small made-up bank, beside what its cohorts and labels say one by one."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from configs.errors import DataError
from features.cohort import CODES, ELIGIBLE
from features.definition_comparison import Compared, Verdict
from pipeline.artefacts import read_json
from pipeline.context import Context
from pipeline.evaluation.definitions import (
    both_counts,
    candidates,
    compare_definitions,
    excluded_counts,
    group_totals,
    monthly,
)
from pipeline.evaluation.definitions_page import definitions_in_words, definitions_page
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_partition
from tests.pipeline.conftest import made_up_bank

AS_OF, DROPS = date(2026, 11, 16), (0.3, 0.5)
SMALL = {
    "customers_per_bucket": 100,
    "label": {"horizon_days": 30, "settle_days": 7, "dormant_floor": 300_000.0},
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Context:
    return made_up_bank(tmp_path_factory.mktemp("data"), 400, 70, **SMALL)


@pytest.fixture(scope="module")
def result(bank):
    return compare_definitions(bank, bank.tables, AS_OF, DROPS, lambda *_: None)


def days_of(result) -> list[date]:
    return [date.fromisoformat(day) for day in result["snapshots"]]


def test_the_first_monday_of_each_month_with_history_and_an_outcome(bank, result):
    days = days_of(result)
    assert all(day.weekday() == 0 and day.day <= 7 for day in days)
    # 97 days before 2026-11-16 is 2026-08-11; the first 26 of 70 weeks give no snapshot.
    assert (days[0], days[-1], len(days)) == (date(2026, 2, 2), date(2026, 8, 3), 7)
    assert bank.tables.buckets > 1


@pytest.mark.parametrize("name", ["aum_drop 50% 30d", "tier_downgrade 30d", "closure 30d", "dormancy 30d"])
def test_counts_are_those_of_cohorts_and_labels(bank, result, name):
    settings = candidates(bank.settings, DROPS)[name]
    days, tables = days_of(result), bank.tables
    build_snapshots(settings, bank.home, tables, days, lambda *_: None)
    build_outcomes(settings, bank.home, tables, days, AS_OF, lambda *_: None)
    cohort, labels = (read_partition(bank.home, kind, days) for kind in ("cohort", "labels"))
    both = cohort[cohort["exclusion"] == ""].merge(
        labels, on=["customer_id", "snapshot_date"], suffixes=("", "_after")
    )
    gone = both[both["attrited"] == 1]
    found = result["candidates"][name]
    assert (found["eligible"], found["attrited"]) == (len(both), len(gone))
    assert found["left"] == pytest.approx(
        (gone["outflow_share"] * gone["aum_base_after"]).sum(), abs=0.01 * len(gone)
    )
    excluded = cohort["exclusion"].value_counts().drop("")
    assert found["excluded"] == excluded.to_dict()


def test_parts_add_up_and_shares_are_shares(result):
    attrited = {name: one["attrited"] for name, one in result["candidates"].items()}
    assert attrited["aum_drop 50% 30d"] > 0
    for one in result["candidates"].values():
        for by in ("by_quarter", "by_tier", "by_branch"):
            for count in ("eligible", "attrited", "followed", "came_back"):
                assert sum(part[count] for part in one[by].values()) == one[count]
        assert one["followed"] <= one["attrited"] <= one["eligible"]
        assert one["still_here"] <= one["left"] + 0.01
        assert 0 <= one["coverage"] <= 1
    for name, shares in result["overlap"].items():
        assert shares[name] == (1 if attrited[name] else None)


def test_a_smaller_drop_finds_everyone_a_larger_one_finds(result):
    assert result["overlap"]["aum_drop 50% 90d"]["aum_drop 30% 90d"] == 1
    assert result["overlap"]["aum_drop 50% 30d"]["aum_drop 50% 30d"] == 1


def test_the_same_bytes_again_on_one_thread(bank, result):
    paths = [bank.home.root / name for name in ("definitions.json", "definitions.html")]
    before = [path.read_bytes() for path in paths]
    assert read_json(paths[0]) == result
    alone = bank.settings.model_copy(
        update={"engine": bank.settings.engine.model_copy(update={"workers": 1})}
    )
    compare_definitions(replace(bank, settings=alone), bank.tables, AS_OF, DROPS, lambda *_: None)
    assert [path.read_bytes() for path in paths] == before
    assert not bank.home.drafts.exists()


def test_the_page_says_the_figures_in_words(bank, result, html_tables):
    html = (bank.home.root / "definitions.html").read_text("utf-8")
    chosen = result["candidates"]["aum_drop 50% 30d"]
    assert f"{chosen['attrited'] / 7:,.1f} of them ({chosen['rate']:.1%}) were gone 37 days later" in html
    tables = dict(
        zip(("quarter", "tier", "all", "both", "branch", "excluded"), html_tables(html), strict=True)
    )
    assert [row["definition"] for row in tables["all"]] == list(result["candidates"])
    assert tables["all"][0]["coverage, %"] == f"{100 * chosen['coverage']:.1f}"
    for by in ("quarter", "tier", "branch"):
        rates = {row[by]: row["aum_drop"] for row in tables[by]}
        groups = {key or "(none)": group for key, group in chosen[f"by_{by}"].items()}
        assert rates == {key: f"{100 * group['rate']:.1f}" for key, group in groups.items()}
    assert tables["both"][0]["aum_drop 50% 30d"] == "100"
    assert tables["excluded"][0]["staff"] == f"{chosen['excluded'].get('staff', 0):,d}"
    for measure in ("Eligible:", "Gone:", "AUM left", "Still here", "Coverage", "Followed:", "Misjudgement"):
        assert f"<p>{measure}" in html
    printed = definitions_in_words(result).splitlines()
    assert len(printed) == 1 + len(result["candidates"])
    assert printed[1].split()[:3] == ["aum_drop", "50%", "30d"]


def test_a_page_of_a_bank_that_nobody_leaves(bank, result):
    nobody = {
        name: one | {"attrited": 0, "followed": 0, "rate": 0.0, "coverage": 0.0, "misjudgement": None}
        for name, one in result["candidates"].items()
    }
    html = definitions_page(bank.settings, result | {"candidates": nobody})
    assert "aum_drop 50% 30d, nobody left on 7 Mondays" in html


def test_too_short_a_history_is_refused(bank):
    with pytest.raises(DataError, match=r"26 weeks after .* 97 days before 2026-03-02"):
        monthly(bank.settings, bank.tables, date(2026, 3, 2), 90)


def verdict(exclusion: list[int], attrited: list[bool], lost: list[float], came_back: list[bool]) -> Verdict:
    """Four customers on one Monday that can be followed; half of what they lost was still here."""
    still_here = np.array([lost]) / 2
    arrays = (np.array([values]) for values in (exclusion, attrited, lost))
    return Verdict(*arrays, still_here, np.array([came_back]), np.array([True]))


LEFT, STAFF = CODES.index("already_left"), CODES.index("staff")
FIRST = verdict(
    [ELIGIBLE] * 3 + [STAFF], [True, True, False, True], [10.01, 20, 5, 80], [True, False, True, True]
)
SECOND = verdict([ELIGIBLE, LEFT, ELIGIBLE, STAFF], [True, True, True, True], [10.01, 20, 5, 80], [False] * 4)
FOUR = Compared(
    (FIRST, SECOND),
    np.array([[4.0, 5.0, 1.0, 70.0]]),
    np.array([[0, 1, 1, 1]]),
    np.array([[0, 0, -1, 0]]),
    ("B1",),
)


def test_four_customers_by_hand():
    cells = group_totals(FOUR, [date(2024, 3, 4)], ["low", "high"])
    assert set(cells["quarter"]) == {"2024 Q1"}
    sums = cells.groupby("candidate")[
        ["eligible", "attrited", "followed", "came_back", "left", "still_here"]
    ].sum()
    assert sums.loc[0].tolist() == [3, 2, 2, 1, 3001, 1500]  # half of 1,001 cents is rounded to even
    assert sums.loc[1].tolist() == [2, 2, 2, 0, 1501, 750]
    money = cells.groupby("candidate")[["caught", "leaving"]].sum()
    # The customer who had left before counts for neither what is found nor who is eligible, but for what
    # left.
    assert money.loc[0].tolist() == [900, 1000]
    assert money.loc[1].tolist() == [500, 1000]
    of_first = cells[cells["candidate"] == 0]
    expected = [["high", "", 0], ["high", "B1", 1], ["low", "B1", 1]]
    assert of_first[["tier", "branch", "attrited"]].to_numpy().tolist() == expected


def test_found_by_both_by_hand():
    pairs = both_counts(FOUR).set_index(["candidate", "other"])["customers"].to_dict()
    # The second calls the customer gone whom it does not find, because he had left before.
    assert pairs == {(0, 0): 2, (0, 1): 2, (1, 0): 1, (1, 1): 2}


def test_excluded_by_hand():
    counts = excluded_counts(FOUR).set_index(["candidate", "code"])["customers"]
    assert (counts[0, "staff"], counts[0, "already_left"], counts[1, "already_left"]) == (1, 0, 1)
    strangers = replace(FIRST, exclusion=np.array([[CODES.index("not_yet_customer")] * 4]))
    assert excluded_counts(replace(FOUR, verdicts=(strangers,)))["customers"].sum() == 0
