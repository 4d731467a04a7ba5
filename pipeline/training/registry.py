"""The registry of trained models and of the champion, kept by MLflow on SQLite; no server, no pickle.

A bundle stays where training wrote it, ``data/<bank>/models/<model_id>/``. The registry holds a run with its
parameters and metrics, a copy of the bundle's files beside it, and one version of ``attrition-<bank>`` per
model_id. The champion is the version with the alias of that name.
"""

import hashlib
import json
import logging
import os
import sqlite3
import warnings
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from configs.errors import DataError
from models.bundle import Bundle, load

CHAMPION = "champion"
LOCK = Path(__file__).parents[2] / "requirements.lock"
PER_MONDAY = ("log_loss", "auroc", "average_precision", "recall_at_10")
# The columns in which MLflow keeps addresses of artefacts.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
# What of the settings a data scientist compares between runs.
_COMPARED = ("cohort", "label", "features", "training")


def record(data: Path, bank: str, folder: Path, key: bytes, tags: Mapping[str, str]) -> str:
    """Registers the bundle in ``folder``, signed with ``key``; its version, one per model_id, ever.

    Parameters, metrics, curves and charts are read from the bundle itself, so the registry cannot disagree
    with it. ``tags`` say what else went in, for example a fingerprint of the data; the versions of all
    libraries are added. A step of ``evaluated.…`` is an evaluated Monday, counted from 0; a step of
    ``tune.log_loss`` is a round. Raises DataError if the bundle is changed or does not lie below ``data``.
    """
    bundle = load(folder, key)
    if not folder.resolve().is_relative_to(data.resolve()):
        raise DataError(f"bundle {folder} does not lie below {data}. Write it to {data / bank / 'models'}.")
    client, name = _client(data), _name(bank)
    with suppress(DataError):
        return _version(client, bank, bundle.model_id)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    all_tags = {**tags, "requirements_lock": lock_digest()}
    run = client.create_run(_experiment(client, data, name), tags=all_tags, run_name=bundle.model_id)
    _log(client, run.info.run_id, bundle)
    client.log_artifacts(run.info.run_id, str(folder), "bundle")
    for name_of_chart, chart in svg_charts(bundle).items():
        client.log_text(run.info.run_id, chart, f"charts/{name_of_chart}.svg")
    client.set_terminated(run.info.run_id)
    version = client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/bundle",
        run_id=run.info.run_id,
        tags={
            **tags,
            "model_id": bundle.model_id,
            "bundle": folder.resolve().relative_to(data.resolve()).as_posix(),
        },
        await_creation_for=0,
    )
    return str(version.version)


def keep_report(data: Path, bank: str, model_id: str, page: str) -> None:
    """Keeps the page of a model as ``report.html`` of its run, the newest one; nothing without a run."""
    client = _client(data)
    with suppress(DataError):
        version = client.get_model_version(_name(bank), _version(client, bank, model_id))
        client.log_text(version.run_id, page, "report.html")


def promote(data: Path, bank: str, model_id: str) -> None:
    """Makes a recorded model the champion, a new one or, to roll back, an old one. DataError if unknown."""
    client = _client(data)
    client.set_registered_model_alias(_name(bank), CHAMPION, _version(client, bank, model_id))


def champion(data: Path, bank: str) -> str | None:
    """The model_id that bears the alias; None before the first."""
    query = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
    bearing = _rows(data, query, _name(bank), CHAMPION)
    models = {version: model_id for model_id, version in _recorded(data, bank)}
    return models[bearing[0][0]] if bearing else None


def recorded(data: Path, bank: str) -> set[str]:
    """The model_id of every model that has a version."""
    return {model_id for model_id, _ in _recorded(data, bank)}


def _recorded(data: Path, bank: str) -> list[Any]:
    query = "SELECT value, version FROM model_version_tags WHERE name = ? AND key = 'model_id'"
    return _rows(data, query, _name(bank))


def _rows(data: Path, query: str, *values: str) -> list[Any]:
    """Rows of MLflow's own tables, none where it has not made them: a run that only looks needs no client."""
    if not (data / "mlflow.db").is_file():
        return []
    with closing(sqlite3.connect(data / "mlflow.db", timeout=60)) as connection:
        made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'registered_model_aliases'")
        return connection.execute(query, values).fetchall() if made.fetchone() else []


def runs_page(data: Path, bank: str) -> str:
    """What follows the host in the address of MLflow's page with the training runs of a bank.

    Without its last part MLflow opens on its pages for language models, which show no training run.
    Raises DataError before the first run.
    """
    experiment = _client(data).get_experiment_by_name(_name(bank))
    if experiment is None:
        raise DataError(
            f"bank {bank!r} has no training run yet. Train a model: make train BANK={bank} AS_OF=…"
        )
    return f"#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning"


def track_ablation(data: Path, bank: str, as_of: date, table: pd.DataFrame) -> str:
    """The run_id of a run with what a model loses without each family of features, as metrics and table."""
    client, tags = _client(data), {"kind": "ablation", "as_of": str(as_of)}
    run = client.create_run(_experiment(client, data, _name(bank)), tags=tags, run_name=f"ablation-{as_of}")
    run_id = str(run.info.run_id)
    for family, row in table.astype(float).iterrows():
        for name, value in row.items():
            client.log_metric(run_id, f"{family}.{name}", value)
    client.log_text(run_id, table.to_csv(lineterminator="\n"), "ablation.csv")
    client.set_terminated(run_id)
    return run_id


def svg_charts(bundle: Bundle) -> dict[str, str]:
    """The charts of a bundle by name, as SVG."""
    from pipeline.evaluation.page import calibration, lines

    losses = pd.DataFrame({"log loss on the tuning Mondays": bundle.metrics["losses"]})
    losses["round"] = range(1, len(losses) + 1)
    mondays = pd.DataFrame(bundle.metrics["mondays"])
    points = pd.DataFrame(bundle.metrics["calibration"])
    kept = f"{bundle.metrics['rounds']} rounds kept"
    return {
        "learning": lines(losses, "round", "log loss on the tuning Mondays", title=kept),
        "mondays": lines(mondays, "snapshot_date", "log_loss", title="Evaluated Mondays"),
        "calibration": calibration(points, "promised", "came", title="Tenths of the evaluated rows"),
    }


def lock_digest() -> str:
    """SHA-256 of requirements.lock, which pins every library; "absent" where only the wheel is installed."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest() if LOCK.is_file() else "absent"


def _client(data: Path) -> Any:
    """MLflow's client on ``data/mlflow.db``, made at the first call (seconds), quiet and without network."""
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_LOGGING_LEVEL"] = "WARNING"
    logging.getLogger("alembic").setLevel(logging.WARNING)
    data.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # MLflow 3.17 still uses a loader that SQLAlchemy 2.1 deprecates.
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        # Imported here: MLflow takes seconds, and only training and scoring need it.
        from mlflow.tracking import MlflowClient

        uri = f"sqlite:///{(data / 'mlflow.db').resolve()}"
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    _bring_paths(data)
    return client


def _bring_paths(data: Path) -> None:
    """Has the registry name its artefacts below ``data``, where it lies now.

    MLflow keeps full addresses, so that a copied or moved folder would go on writing into the first one.
    """
    here = _artefacts(data)
    with closing(sqlite3.connect(data / "mlflow.db", timeout=60)) as connection, connection:
        query = "SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location != ?"
        for (before,) in connection.execute(query, (here,)).fetchall():
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (here, len(before) + 1, before, len(before) + 1, f"{before}/"),
                )


def _artefacts(data: Path) -> str:
    return (data / "mlflow").resolve().as_uri()


def _name(bank: str) -> str:
    return f"attrition-{bank}"


def _experiment(client: Any, data: Path, name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment:
        return str(experiment.experiment_id)
    return str(client.create_experiment(name, artifact_location=_artefacts(data)))


def _version(client: Any, bank: str, model_id: str) -> str:
    for version in client.search_model_versions(f"name = '{_name(bank)}'"):
        if version.tags.get("model_id") == model_id:
            return str(version.version)
    raise DataError(f"model {model_id!r} of bank {bank!r} is not in the registry. Record it first.")


def _log(client: Any, run_id: str, bundle: Bundle) -> None:
    from mlflow.entities import Metric, Param

    settings, metrics = bundle.settings, bundle.metrics
    compared = _flat({key: settings[key] for key in _COMPARED if key in settings})
    # Many in one write: MLflow waits for the disk at each call, and takes 1,000 values.
    params = [
        Param(key, json.dumps(value) if isinstance(value, list) else str(value))
        for key, value in compared.items()
    ]
    client.log_batch(run_id, params=params)
    curves = {key: [value] for key, value in _flat(metrics).items() if type(value) in (int, float)}
    curves |= {f"evaluated.{name}": [day.get(name) for day in metrics["mondays"]] for name in PER_MONDAY}
    curves["tune.log_loss"] = metrics["losses"]
    points = [
        Metric(name, value, 0, step)
        for name, values in curves.items()
        for step, value in enumerate(values)
        if value is not None
    ]
    for start in range(0, len(points), 1000):
        client.log_batch(run_id, metrics=points[start : start + 1000])


def _flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``: MLflow knows no nesting."""
    (flat,) = pd.json_normalize(dict(nested), sep=".").to_dict("records")
    return {str(key): value for key, value in flat.items()}
