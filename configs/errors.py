"""The errors a user can mend: what, where, what was found, what to do; shown without a traceback."""

import errno
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import ClassVar


class DataError(Exception):
    """The data is not what its contract says, or not there."""


class ConfigError(Exception):
    """A setting is unknown, missing or out of its range."""


class GateError(Exception):
    """A run does not look like the bank's other weeks; nothing was published."""


class LeaseError(Exception):
    """Another command writes into this bank's folder or store."""


class MachineError(Exception):
    """The machine could not do something: a full disk, a missing right, a broken or absent device.

    No other errno is the machine's: that a file is not there, or is another kind of file, is the software's
    fault or somebody's who changed files under it, and trying again later helps neither.
    """

    REMEDIES: ClassVar = {
        errno.ENOSPC: "Make room on the disk",
        errno.EDQUOT: "Have the quota of this account raised",
        errno.EFBIG: "Have the limit of a file's size raised (ulimit -f)",
        errno.EACCES: "Give this account the right",
        errno.EPERM: "Give this account the right",
        errno.EROFS: "Have the file system mounted for writing",
        errno.EMFILE: "Raise the limit of open files (ulimit -n)",
        errno.ENFILE: "Raise the limit of open files (fs.file-max)",
        errno.ENOMEM: "Give the machine more memory",
        errno.EIO: "Have the disk looked at",
        errno.ENXIO: "Have the disk looked at",
        errno.ENODEV: "Have the disk looked at",
        errno.ESTALE: "Have the file system mounted again",
        errno.ENOTCONN: "Have the file system mounted again",
        errno.ETIMEDOUT: "Have the file system's server looked at",
    }

    def __init__(self, place: str, error: OSError) -> None:
        """``place`` is what was being done, such as the step of a run."""
        remedy = self.REMEDIES.get(error.errno or 0, "Correct that")
        super().__init__(f"{place}: {error}. {remedy}, then run the command again.")

    @classmethod
    def is_at(cls, error: OSError) -> bool:
        """True where the machine is at fault, by the error's number."""
        return error.errno in cls.REMEDIES


# 1 is a fault of the software, 2 also a command that is written wrongly.
EXIT_CODES: dict[type[Exception], int] = {
    DataError: 2,
    ConfigError: 2,
    GateError: 3,
    LeaseError: 4,
    MachineError: 5,
}


def exit_code_of(error: BaseException | None) -> int:
    """The exit code of a command that ends with this error, 0 without one; 130 is Ctrl-C."""
    if error is None:
        return 0
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, OSError) and MachineError.is_at(error):
        return EXIT_CODES[MachineError]
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)


def listed(names: Sequence[str], most: int = 20) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The nearest known name as a sentence, else the list of all known names.

    >>> did_you_mean("horizn_days", ["horizon_days", "lead_days"])
    "Did you mean 'horizon_days'?"
    """
    names = sorted(choices)
    near = get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."
