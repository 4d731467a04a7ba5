"""The model that benchmarks.serve has MLflow serve: LightGBM from its text file, a model from code, never pickled.

Run with a folder it makes the model there; MLflow's server runs it to have the model.
"""

import json
import sys
from pathlib import Path
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel

COLUMNS, TREES, ROWS = 468, 300, 4_000


class Risk(PythonModel):
    def load_context(self, context: Any) -> None:
        import lightgbm

        self.booster = lightgbm.Booster(model_file=context.artifacts["booster"])

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        return self.booster.predict(model_input.to_numpy())


def make(folder: Path) -> None:
    import lightgbm
    import numpy as np

    draw = np.random.default_rng(7)
    features, label = draw.normal(size=(ROWS, COLUMNS)), draw.random(ROWS) < 0.05
    parameters = {"objective": "binary", "num_leaves": 15, "max_depth": 5, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(features, label), num_boost_round=TREES)
    text = folder.with_suffix(".txt")
    booster.save_model(text)
    mlflow.pyfunc.save_model(
        folder, python_model=__file__, artifacts={"booster": str(text)}, pip_requirements=[]
    )
    (folder / "columns.json").write_text(json.dumps([f"f{number}" for number in range(COLUMNS)]), "utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
else:
    mlflow.models.set_model(Risk())
