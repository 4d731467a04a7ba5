"""Runs: ingest, snapshots, train, score, publish, lists, and the made-up bank.

For data scientists: ``pipeline.dataset("demo", ["2026-05-04"])`` is a pandas frame.
"""

import os
from typing import Any

# Read once, when LightGBM is loaded: its threads else spin while they wait, which is slow by a factor of six
# where cores are shared.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    """``dataset`` on first use: it brings pandas and the features engine, which cost seconds."""
    if name == "dataset":
        from pipeline.evaluation.research import dataset

        return dataset
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
