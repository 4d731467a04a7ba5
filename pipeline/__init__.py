"""Runs: ingest, snapshots, train, score, publish, lists, and the made-up bank.

For data scientists: ``pipeline.dataset("demo", ["2026-05-04"])`` is a pandas frame; see pipeline/judging/research.py.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """``dataset`` on first use: it brings pandas and the features engine, which cost seconds."""
    if name == "dataset":
        from pipeline.judging.research import dataset

        return dataset
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
