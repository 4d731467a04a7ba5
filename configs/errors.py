"""The two errors a user can mend: what, where, what was found, what to do; shown without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class DataError(Exception):
    """The data is not what its contract says, or not there."""


class ConfigError(Exception):
    """A setting is unknown, missing or out of its range."""


class GateError(Exception):
    """A run does not look like the bank's other weeks; nothing was published."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The nearest known name as a sentence, else the list of all known names.

    >>> did_you_mean("horizn_days", ["horizon_days", "lead_days"])
    "Did you mean 'horizon_days'?"
    """
    names = sorted(choices)
    near = get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."
