"""The scores of one Monday: each customer of the cohort once, with reasons; all others excluded by code."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.errors import DataError
from configs.published import Exclusion, Manager, Maturity, Reason, Run, Score, risk_name
from configs.response import movable_share
from configs.settings import NOT_IN_RUNS, Settings
from models.bundle import Scored
from models.matrix import KEY, feature_values, is_known
from models.severity import money_at_risk
from pipeline.artefacts import Home, fingerprint
from pipeline.scoring.occasions import last_occasion
from pipeline.scoring.profiles import maturities
from pipeline.scoring.reasons import (
    CustomerChange,
    CustomerFacts,
    Models,
    Words,
    changes,
    due_figures,
    facts_about,
    reasons_in_words,
    words_of,
)
from pipeline.snapshots.build import nobody_eligible, read_eligible, read_partition
from pipeline.snapshots.households import household_of
from pipeline.tables import Ingested

ROWS = 20_000  # scored and explained together; on a machine with few cores more would only take memory


@dataclass(frozen=True)
class Publication:
    """All that one run publishes: one score per customer of the cohort, one exclusion for everyone else.

    ``maturities`` has what falls due of those of whom something does, as in their profiles;
    ``last_occasion`` the last day on which something came up that ends a cool-down; ``households`` the
    household of every customer in one, scored or not.
    """

    run: Run
    scores: tuple[Score, ...]
    exclusions: tuple[Exclusion, ...]
    managers: tuple[Manager, ...]
    maturities: Mapping[str, tuple[Maturity, ...]]
    last_occasion: Mapping[str, date]
    households: Mapping[str, str]


def score(settings: Settings, home: Home, tables: Ingested, models: Models, as_of: date) -> Publication:
    """The scores of one Monday and their changes. Raises DataError when the features are not the model's.

    They are made of some buckets at a time: of a large bank all figures at once would take gigabytes.
    """
    cohort = read_partition(home, "cohort", [as_of], [*KEY, "exclusion"])
    customers = cohort.loc[cohort["exclusion"] == "", "customer_id"].tolist()
    if not customers:
        raise nobody_eligible(home, [as_of])
    due, households = maturities(tables, as_of, customers), household_of(tables, as_of)
    monday = Monday(settings, models, as_of, words_of(settings, models.present), due, households)
    scores, occasions = list[Score](), dict[str, date]()
    known = np.zeros(len(models.present.model.columns), bool)
    # A part compares its customers with those of the same buckets on the earlier Monday.
    days = [as_of, *([models.earlier[0].snapshot_date] if models.earlier else ())]
    buckets = {len(home.files("features", day)) for day in days}
    parts = min(-(-len(customers) // ROWS), *buckets) if len(buckets) == 1 else 1
    for number in range(parts):
        part = _scored_part(monday, replace(home, part=(number, parts)))
        scores += part.scores
        occasions |= part.last_occasion
        known |= part.known
    models.present.check_known(known, len(scores))
    scores.sort(key=lambda row: row.customer_id)
    exclusions = _exclusions(tables, cohort)
    run = _run(settings, tables, models, as_of, len(scores), exclusions)
    return Publication(run, tuple(scores), exclusions, read_managers(tables), due, occasions, households)


@dataclass(frozen=True)
class Monday:
    """Settings, models and facts on which the scores of all customers of a Monday rest."""

    settings: Settings
    models: Models
    as_of: date
    words: Words
    due: Mapping[str, tuple[Maturity, ...]]
    households: Mapping[str, str]


@dataclass(frozen=True)
class ScoredPart:
    """The scores of some customers, as a Publication has them; per column whether any of them knows it."""

    scores: tuple[Score, ...]
    last_occasion: Mapping[str, date]
    known: NDArray[np.bool_]


def _scored_part(monday: Monday, home: Home) -> ScoredPart:
    """``home`` says which part of the buckets."""
    settings, models, as_of = monday.settings, monday.models, monday.as_of
    bundle, frame = models.present, read_partition(home, "features", [as_of])
    eligible = read_eligible(home, [as_of])
    customers = eligible["customer_id"].tolist()
    if customers != frame["customer_id"].tolist():
        raise DataError(
            "cohort and features of one snapshot name different customers. Delete both partitions of "
            f"{as_of} and run the week again."
        )
    values = feature_values(bundle.learnt.extended(frame, eligible), bundle.model.columns)
    frame = frame[[*KEY]]  # the rest stands in ``values``
    scored = bundle.explained(values)
    about = facts_about(monday.words, values, due_figures(monday.due, customers, as_of))
    reasons = reasons_in_words(about, scored.contributions.values, as_of, settings.lists.reasons)
    changed = changes(about, models, frame, scored, home)
    scores = _scores(settings, eligible, scored, about, reasons, changed, monday.households)
    occasions = last_occasion(settings.lists.occasions, about.figures, monday.due, customers, as_of)
    return ScoredPart(scores, occasions, is_known(values))


def read_managers(tables: Ingested) -> tuple[Manager, ...]:
    """The managers the bank delivered."""
    path = tables.whole("managers")
    rows = pq.read_table(path).to_pylist() if path.is_file() else []
    return tuple(
        Manager(row["manager_id"], row["name"], row["branch_id"] or "", row["weekly_capacity"], row["email"])
        for row in rows
    )


def _exclusions(tables: Ingested, cohort: pd.DataFrame) -> tuple[Exclusion, ...]:
    """Everyone the tables know who is not eligible; a snapshot itself names nobody it did not know yet."""
    codes = dict(zip(cohort["customer_id"], cohort["exclusion"], strict=True))
    parts = [tables.read("customers", bucket, columns=["customer_id"]) for bucket in range(tables.buckets)]
    customers = {customer for rows in parts if rows for customer in rows["customer_id"].unique().to_pylist()}
    everyone = {customer: codes.get(customer, "not_yet_customer") for customer in sorted(customers)}
    return tuple(Exclusion(customer, code) for customer, code in everyone.items() if code)


def _scores(
    settings: Settings,
    eligible: pd.DataFrame,
    scored: Scored,
    about: CustomerFacts,
    reasons: Sequence[tuple[Reason, ...]],
    changed: Sequence[CustomerChange],
    households: Mapping[str, str],
) -> tuple[Score, ...]:
    average, present = np.asarray(eligible["aum_base"]), np.asarray(eligible["aum"])
    money = money_at_risk(scored.risks[:, -1], scored.share, average, present)
    horizons, response = settings.label.horizons, settings.response
    fallen = np.nan_to_num(1 - about.figures("aum_ratio_4w"))
    on_the_way = np.clip(fallen / response.decided_share, 0, 1)
    if settings.counts == "customers":
        present, money = np.zeros_like(present), np.zeros_like(money)
    return tuple(
        Score(
            customer_id=row["customer_id"],
            branch_id=_known(row["branch_id"]),
            manager_id=_known(row["manager_id"]),
            tier=row["tier"],
            lifecycle_stage=row["lifecycle_stage"],
            marketing_opt_out=row["marketing_opt_out"],
            aum_minor=round(aum * 100),
            money_at_risk_minor=round(at_risk * 100),
            risk_band=(band := settings.bands.of(risks[-1])),
            segment=settings.segments.of(round(aum * 100), band, row["lifecycle_stage"]),
            reasons=of_customer,
            risk_change=change.risk,
            changes=change.items,
            household_id=households.get(row["customer_id"]),
            movable=movable_share(dict(zip(horizons, risks, strict=True)), response.timing, way),
            **{risk_name(days): risk for days, risk in zip(horizons, risks, strict=True)},
        )
        for row, risks, aum, at_risk, of_customer, change, way in zip(
            eligible.to_dict("records"),
            scored.risks.tolist(),
            present.tolist(),
            money.tolist(),
            reasons,
            changed,
            on_the_way.tolist(),
            strict=True,
        )
    )


def _known(text: object) -> str | None:
    """pandas reads an empty text as NaN."""
    return text if isinstance(text, str) else None


def _run(
    settings: Settings,
    tables: Ingested,
    models: Models,
    as_of: date,
    cohort: int,
    exclusions: Sequence[Exclusion],
) -> Run:
    manifest = {"counts": "customers"} if settings.counts == "customers" else {}
    manifest |= {
        "tables": tables.fingerprint,
        "model": models.present.model_id,
        "settings": fingerprint(settings.model_dump_json(exclude=NOT_IN_RUNS)),
    }
    if tables.overlay and tables.overlay.as_of(as_of):
        manifest["recorded"] = tables.overlay.as_of(as_of)
    if models.earlier:
        earlier, _ = models.earlier
        manifest |= {"before": earlier.run_id, "compared_with": str(earlier.snapshot_date)}
    return Run(
        run_id=run_id_of(as_of, manifest),
        bank=settings.bank,
        snapshot_date=as_of,
        model_id=models.present.model_id,
        base_currency=settings.base_currency,
        horizon_days=settings.label.horizon_days,
        cohort=cohort,
        excluded=MappingProxyType(dict(sorted(Counter(exclusion.code for exclusion in exclusions).items()))),
        manifest=MappingProxyType(manifest),
    )


def run_id_of(snapshot_date: date, manifest: Mapping[str, str]) -> str:
    """The Monday and a digest of all that went in: an equal run has an equal name."""
    return f"{snapshot_date}-{fingerprint(str(snapshot_date), *manifest.values())[:8]}"
