"""Features of before stand as long as FEATURES_VERSION does, so no output may change under the same
version."""

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.settings import Settings
from features.build import FEATURES_VERSION, build, build_labels
from features.engine.entities import make_entities

RECORD = Path(__file__).with_name("version.json")
SEEDS = (3, 8)


def digest(tables: list[pa.Table]) -> str:
    """16 hex digits over every name and value; nine digits of a number, so that any machine finds the
    same."""
    text = hashlib.sha256()
    for table in tables:
        for name in table.column_names:
            values = (
                f"{value:.9g}" if isinstance(value, float) else value for value in table[name].to_pylist()
            )
            text.update(json.dumps([name, *values], default=date.isoformat).encode())
    return text.hexdigest()[:16]


def test_another_output_is_another_version(draw_bank: Any, tables_of: Any, bank_settings: Settings) -> None:
    tables: dict[str, list[pa.Table]] = {"cohort": [], "features": [], "labels": []}
    for drawn in map(draw_bank, SEEDS):
        entities = make_entities(tables_of(drawn.bank))
        for _, cohort, features in build(entities, drawn.snapshots, drawn.history_from, bank_settings):
            tables["cohort"].append(cohort)
            tables["features"].append(features)
        matured = max(drawn.snapshots) + timedelta(weeks=26)
        labels = build_labels(entities, drawn.snapshots, drawn.history_from, matured, bank_settings)
        tables["labels"] += [table for _, table in labels]
    assert all(sum(map(len, parts)) for parts in tables.values())
    found = {"version": FEATURES_VERSION} | {name: digest(parts) for name, parts in tables.items()}
    assert found == json.loads(RECORD.read_text("utf-8")), (
        f"the output changed: raise FEATURES_VERSION in features/build.py and record in {RECORD.name}: "
        f"{json.dumps(found)}"
    )
