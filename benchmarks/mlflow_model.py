"""The model that MLflow serves in benchmarks.serve: LightGBM from its text file, never pickled.

Run with a folder it makes the model there: two texts and an MLmodel that names this module as the loader.
"""

import json
import sys
from pathlib import Path
from typing import Any

COLUMNS, TREES, ROWS = 468, 300, 4_000


class Risk:
    """The model for MLflow's server: a frame in, a probability per row out."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, rows: Any) -> Any:
        return self._booster.predict(rows.to_numpy())


def _load_pyfunc(path: str) -> Risk:
    """MLflow calls it by this name."""
    import lightgbm

    return Risk(lightgbm.Booster(model_file=path))


def make(folder: Path) -> None:
    import lightgbm
    import numpy as np
    from mlflow.models import Model

    draw = np.random.default_rng(7)
    features, label = draw.normal(size=(ROWS, COLUMNS)), draw.random(ROWS) < 0.05
    parameters = {"objective": "binary", "num_leaves": 15, "max_depth": 5, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(features, label), num_boost_round=TREES)
    folder.mkdir()
    (folder / "booster.txt").write_text(booster.model_to_string(), "utf-8")
    (folder / "columns.json").write_text(json.dumps([f"f{number}" for number in range(COLUMNS)]), "utf-8")
    model = Model()
    model.add_flavor("python_function", loader_module="benchmarks.mlflow_model", data="booster.txt")
    model.save(str(folder / "MLmodel"))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
