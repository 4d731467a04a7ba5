"""Every figure that docs/costs.md extrapolates follows from the rates that stand on the page."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs/costs.md").read_text("utf-8")
MILLION, MONDAYS, COLUMNS, ROUNDS = 1e6, {"train": 20, "tune": 10, "evaluate": 8}, 490, 300


def row(label: str) -> list[str]:
    """The cells behind the first one of the only row of a table that begins so."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {label}")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def rate(field: str) -> float:
    number, million = re.search(r"([\d.,]+)( million)?", row(f"`{field}`")[0]).groups()
    return float(number.replace(",", "")) * (MILLION if million else 1)


def figures() -> dict[str, tuple[str, ...]]:
    """Cells by the first words of their row, from the rates and the assumptions alone."""
    rows = {name: MILLION * mondays for name, mondays in MONDAYS.items()}  # 5% of 20 million customers
    loaded, kept, tuned = rows["train"] + rows["tune"], rows["train"] * 0.93, rows["tune"] * 2.96
    minutes = {
        "load": loaded * COLUMNS / rate("rates.values_loaded") / 60,
        "bins": (kept + tuned) * COLUMNS / rate("rates.values_binned") / 60,
        "rounds": kept * COLUMNS * ROUNDS / rate("rates.values_fitted") / 60,
        "loss": tuned * ROUNDS / rate("rates.trees_predicted") / 60,
        "driver": sum(rows.values()) * COLUMNS / rate("rates.values_loaded") / 60,
    }
    gigabytes = (kept + tuned) * COLUMNS / 1e9
    on_disk = loaded * COLUMNS * 8 / 1e9
    sent = 15 * COLUMNS * 255 * 16 / MILLION  # leaves whose sums travel × columns × bins × bytes
    monday = (MILLION * rate("bytes.features") + 20 * MILLION * rate("bytes.cohort")) / 1e9
    return {
        "load training": (f"{minutes['load']:.0f} core-minutes", f"{minutes['load'] / 4:.0f} minutes"),
        "bins of": (f"{minutes['bins']:.0f} core-minutes", f"{minutes['bins'] / 16:.1f} minutes"),
        "300 rounds": (f"{minutes['rounds']:.0f} core-minutes", f"{minutes['rounds'] / 16:.1f} minutes"),
        "predictions": (f"{minutes['loss']:.0f} core-minutes", f"{minutes['loss'] / 16:.1f} minutes"),
        "bins in memory": (f"{gigabytes:.0f} GB", f"{gigabytes / 4:.1f} GB"),
        "rows on local disk": (f"{on_disk:.0f} GB", f"{on_disk / 4:.0f} GB"),
        "sums per bin": (f"{sent * 3 / 4:.0f} MB", f"{sent * 3 / 4 * ROUNDS / 1000:.0f} GB"),
        "the driver's rows": (
            f"{sum(rows.values()) * COLUMNS * 8 / 1e9:.0f} GB", f"{minutes['driver']:.0f} core-minutes",
        ),
        "features and cohort": (f"{monday:.1f} GB",),
        "tables of 2 billion": (f"{2 * rate('bytes.tables_per_booking'):.0f} GB",),
        "scores": (f"{3 * MILLION * ROUNDS / rate('rates.trees_predicted'):.0f} core-seconds",),
    }  # fmt: skip


@pytest.mark.parametrize("label", figures())
def test_figures_follow_from_the_rates(label):
    cells = " | ".join(row(label))
    assert [figure for figure in figures()[label] if figure not in cells] == [], cells
