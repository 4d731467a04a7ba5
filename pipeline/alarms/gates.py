"""The verdicts of the gates on the newest Monday."""

from typing import Any

from configs.errors import DataError
from pipeline.artefacts import Home, read_json

_KEYS = ("gate", "figure", "verdict", "why")


def last_gates(home: Home) -> dict[str, Any] | None:
    """Gates, overridden ones and late sources of the newest Monday, with ``monday``; None where there are
    none.

    Raises DataError for a file that is damaged.
    """
    paths = sorted(home.gates.glob("????-??-??.json"))
    if not paths:
        return None
    try:
        content = read_json(paths[-1])
        gates = [{key: gate[key] for key in _KEYS} for gate in content["gates"]]
        return {"monday": paths[-1].stem, "gates": gates} | {
            "overridden": list(content["overridden"]),
            "late": dict(content["late"]),
        }
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{paths[-1]} is damaged ({type(error).__name__}). Run that week again to write it anew."
        ) from None
