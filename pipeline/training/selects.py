"""The SELECTs behind the tables of a model; one that changed since it was trained is named when it scores."""

import re
from pathlib import Path

from pipeline.artefacts import fingerprint, read_json, write_json
from pipeline.context import Context
from pipeline.ingest.renumbered import NUMBERS
from pipeline.ingest.selects import load_selects


def keep_selects(bank: Context, model_id: str) -> None:
    """Note beside the reports of a model which SELECTs its tables came from."""
    write_json(_path(bank, model_id), _digests(bank))


def changed_selects(bank: Context, model_id: str) -> list[str]:
    """The tables whose SELECT is another than when the model was trained; none where that is not known."""
    path = _path(bank, model_id)
    if not path.is_file():
        return []
    before, current = read_json(path), _digests(bank)
    return [table for table in sorted({*before, *current}) if before.get(table) != current.get(table)]


def _path(bank: Context, model_id: str) -> Path:
    return bank.home.reports / f"{model_id}.selects.json"


def _digests(bank: Context) -> dict[str, str]:
    """By table a digest of its SELECT; comments and the lengths of blanks change none.

    Who got which number, and who lives together, changes no meaning of a feature.
    """
    return {
        table: fingerprint(" ".join(re.sub(r"--[^\n]*", "", select).split()))
        for table, select in load_selects(bank.settings).items()
        if table not in (NUMBERS, "households")
    }
