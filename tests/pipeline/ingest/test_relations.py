"""The relations of an ingest are what their declarations say, in an ingest of every table."""

from typing import Any

import pytest

from pipeline.ingest import ingest as ingest_module
from pipeline.ingest import relations
from pipeline.ingest.relations import Relation, contract_columns
from tests.pipeline.conftest import TXN_HEADER

RELATIONS = [value for value in vars(relations).values() if isinstance(value, Relation)] + [
    *relations.REFERENCES
]


def test_every_relation_is_as_declared(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at behind the last step of each table, of the second delivery, where all have rows."""
    tiny.ingest()
    tiny.write("txn_2.csv", TXN_HEADER + "T3,C4,A3,2024-03-03 10:00:00,9.50,CNY,other,2024-03-09,\nT5\n")
    seen, load = set(), ingest_module._load

    def watched(state: Any, table: Any, select: str) -> Any:
        loaded = load(state, table, select)
        for relation in RELATIONS:
            if relation.name == "layout" and table.name in ("products", "managers", "rates"):
                continue
            described = state.con.execute(f"DESCRIBE {relation.name}").fetchall()
            columns = {row[0]: "STRUCT[]" if row[0] == "_given" else row[1] for row in described}
            contract = table.names if relation.name == "earlier" else contract_columns(table)
            begins = relation.name in ("checked", "good", "earlier")
            own = {name: kind for name, kind in columns.items() if not begins or name not in contract}
            assert own == dict(relation.columns), (relation.name, table.name)
            if begins:
                assert list(columns)[: len(contract)] == list(contract)
            seen.add(relation.name)
        return loaded

    monkeypatch.setattr(ingest_module, "_load", watched)
    tiny.ingest()
    assert seen == {relation.name for relation in RELATIONS}
