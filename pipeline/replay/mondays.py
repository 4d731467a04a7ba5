"""The Mondays of a replay, one after the other: model, scores and lists by what was known then.

They run in a folder of their own, ``data/<bank>/replay/<first Monday>/``, with its own store, models,
registry and audit log. Only cohort and features are the bank's: they say nothing of later than their Monday.
Whatever is kept of a Monday stays, and the next command goes on behind it.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.call_lists import CallList
from configs.errors import DataError
from configs.files import is_whole, whole_folder, write_manifest
from configs.published import Decision, RunExtras, Score
from features.build import FEATURES_VERSION
from models.learnt import Learnt
from pipeline.artefacts import fingerprint, read_json, write_json, write_parquet
from pipeline.context import Context
from pipeline.lists.experiment import LOOK_BACK, Effect, write_effect
from pipeline.monitoring.matured import keep_matured
from pipeline.progress import log, progress_bar, step
from pipeline.replay.worked import worked_lists
from pipeline.scoring.score import Publication
from pipeline.snapshots.build import build_snapshots, read_eligible, read_partition
from pipeline.tables import Ingested
from pipeline.training.train import ranking_rules
from pipeline.weekly import run_calibration, run_score, scoring_model
from serve.store.store import Store

VERSION = 2  # of what is kept of a Monday: raised where one byte of it changes
NO_BYTES = {"engine", "store", "mail", "alarms"}  # settings that change none
KEPT = "customers.parquet"


@dataclass(frozen=True)
class Replay:
    """The bank's tables, the folder of the replay, its Mondays in order."""

    context: Context
    tables: Ingested
    mondays: tuple[date, ...]

    @property
    def folder(self) -> Path:
        """The folder of the kept Mondays."""
        return self.context.home.root / "mondays"

    def kept(self, monday: date) -> Path:
        return self.folder / str(monday)

    def rests_on(self, monday: date) -> str:
        """A digest of what a Monday can see, of the settings and of the versions."""
        settings = self.context.settings.model_dump_json(exclude=NO_BYTES)
        return fingerprint(self.tables.as_of(monday), settings, str(FEATURES_VERSION), str(VERSION))


def replay_of(bank: Context, tables: Ingested, mondays: Sequence[date]) -> Replay:
    """The replay of these Mondays. Nobody is there to approve a model, so that the figures alone decide."""
    promotion = bank.settings.promotion.model_copy(update={"approval": "automatic"})
    settings = bank.settings.model_copy(update={"promotion": promotion})
    data = bank.home.root / "replay" / str(mondays[0])
    return Replay(Context(settings, data, shared=bank.home.root), tables, tuple(mondays))


def remove_old(replay: Replay) -> None:
    """Remove all that is kept where one Monday of it saw another past, or other settings or software."""
    for monday in sorted(map(date.fromisoformat, _names(replay.folder))):
        if not is_whole(replay.kept(monday)) or note_of(replay, monday)["rests_on"] != replay.rests_on(
            monday
        ):
            log.info("replay    begun anew: data, settings or software of %s are not those of before", monday)
            for path in (*replay.context.data.iterdir(), *replay.context.home.root.iterdir()):
                if path.is_dir() and path != replay.context.home.root:
                    shutil.rmtree(path)
                elif path.is_file() and path.name != "lease":
                    path.unlink()
            return


def run_mondays(replay: Replay) -> None:
    """Every Monday that is not kept yet, the earliest first."""
    for number, monday in enumerate(replay.mondays, start=1):
        if replay.kept(monday).is_dir():
            continue
        with step("monday") as counts:
            note = _run_monday(replay, monday)
            counts |= {"day": monday, "number": f"{number}/{len(replay.mondays)}"}
            counts |= {name: note[name] for name in ("model_id", "cohort", "listed")}


def note_of(replay: Replay, monday: date) -> dict[str, Any]:
    """The note of a kept Monday; without lists it has no ``model_id``, but a ``reason``."""
    return dict(read_json(replay.kept(monday) / "monday.json"))


def _names(folder: Path) -> list[str]:
    return (
        [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    )


def _run_monday(replay: Replay, monday: date) -> dict[str, Any]:
    context, tables = replay.context, replay.tables
    counted, figures = run_calibration(context, tables, monday)
    keep_matured(counted)
    note: dict[str, Any] = {"monday": monday, "rests_on": replay.rests_on(monday)}
    customers = None
    try:
        bundle = scoring_model(context, tables, monday, figures)
    except DataError as reason:
        log.info("replay    no list on %s: %s", monday, reason)
        with progress_bar("features") as on_features:
            build_snapshots(context.settings, context.home, tables, [monday], on_features)
        note |= {"model_id": None, "reason": str(reason), "cohort": 0, "listed": 0}
    else:
        publication, lists, effect = run_score(context, tables, bundle, monday)
        _publish(context, (publication, lists, effect), figures)
        earlier = [replay.kept(day) / KEPT for day in replay.mondays if day < monday]
        worked = worked_lists(
            context.settings, tables, publication, [path for path in earlier if path.is_file()]
        )
        customers = customers_of(context, bundle.learnt, publication, lists, worked)
        note |= _described(publication, lists, effect) | {"trained_as_of": bundle.trained_as_of}
    with whole_folder(replay.kept(monday)) as draft:
        if customers is not None:
            write_parquet(customers, draft / KEPT)
        write_json(draft / "monday.json", note)
        write_manifest(draft)
    return note


def _publish(
    context: Context, scored: tuple[Publication, tuple[CallList, ...], Effect], figures: dict[str, Any]
) -> None:
    """Into the replay's own store: what later Mondays look up, and no more."""
    publication, lists, effect = scored
    keep, run = context.settings.store, publication.run
    extras = RunExtras(calibration=figures)
    with Store(context.home.store) as store:
        with store.publishing(run, publication.scores, publication.exclusions, lists, extras) as read_session:
            write_effect(read_session.connection, effect)
        store.prune(keep.keep_weeks, keep.keep_profiles, keep.keep_weeks + LOOK_BACK.days // 7)


def _described(publication: Publication, lists: Sequence[CallList], effect: Effect) -> dict[str, Any]:
    return {
        "model_id": publication.run.model_id,
        "reason": "",
        "cohort": len(publication.scores),
        "listed": sum(len(call_list.listed) for call_list in lists),
        "response": effect.figures["response"],
        "scores": digest_of(publication.scores),
        "decisions": digest_of(decisions_of(lists)),
    }


def decisions_of(lists: Sequence[CallList]) -> list[Decision]:
    """All decisions, by customer_id."""
    decisions = (decision for call_list in lists for decision in call_list.decisions)
    return sorted(decisions, key=lambda decision: decision.customer_id)


def digest_of(rows: Sequence[Score | Decision]) -> str:
    """A digest of everything in scores or decisions, whatever their order: equal rows have an equal one."""
    return fingerprint("\n".join(map(repr, sorted(rows, key=lambda row: row.customer_id))))


def customers_of(
    context: Context,
    learnt: Learnt,
    publication: Publication,
    lists: Sequence[CallList],
    worked: Sequence[CallList],
) -> pa.Table:
    """One row per cohort customer, by customer_id: score, both decisions, and how each rule ranks them.

    ``worked_…`` is of the lists had they been worked. Reasons are those of who stands on either list.
    """
    published, called = ({row.customer_id: row for row in decisions_of(each)} for each in (lists, worked))
    scores = sorted(publication.scores, key=lambda score: score.customer_id)
    monday, ruled = (
        publication.run.snapshot_date,
        [feature for feature, _ in ranking_rules(context.settings).values()],
    )
    needed = ["customer_id", "snapshot_date", *{*ruled, *learnt.peers.columns} - {*learnt.names}]
    features = read_partition(context.home, "features", [monday], needed)
    features = learnt.extended(features, read_eligible(context.home, [monday]))
    ranks = features.set_index("customer_id").loc[[score.customer_id for score in scores]]
    rows = list(_rows(scores, published, called))
    table = pa.Table.from_pylist(rows, pa.schema(_SCHEMA)) if rows else pa.schema(_SCHEMA).empty_table()
    for name, (feature, sign) in ranking_rules(context.settings).items():
        table = table.append_column(name, pa.array(sign * ranks[feature].to_numpy(float), pa.float64()))
    return table


_SCHEMA = [
    ("customer_id", pa.string()), ("branch_id", pa.string()), ("manager_id", pa.string()),
    ("tier", pa.string()), ("aum_minor", pa.int64()), ("risk", pa.float64()),
    ("money_at_risk_minor", pa.int64()), ("decision", pa.string()), ("why", pa.string()),
    ("rank", pa.int32()), ("worked_decision", pa.string()), ("worked_rank", pa.int32()),
    ("worked_assigned_on", pa.date32()), ("worked_until", pa.date32()), ("reasons", pa.list_(pa.string())),
]  # fmt: skip


def _rows(
    scores: Sequence[Score], published: dict[str, Decision], called: dict[str, Decision]
) -> Iterator[dict[str, Any]]:
    for score in scores:
        decision, worked = published[score.customer_id], called[score.customer_id]
        listed = decision.rank is not None or worked.rank is not None
        yield {
            "customer_id": score.customer_id,
            "branch_id": score.branch_id,
            "manager_id": score.manager_id,
            "tier": score.tier,
            "aum_minor": score.aum_minor,
            "risk": score.risk,
            "money_at_risk_minor": score.money_at_risk_minor,
            "decision": decision.decision,
            "why": decision.why,
            "rank": decision.rank,
            "worked_decision": worked.decision,
            "worked_rank": worked.rank,
            "worked_assigned_on": worked.assigned_on,
            "worked_until": worked.until,
            "reasons": [reason.text_en for reason in score.reasons] if listed else None,
        }
