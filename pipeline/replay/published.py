"""The replay beside what the bank's weekly runs published live for the same Mondays."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from configs.errors import DataError
from pipeline.context import Context
from pipeline.replay.mondays import digest_of
from serve.store.store import Store


def compare_published(bank: Context, notes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per Monday that the bank's store holds a run of: whether model, scores and decisions are equal.

    The store is only read; without one, or an empty one, there is no row.
    """
    by_day = {note["monday"]: note for note in notes if note["model_id"]}
    try:
        with Store(bank.home.store) as store:
            runs = {
                run.snapshot_date: run for run in reversed(store.history()) if run.snapshot_date in by_day
            }
            return [_row(store, day, runs[day].run_id, by_day[day]) for day in sorted(runs)]
    except DataError:
        return []


def _row(store: Store, day: date, run_id: str, note: dict[str, Any]) -> dict[str, Any]:
    with store.at_run(run_id) as read_session:
        decisions, model_id = list(read_session.decisions().values()), read_session.run.model_id
    return {
        "monday": str(day),
        "model": model_id == note["model_id"],
        "scores": digest_of(list(store.scores(run_id))) == note["scores"],
        "decisions": digest_of(decisions) == note["decisions"],
    }
