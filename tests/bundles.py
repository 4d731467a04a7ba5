"""A bundle that nothing was fitted for, with one column: enough to be written, signed and kept."""

from typing import Any

from models.boosting import Trees
from models.bundle import Bundle
from models.hazard import Calibrator, Model
from models.severity import Severity


def tiny_bundle(metrics: dict[str, Any], settings: dict[str, Any]) -> Bundle:
    model = Model(Trees("tree\n", ("inflow",), (None,)), (30, 60, 90), 0.0)
    return Bundle(
        model, Calibrator((1.0,) * 3, (0.0,) * 3), Severity(None, 0.8, 1.0), metrics, settings, (None,)
    )
