"""Which models were trained and which one is champion, kept by MLflow on SQLite; no server, no pickle.

A bundle stays where training wrote it, ``data/<bank>/models/<model_id>/``. The registry holds a run with its
parameters and metrics, a copy of the bundle's files beside it, and one version of ``attrition-<bank>`` per
model_id. The champion is the version with the alias of that name.
"""

import json
import logging
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configs.errors import DataError
from models.bundle import Bundle, load

CHAMPION = "champion"
# What of the settings a data scientist compares between runs.
_COMPARED = ("cohort", "label", "features", "training")


def record(data: Path, bank: str, folder: Path, key: bytes, tags: Mapping[str, str]) -> str:
    """Registers the bundle in ``folder``, signed with ``key``, and returns its version; one per model_id, ever.

    Parameters and metrics are read from the bundle itself, so the registry cannot disagree with it. ``tags``
    say what else went in, for example a fingerprint of the data. Raises DataError if the bundle is changed
    or does not lie below ``data``.
    """
    bundle = load(folder, key)
    if not folder.resolve().is_relative_to(data.resolve()):
        raise DataError(f"bundle {folder} does not lie below {data}. Write it to {data / bank / 'models'}.")
    client, name = _client(data), _name(bank)
    known = _versions(client, name, bundle.model_id)
    if known:
        return known[0]
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    run = client.create_run(_experiment(client, data, name), tags=dict(tags), run_name=bundle.model_id)
    _log(client, run.info.run_id, bundle)
    client.log_artifacts(run.info.run_id, str(folder), "bundle")
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


def promote(data: Path, bank: str, model_id: str) -> None:
    """Makes a recorded model the champion, a new one or, to roll back, an old one. DataError if unknown."""
    client = _client(data)
    known = _versions(client, _name(bank), model_id)
    if not known:
        raise DataError(f"model {model_id!r} of bank {bank!r} is not in the registry. Record it first.")
    client.set_registered_model_alias(_name(bank), CHAMPION, known[0])


def champion(data: Path, bank: str) -> Path:
    """The folder of the bank's champion bundle. Raises DataError if there is none or its folder is gone."""
    none = DataError(f"bank {bank!r} has no champion in {_database(data)}. Train a model first.")
    if not _database(data).is_file():
        raise none
    client = _client(data)
    found = client.search_registered_models(f"name = '{_name(bank)}'")
    version = found[0].aliases.get(CHAMPION) if found else None
    if version is None:
        raise none
    folder: Path = data / client.get_model_version(_name(bank), version).tags["bundle"]
    if not folder.is_dir():
        raise DataError(f"the champion of bank {bank!r} is gone from {folder}. Restore it, or train again.")
    return folder


def run_of(data: Path, bank: str, model_id: str) -> tuple[Any, str]:
    """MLflow's client and the run of a recorded model. Raises DataError if it is not recorded."""
    client, name = _client(data), _name(bank)
    known = _versions(client, name, model_id)
    if not known:
        raise DataError(f"model {model_id!r} of bank {bank!r} is not in the registry. Record it first.")
    return client, str(client.get_model_version(name, known[0]).run_id)


def new_run(data: Path, bank: str, name: str, tags: Mapping[str, str]) -> tuple[Any, str]:
    """MLflow's client and a fresh run of the bank that belongs to no model."""
    client = _client(data)
    run = client.create_run(_experiment(client, data, _name(bank)), tags=dict(tags), run_name=name)
    return client, str(run.info.run_id)


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

        uri = f"sqlite:///{_database(data).resolve()}"
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _database(data: Path) -> Path:
    return data / "mlflow.db"


def _name(bank: str) -> str:
    return f"attrition-{bank}"


def _experiment(client: Any, data: Path, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=(data / "mlflow").resolve().as_uri()))


def _versions(client: Any, name: str, model_id: str) -> list[str]:
    found = client.search_model_versions(f"name = '{name}'")
    return [str(one.version) for one in found if one.tags.get("model_id") == model_id]


def _log(client: Any, run_id: str, bundle: Bundle) -> None:
    for key, value in _flat(
        {key: bundle.settings[key] for key in _COMPARED if key in bundle.settings}
    ).items():
        client.log_param(run_id, key, value)
    for key, value in _flat(bundle.metrics).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            client.log_metric(run_id, key, float(value))


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}, "c": [2]}`` as ``{"a.b": 1, "c": "[2]"}``: MLflow knows no nesting and no lists."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(value) if isinstance(value, list) else value
    return flat
