"""The gates of a run: measured, judged and written down before anything is published.

``gates/<Monday>.json`` holds every figure, its limits and its verdict, of the last attempt for that Monday.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import isfinite
from types import MappingProxyType
from typing import Any

from configs.call_lists import CallList
from configs.errors import ConfigError, DataError, GateError, did_you_mean
from configs.published import Run
from configs.tables import TABLES
from pipeline.artefacts import read_json, write_json
from pipeline.context import Context
from pipeline.gates import figures as measured
from pipeline.gates.cohorts import flows, read_cohorts
from pipeline.gates.figures import EarlierRun, Figure
from pipeline.gates.sources import Sources, loaded_rows, read_sources
from pipeline.gates.verdicts import LATE, OVERRIDDEN, REFUSED, Verdict, evaluate
from pipeline.progress import log
from pipeline.scoring.score import Publication, run_id_of
from pipeline.snapshots.build import read_partition
from pipeline.tables import Ingested
from pipeline.training.promotion import audit_log
from serve.store.store import Store

MOST_RUNS = 1_000  # that are read; the store keeps fewer
RUN_REFUSED, RUN_OVERRIDDEN = "run refused", "run overridden"


@dataclass(frozen=True)
class Waiver:
    """What people say of a run beforehand: sources that come late, with reasons by table; and who lets a
    refused run through, and why."""

    late: Mapping[str, str] = field(default_factory=dict)
    override_by: str = ""
    override_why: str = ""


NO_WAIVER = Waiver()


def pass_gates(
    context: Context,
    tables: Ingested,
    drafted: tuple[Publication, Sequence[CallList]],
    drift: Mapping[str, Any] | None,
    waiver: Waiver,
) -> tuple[Publication, dict[str, Any]]:
    """The publication with what its readers must know of its gates, and the figures to keep with the run.

    Raises GateError, once the attempt is written down, where a gate refuses and nobody overrides it.
    """
    publication, lists = drafted
    monday = publication.run.snapshot_date
    late = _declared(context, waiver)
    figures, sources = _measure(context, tables, publication, lists, drift)
    verdicts = evaluate(context.settings.gates, figures, late)
    if any(verdict.outcome == REFUSED for verdict in verdicts):
        verdicts = _overridden(context, publication.run, verdicts, waiver)
    run = _with_gates(publication.run, verdicts, sources)
    content = _content(publication.run, verdicts, late) | {"loaded": loaded_rows(tables)}
    write_json(context.home.gates / f"{monday}.json", content)
    refused = [verdict for verdict in verdicts if verdict.outcome == REFUSED]
    if refused:
        _note(context, context.user, RUN_REFUSED, publication.run, _names(refused), {})
        raise GateError(_refusal(context, publication.run, refused))
    return replace(publication, run=run), content


def _measure(
    context: Context,
    tables: Ingested,
    publication: Publication,
    lists: Sequence[CallList],
    drift: Mapping[str, Any] | None,
) -> tuple[list[Figure], Sources]:
    gates, monday = context.settings.gates, publication.run.snapshot_date
    known = read_partition(context.home, "cohort", [monday], ["customer_id", "snapshot_date", "branch_id"])
    with_branch = known[known["branch_id"].notna()]
    sources = read_sources(
        tables, monday, dict(zip(with_branch["customer_id"], with_branch["branch_id"], strict=True))
    )
    cohorts, ids = read_cohorts(context.home, tables, monday)
    earlier = earlier_runs(context, monday)
    return [
        *measured.source_figures(gates, sources),
        *measured.file_figures(loaded_rows(tables), monday, earlier),
        *measured.cohort_figures(gates, cohorts, flows(tables, cohorts, ids)),
        *measured.run_figures(gates, publication, lists, drift, earlier),
    ], sources


def earlier_runs(context: Context, monday: date) -> list[EarlierRun]:
    """What was kept of the runs published for earlier Mondays, the oldest first; of a Monday the newest
    run."""
    try:
        with Store(context.home.store) as store, store.at_run() as read_session:
            kept = read_session.figures("gates", MOST_RUNS)
    except DataError:  # before the first publication
        return []
    newest_last = {  # of two runs of one Monday the newer comes later
        run.snapshot_date: EarlierRun(run.snapshot_date, run.model_id, figures["figures"], figures["loaded"])
        for run, figures in reversed(kept)
        if figures and run.snapshot_date < monday
    }
    return list(newest_last.values())


def _declared(context: Context, waiver: Waiver) -> dict[str, str]:
    """The declared late sources: of bank.toml, and of this run. Raises ConfigError for an unknown table."""
    late = {**context.settings.gates.late, **waiver.late}
    for table, reason in late.items():
        if table not in TABLES or not reason.strip():
            raise ConfigError(
                f"a late source needs the name of a table and a reason, found {table!r} and {reason!r}. "
                f"{did_you_mean(table, TABLES)}"
            )
    return late


def _overridden(context: Context, run: Run, verdicts: list[Verdict], waiver: Waiver) -> list[Verdict]:
    """The verdicts with refused ones overridden, where a second person does so for this very run.

    An override holds for the gates that the last attempt of this run named. Raises ConfigError for one that
    is nobody's, has no reason, or comes from whoever runs the week.
    """
    if not (waiver.override_by or waiver.override_why):
        return verdicts
    by, why = _person(waiver.override_by), waiver.override_why.strip()
    if not by or not why:
        raise ConfigError("an override needs who and why: OVERRIDE_BY=<name> OVERRIDE_WHY='<reason>'.")
    if by.casefold() == _person(context.user).casefold():
        raise ConfigError(f"{by} runs this week and cannot override its gates. Ask a second person.")
    path = context.home.gates / f"{run.snapshot_date}.json"
    before = read_json(path) if path.is_file() else {"run_id": "", "refused": []}
    named = set(before["refused"] or before["overridden"]) if before["run_id"] == run.run_id else set()
    refused = [verdict.figure.name for verdict in verdicts if verdict.outcome == REFUSED]
    if not set(refused) <= named:
        log.warning(
            "gates     an override holds for gates that an attempt of this run named; this is the first"
        )
        return verdicts
    _note(context, by, RUN_OVERRIDDEN, run, refused, {"why": why, "entered_by": context.user})
    return [
        replace(verdict, outcome=OVERRIDDEN) if verdict.outcome == REFUSED else verdict
        for verdict in verdicts
    ]


def _person(name: str) -> str:
    """A person's name as it is written down: ＬＩ Na is LI Na."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _with_gates(run: Run, verdicts: Sequence[Verdict], sources: Sources) -> Run:
    """The run that says which gates were overridden, and through which day a source reaches that is
    behind."""
    overridden = [verdict.figure.name for verdict in verdicts if verdict.outcome == OVERRIDDEN]
    behind = sorted({
        verdict.figure.table for verdict in verdicts
        if verdict.figure.kind == "lag" and verdict.outcome in (LATE, OVERRIDDEN)
    })  # fmt: skip
    says = {"gate_overrides": " ".join(overridden)} if overridden else {}
    if behind:
        says["data_through"] = " ".join(f"{table}={sources.rhythms[table].through}" for table in behind)
    if not says:
        return run
    manifest = dict(run.manifest) | says
    return replace(run, run_id=run_id_of(run.snapshot_date, manifest), manifest=MappingProxyType(manifest))


def _content(run: Run, verdicts: Sequence[Verdict], late: Mapping[str, str]) -> dict[str, Any]:
    """The record: plain numbers and text; None for a limit that is not there."""
    return {
        "run_id": run.run_id,
        "figures": {verdict.figure.name: verdict.figure.value for verdict in verdicts},
        "refused": _names([verdict for verdict in verdicts if verdict.outcome == REFUSED]),
        "overridden": _names([verdict for verdict in verdicts if verdict.outcome == OVERRIDDEN]),
        "late": dict(late),
        "gates": [
            {
                "gate": verdict.figure.name,
                "figure": verdict.figure.value,
                "low": _plain(verdict.low),
                "high": _plain(verdict.high),
                "learnt_from": verdict.learnt.weeks if verdict.learnt else 0,
                "verdict": verdict.outcome,
                "why": verdict.why,
            }
            for verdict in verdicts
        ],
    }


def _plain(limit: float) -> float | None:
    return limit if isfinite(limit) else None


def _names(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.figure.name for verdict in verdicts]


def _note(
    context: Context, actor: str, action: str, run: Run, gates: Sequence[str], details: dict[str, Any]
) -> None:
    with audit_log(context) as record:
        record.note(actor, action, run.run_id, {"gates": list(gates)} | details)


def _refusal(context: Context, run: Run, refused: Sequence[Verdict]) -> str:
    sentences = " ".join(f"({number}) {verdict.why}" for number, verdict in enumerate(refused, 1))
    return (
        f"the run of {run.snapshot_date} is refused by {len(refused)} of its gates; nothing was published. "
        f"{sentences} If the figures are right all the same, a second person lets this run through with "
        "OVERRIDE_BY=<name> OVERRIDE_WHY='<reason>' (docs/operations.md). All figures: "
        f"{context.home.gates / f'{run.snapshot_date}.json'}."
    )
