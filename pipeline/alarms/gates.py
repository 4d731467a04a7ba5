"""What the gates said of the last run."""

from typing import Any

from pipeline.artefacts import Home, read_json
from pipeline.progress import log


def last_gates(home: Home) -> dict[str, Any] | None:
    """The gates of the newest Monday, with ``monday``; None where none were written, or none can be read."""
    paths = sorted(home.gates.glob("????-??-??.json"))
    if not paths:
        return None
    try:
        content: dict[str, Any] = read_json(paths[-1]) | {"monday": paths[-1].stem}
    except (OSError, ValueError) as error:
        log.warning("gates     %s cannot be read: %s", paths[-1], type(error).__name__)
        return None
    return content
