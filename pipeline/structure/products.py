"""Content ``products`` of branches and the bank, and the gaps of the cohort's customers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.branch_figures.products import (
    DEEPEST,
    ClassDropped,
    ClassGap,
    ClassHeld,
    DepthOutcome,
    ProductCell,
    ProductDimension,
    ProductGap,
    Products,
)
from configs.branch_rows import BranchFigures
from configs.settings import Settings
from features.engine.balances import CLASSES
from models.experiment import wilson
from pipeline.artefacts import Home
from pipeline.snapshots.labelled import with_outcome
from pipeline.structure.cells import COLUMNS, Cells, by_branch, cells_of, customers_on
from pipeline.structure.facts import read_structure
from pipeline.structure.gaps import Gaps, gaps_of, grades_needed, risk_grades
from pipeline.tables import Ingested

BEHIND = (13, 52)  # weeks ago that what is held is compared with
MINOR = [f"{name}_minor" for name in CLASSES]
OF_BANK, OF_BRANCH = ("all", "tier", "branch"), ("all", "tier", "manager")


@dataclass(frozen=True)
class ProductMonday:
    """The customers present on a Monday: cells, what they hold (minor units) by class, and their gaps."""

    rows: pa.Table
    held: pd.DataFrame  # one row per customer; columns MINOR
    gaps: Gaps

    def of_cohort(self) -> dict[str, tuple[ProductGap, ...]]:
        """By customer of the cohort the gaps that may be proposed; who has none is left out."""
        proposed = (self.gaps.missing & self.gaps.allowed).any(axis=0)
        places = np.flatnonzero(proposed & pc.equal(self.rows["exclusion"], "").to_numpy())
        names = self.rows["customer_id"].take(pa.array(places)).to_pylist()
        return {name: self.gaps.of_customer(k) for name, k in zip(names, places.tolist(), strict=True)}


def products_on(settings: Settings, home: Home, tables: Ingested, day: date) -> ProductMonday:
    """The customers of a Monday of which the structure stands."""
    rows = customers_on(home, day, {}, ["age_band", "products", *MINOR])
    rows = rows.filter(rows["present"])
    needed = grades_needed(tables) if settings.products.offerable else {}
    known = risk_grades(tables, day) if needed else {}
    grades = np.array([known.get(name, -1) for name in rows["customer_id"].to_pylist()], np.int64)
    held = pd.DataFrame({name: rows[name].to_numpy() for name in MINOR})
    return ProductMonday(rows, held, gaps_of(settings, rows, needed, grades))


def product_figures(
    settings: Settings, home: Home, tables: Ingested, mondays: Sequence[date], monday: ProductMonday
) -> Iterator[BranchFigures]:
    """The products of the bank as "" and of every branch on the last of ``mondays``, whose customers are
    ``monday``; of all of them the structure stands. None where the bank counts customers."""
    if settings.counts != "money":
        return
    cells = cells_of(settings, [monday.rows])
    branches = monday.rows["branch_id"].to_pylist()
    customers = by_branch(_frame(monday, cells), branches)
    dropped = {
        weeks: by_branch(_dropped(home, day, monday), branches) for weeks, day in _behind(mondays).items()
    }
    ago = _behind(mondays).get(BEHIND[0])
    gap_rows = _gap_rows(products_on(settings, home, tables, ago)) if ago else None
    earlier = None if gap_rows is None else by_branch(gap_rows, gap_rows["branch"])
    matured_rows, matured = _outcomes(home, with_outcome(settings, tables, mondays, mondays[-1]))
    outcomes = by_branch(matured_rows, matured_rows["branch"] if matured else ())
    least = settings.figures.least_customers
    for branch in ("", *cells.branches):
        rows = customers(branch)
        names = OF_BRANCH if branch else OF_BANK
        yield BranchFigures(
            branch,
            "products",
            Products(
                str(mondays[-1]),
                least,
                tuple(
                    _dimension(name, rows, cells, settings)
                    for name in names
                    if name == "all" or name in cells.words
                ),
                tuple(
                    row for weeks, before in dropped.items() for row in _drops(weeks, before(branch), least)
                ),
                _gaps(rows, earlier and earlier(branch), settings),
                _depth(outcomes(branch), least),
                str(matured) if matured else None,
            ),
        )


def _behind(mondays: Sequence[date]) -> dict[int, date]:
    """By weeks of BEHIND the Monday so long ago, where it is among ``mondays``."""
    ago = {(mondays[-1] - day).days // 7: day for day in mondays}
    return {weeks: ago[weeks] for weeks in BEHIND if weeks in ago}


def _frame(monday: ProductMonday, cells: Cells) -> pd.DataFrame:
    """One row per customer: codes of cells, and columns to be summed."""
    held = monday.held > 0
    columns = {
        "all": 0,
        "customers": 1,
        "cohort": pc.equal(monday.rows["exclusion"], "").to_numpy().astype(np.int64),
        "aum": monday.rows["aum_minor"].to_numpy(),
        "products": monday.rows["products"].to_numpy(),
        "classes": held.sum(axis=1).to_numpy(),
    }
    columns |= {name: monday.held[name].to_numpy() for name in MINOR}
    columns |= {f"{name} held": held[f"{name}_minor"].to_numpy().astype(np.int64) for name in CLASSES}
    for k, name in enumerate(monday.gaps.classes):
        missing, allowed = monday.gaps.missing[k], monday.gaps.allowed[k]
        columns[f"{name} gap"] = (missing & allowed).astype(np.int64)
        columns[f"{name} above"] = (missing & ~allowed).astype(np.int64)
    return cells.codes(monday.rows).assign(**columns)


def _dimension(name: str, rows: pd.DataFrame, cells: Cells, settings: Settings) -> ProductDimension:
    summed = [column for column in rows.columns if column not in (*cells.words, "all")]
    words = cells.words.get(name, ("",))
    sums = rows.groupby(name)[summed].sum()
    return ProductDimension(
        name,
        tuple(_cell(words[code], dict(zip(summed, row, strict=True)), settings)
              for code, *row in sums.itertuples()),
    )  # fmt: skip


def _cell(word: str, sums: Mapping[str, int], settings: Settings) -> ProductCell:
    large = sums["customers"] >= settings.figures.least_customers
    by_class = (
        ClassHeld(
            name,
            sums[f"{name} held"],
            sums[f"{name}_minor"],
            *((sums.get(f"{name} {kind}") if large else None) for kind in ("gap", "above")),
        )
        for name in CLASSES
    )
    return ProductCell(
        word,
        sums["customers"],
        sums["cohort"],
        sums["aum"],
        sums["products"],
        sums["classes"],
        tuple(by_class),
    )


def _dropped(home: Home, day: date, monday: ProductMonday) -> pd.DataFrame:
    """Per customer of now and class what was held then (minor units, 0 for who was not there), and whether
    it is gone; the columns are MINOR and, of the flags, CLASSES."""
    before = read_structure(home, [day], ["customer_id", "present", *MINOR])
    before = before.filter(before["present"])
    place = pc.index_in(monday.rows["customer_id"], before["customer_id"].combine_chunks())
    present = pc.is_valid(place).to_numpy()
    places = pc.fill_null(place, 0).to_numpy()
    columns = {}
    for name in CLASSES:
        values = before[f"{name}_minor"].to_numpy()
        amount = np.where(present, values[places], 0) if len(values) else np.zeros(len(present), np.int64)
        columns[f"{name}_minor"] = np.maximum(amount, 0)
        columns[name] = (amount > 0) & ~(monday.held[f"{name}_minor"].to_numpy() > 0)
    return pd.DataFrame(columns)


def _drops(weeks: int, before: pd.DataFrame, least: int) -> Iterator[ClassDropped]:
    for name in CLASSES:
        amount, gone = before[f"{name}_minor"].to_numpy(), before[name].to_numpy()
        held = int((amount > 0).sum())
        if held >= least:
            yield ClassDropped(weeks, name, held, int(gone.sum()), int(amount[gone].sum()))


def _gap_rows(monday: ProductMonday) -> pd.DataFrame:
    """Per customer of a Monday the branch, and by offerable class whether it may be proposed."""
    proposed = monday.gaps.missing & monday.gaps.allowed
    columns = {name: proposed[k] for k, name in enumerate(monday.gaps.classes)}
    return pd.DataFrame({"branch": monday.rows["branch_id"].to_pandas(), **columns})


def _gaps(rows: pd.DataFrame, earlier: pd.DataFrame | None, settings: Settings) -> tuple[ClassGap, ...]:
    least = settings.figures.least_customers
    if len(rows) < least:
        return ()
    return tuple(
        ClassGap(
            name,
            int(rows[f"{name} gap"].sum()),
            int(earlier[name].sum()) if earlier is not None and len(earlier) >= least else None,
            BEHIND[0],
        )
        for name in settings.products.offerable
    )


def _outcomes(home: Home, mondays: Sequence[date]) -> tuple[pd.DataFrame, date | None]:
    """Per cohort customer of the last of these Mondays the branch, the classes held and whether they left.

    Its labels must stand: the outcome is known on the run's Monday."""
    if not mondays:
        return pd.DataFrame(), None
    structure = read_structure(home, mondays[-1:], [*COLUMNS, *MINOR])
    cohort = structure.filter(pc.equal(structure["exclusion"], ""))
    labels = pq.read_table(
        home.partition("labels", mondays[-1]), columns=["customer_id", "attrited"], partitioning=None
    )
    classes = np.sum([cohort[name].to_numpy() > 0 for name in MINOR], axis=0)
    frame = pd.DataFrame(
        {
            "customer_id": cohort["customer_id"].to_pandas(),
            "branch": cohort["branch_id"].to_pandas(),
            "classes": np.minimum(classes, DEEPEST),
        }
    )
    return frame.merge(labels.to_pandas(), on="customer_id"), mondays[-1]


def _depth(outcomes: pd.DataFrame, least: int) -> tuple[DepthOutcome, ...]:
    if not len(outcomes):
        return ()
    counted = outcomes.groupby("classes")["attrited"].agg(["size", "sum"])
    return tuple(
        DepthOutcome(int(classes), customers, attrited, attrited / customers,
                     *wilson(attrited / customers, customers))
        for classes, customers, attrited in zip(
            counted.index, counted["size"].tolist(), counted["sum"].tolist(), strict=True
        )
        if customers >= least
    )  # fmt: skip
