"""The gates of a run: measured, evaluated and written down.

What needs no model is evaluated before anything is learnt from a delivery, scores and lists before they are
published. ``gates/<Monday>.json`` holds every figure, its limits and its verdict, of the last attempt for
that Monday.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any

from configs.call_lists import CallList
from configs.errors import ConfigError, DataError, GateError, did_you_mean
from configs.people import same_person
from configs.published import Run
from configs.settings import NOT_IN_RUNS
from configs.tables import TABLES
from pipeline.artefacts import fingerprint, read_json, write_json
from pipeline.context import Context
from pipeline.gates import figures as measured
from pipeline.gates.cohorts import read_cohorts
from pipeline.gates.figures import EarlierRun
from pipeline.gates.sources import Sources, loaded_rows, read_sources
from pipeline.gates.verdicts import LATE, OVERRIDDEN, REFUSED, Verdict, evaluate, learning
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


@dataclass(frozen=True)
class EvaluatedDelivery:
    """A delivery that its gates let through, on one Monday, with all that the gates of its run need of it.

    ``delivery`` names the Monday, the rows that it sees and the settings; ``through`` are the newest days
    that it sees, by table.
    """

    monday: date
    delivery: str
    late: Mapping[str, str]
    through: Mapping[str, date]
    waiver: Waiver
    verdicts: tuple[Verdict, ...] = ()


def evaluate_delivery(
    context: Context, tables: Ingested, monday: date, calibration: Mapping[str, Any], waiver: Waiver
) -> EvaluatedDelivery:
    """The verdicts on what needs no model: sources, cohort, and what has matured; nothing was learnt yet.

    Raises GateError, once the attempt is written down, where a gate refuses and nobody overrides it.
    """
    late, gates = _declared(context, waiver), context.settings.gates
    earlier, sources = earlier_runs(context, monday), _sources(context, tables, monday)
    cohorts, flows = read_cohorts(context.home, tables, monday)
    figures = [
        *measured.source_figures(gates, sources),
        *measured.file_figures(loaded_rows(tables), monday, earlier),
        *measured.cohort_figures(gates, cohorts, flows),
        *measured.calibration_figures(gates, calibration, earlier),
    ]
    if context.settings.counts == "customers":
        figures = [figure for figure in figures if figure.kind not in measured.OF_MONEY]
    through = {table: rhythm.through for table, rhythm in sources.rhythms.items()}
    evaluated = EvaluatedDelivery(monday, _delivery(context, tables, monday), late, through, waiver)
    verdicts = evaluate(gates, figures, late, len(measured.RUN_GATES))
    return replace(evaluated, verdicts=_let_through(context, evaluated, verdicts))


def evaluate_run(
    context: Context,
    tables: Ingested,
    evaluated: EvaluatedDelivery,
    drafted: tuple[Publication, Sequence[CallList]],
    drift: Mapping[str, Any] | None,
) -> tuple[Publication, dict[str, Any]]:
    """The publication with what its readers must know of its gates, and the figures to keep with the run.

    Raises GateError, once the attempt is written down, where a gate of scores or lists refuses.
    """
    publication, lists = drafted
    gates, run_id = context.settings.gates, publication.run.run_id
    earlier = earlier_runs(context, evaluated.monday)
    figures = list(measured.run_figures(gates, publication, lists, drift, earlier))
    verdicts = evaluate(gates, figures, {}, learning(verdict.figure for verdict in evaluated.verdicts))
    whole = (*evaluated.verdicts, *_let_through(context, evaluated, verdicts, run_id))
    content = _content(evaluated, whole, run_id) | {"loaded": loaded_rows(tables)}
    write_json(_file(context, evaluated.monday), content)
    return replace(publication, run=_with_gates(publication.run, evaluated, whole)), content


def _sources(context: Context, tables: Ingested, monday: date) -> Sources:
    known = read_partition(context.home, "cohort", [monday], ["customer_id", "snapshot_date", "branch_id"])
    known = known[known["branch_id"].notna()]
    return read_sources(tables, monday, dict(zip(known["customer_id"], known["branch_id"], strict=True)))


def _delivery(context: Context, tables: Ingested, monday: date) -> str:
    settings = fingerprint(context.settings.model_dump_json(exclude=NOT_IN_RUNS))
    return run_id_of(
        monday, {"tables": tables.fingerprint, "seen": tables.as_of(monday), "settings": settings}
    )


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
            remedy = "Give the reason." if table in TABLES else did_you_mean(table, TABLES)
            raise ConfigError(
                f"a late source needs the name of a table and a reason, found {table!r} and {reason!r}. "
                f"{remedy}"
            )
    return late


def _let_through(
    context: Context, evaluated: EvaluatedDelivery, verdicts: Sequence[Verdict], run_id: str = ""
) -> tuple[Verdict, ...]:
    """The verdicts, refused ones overridden where a second person does so; ``run_id`` once there is a run.

    Raises GateError, once the attempt is written down, where one stays refused: an empty cohort always.
    """
    refused = _names(verdicts, REFUSED)
    if not refused:
        return tuple(verdicts)
    attempt, waiver = run_id or evaluated.delivery, evaluated.waiver
    if not _is_empty(verdicts) and _is_overridden(context, evaluated, refused, run_id):
        details = {"why": waiver.override_why.strip(), "entered_by": context.user}
        _note(context, _person(waiver.override_by), RUN_OVERRIDDEN, attempt, refused, details)
        return tuple(
            replace(verdict, outcome=OVERRIDDEN) if verdict.outcome == REFUSED else verdict
            for verdict in verdicts
        )
    write_json(
        _file(context, evaluated.monday), _content(evaluated, (*evaluated.verdicts, *verdicts), run_id)
    )
    _note(context, context.user, RUN_REFUSED, attempt, refused, {})
    raise GateError(
        _refusal(context, evaluated.monday, verdicts, "published" if run_id else "learnt or published")
    )


def _is_overridden(
    context: Context, evaluated: EvaluatedDelivery, refused: Sequence[str], run_id: str
) -> bool:
    """True where a second person overrides what the last attempt of this very delivery, or run, named.

    Raises ConfigError for an override that is nobody's, has no reason, or comes from whoever runs the week.
    """
    waiver, path = evaluated.waiver, _file(context, evaluated.monday)
    if not (waiver.override_by or waiver.override_why):
        return False
    by = _person(waiver.override_by)
    if not by or not waiver.override_why.strip():
        raise ConfigError("an override needs who and why: OVERRIDE_BY=<name> OVERRIDE_WHY='<reason>'.")
    if same_person(by, context.user):
        raise ConfigError(f"{by} runs this week and cannot override its gates. Ask a second person.")
    before = read_json(path) if path.is_file() else {}
    is_the_same = before.get("delivery") == evaluated.delivery and run_id in ("", before.get("run_id"))
    if is_the_same and {*refused} <= {*before["refused"], *before["overridden"]}:
        return True
    log.warning("gates     an override holds for gates that an attempt of this run named; this is the first")
    return False


def _person(name: str) -> str:
    """A person's name as it is written down: ＬＩ Na is LI Na."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _with_gates(run: Run, evaluated: EvaluatedDelivery, verdicts: Sequence[Verdict]) -> Run:
    """The run that says which gates were overridden, and through which day a source reaches that is
    behind."""
    behind = sorted({
        verdict.figure.table for verdict in verdicts
        if verdict.figure.kind == "lag" and verdict.outcome in (LATE, OVERRIDDEN)
    })  # fmt: skip
    overridden = _names(verdicts, OVERRIDDEN)
    says = {"gate_overrides": " ".join(overridden)} if overridden else {}
    if behind:
        says["data_through"] = " ".join(f"{table}={evaluated.through[table]}" for table in behind)
    if not says:
        return run
    manifest = dict(run.manifest) | says
    return replace(run, run_id=run_id_of(run.snapshot_date, manifest), manifest=MappingProxyType(manifest))


def _file(context: Context, monday: date) -> Path:
    return context.home.gates / f"{monday}.json"


def _content(evaluated: EvaluatedDelivery, verdicts: Sequence[Verdict], run_id: str) -> dict[str, Any]:
    """The record: plain numbers and text; None for a limit that is not there."""
    return {
        "delivery": evaluated.delivery,
        "run_id": run_id,
        "figures": {verdict.figure.name: verdict.figure.value for verdict in verdicts},
        "refused": _names(verdicts, REFUSED),
        "overridden": _names(verdicts, OVERRIDDEN),
        "late": dict(evaluated.late),
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


def _names(verdicts: Sequence[Verdict], outcome: str) -> list[str]:
    return [verdict.figure.name for verdict in verdicts if verdict.outcome == outcome]


def _note(
    context: Context, actor: str, action: str, attempt: str, gates: Sequence[str], details: dict[str, Any]
) -> None:
    with audit_log(context) as record:
        record.note(actor, action, attempt, {"gates": list(gates)} | details)


def _refusal(context: Context, monday: date, verdicts: Sequence[Verdict], undone: str) -> str:
    refused = [verdict.why for verdict in verdicts if verdict.outcome == REFUSED]
    sentences = " ".join(f"({number}) {why}" for number, why in enumerate(refused, 1))
    remedy = (
        "Nobody is left to score, so nobody can let this run through: correct the delivery, or [cohort] in "
        "bank.toml."
        if _is_empty(verdicts)
        else "If the figures are right all the same, a second person lets this run through with "
        "OVERRIDE_BY=<name> OVERRIDE_WHY='<reason>' (docs/operations.md)."
    )
    return (
        f"the run of {monday} is refused by {len(refused)} of its gates; nothing was {undone}. "
        f"{sentences} {remedy} All figures: {_file(context, monday)}."
    )


def _is_empty(verdicts: Sequence[Verdict]) -> bool:
    """True where nobody is eligible on this Monday."""
    return any(verdict.figure.name == "cohort" and not verdict.figure.value for verdict in verdicts)
