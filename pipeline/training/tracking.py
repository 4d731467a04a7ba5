"""What MLflow shows of a training run: how it learnt, how it did on each Monday, and what it was made from.

Everything is read from the bundle, so that a run and its model cannot disagree.
"""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from models.bundle import Bundle
from pipeline.training.registry import new_run, run_of

LOCK = Path(__file__).parents[2] / "requirements.lock"
TRACKED = "requirements_lock"  # the tag that says a run is complete
PER_MONDAY = ("log_loss", "auroc", "average_precision", "recall_at_10")


def track(data: Path, bank: str, bundle: Bundle) -> str:
    """Adds curves, charts and the versions of all libraries to the run of a recorded bundle; its run_id.

    A step of ``judged.…`` is a judged Monday, counted from 0; a step of ``tune.log_loss`` is a round. A run
    that is complete is left alone. Raises DataError when the bundle is not in the registry.
    """
    client, run_id = run_of(data, bank, bundle.model_id)
    if TRACKED in client.get_run(run_id).data.tags:
        return run_id
    metrics = bundle.metrics
    _log_steps(client, run_id, "tune.log_loss", metrics["losses"])
    for name in PER_MONDAY:
        _log_steps(client, run_id, f"judged.{name}", [one.get(name) for one in metrics["mondays"]])
    for name, chart in drawn(bundle).items():
        client.log_text(run_id, str(chart), f"charts/{name}.svg")
    client.set_tag(run_id, TRACKED, lock_digest())
    return run_id


def track_ablation(data: Path, bank: str, as_of: date, table: pd.DataFrame) -> str:
    """A run with what each family of features was worth, as metrics and as a table; its run_id."""
    client, run_id = new_run(data, bank, f"ablation-{as_of}", {"kind": "ablation", "as_of": str(as_of)})
    for family, row in table.astype(float).iterrows():
        for name, value in row.items():
            client.log_metric(run_id, f"{family}.{name}", value)
    client.log_text(run_id, table.to_csv(lineterminator="\n"), "ablation.csv")
    client.set_terminated(run_id)
    return run_id


def drawn(bundle: Bundle) -> dict[str, str]:
    """The charts of a bundle by name, as SVG."""
    from pipeline.evaluation import charts

    losses = pd.DataFrame({"log loss on the tuning Mondays": bundle.metrics["losses"]})
    losses["round"] = range(1, len(losses) + 1)
    mondays = pd.DataFrame(bundle.metrics["mondays"])
    points = pd.DataFrame(bundle.metrics["calibration"])
    kept = f"{bundle.metrics['rounds']} rounds kept"
    return {
        "learning": charts.lines(losses, "round", "log loss on the tuning Mondays", title=kept),
        "mondays": charts.lines(mondays, "snapshot_date", "log_loss", title="Judged Mondays"),
        "calibration": charts.calibration(points, "promised", "came", title="Tenths of the judged rows"),
    }


def lock_digest() -> str:
    """SHA-256 of requirements.lock, which pins every library; "absent" where only the wheel is installed."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest() if LOCK.is_file() else "absent"


def _log_steps(client: Any, run_id: str, name: str, values: list[float | None]) -> None:
    """All values in one write: MLflow takes milliseconds for each call."""
    from mlflow.entities import Metric

    made = [Metric(name, value, 0, step) for step, value in enumerate(values) if value is not None]
    for start in range(0, len(made), 1000):
        client.log_batch(run_id, metrics=made[start : start + 1000])
