"""Runs: ingest, snapshots, train, score, publish, lists, and the made-up bank.

For data scientists: ``pipeline.dataset("demo", ["2026-05-04"])`` is a pandas frame, and
``pipeline.load_model("demo")`` the champion, which predicts on its rows and gives reasons.
"""

import os
from typing import Any

# Read once, when LightGBM is loaded: its threads else spin while they wait, which is slow by a factor of six
# where cores are shared.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    """``dataset`` and ``load_model`` on first use: they bring pandas and the engine, which cost seconds."""
    if name == "dataset":
        from pipeline.evaluation.research import dataset

        return dataset
    if name == "load_model":
        from pipeline.evaluation.loaded_model import load_model

        return load_model
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
