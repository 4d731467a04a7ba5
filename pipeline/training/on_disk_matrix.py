"""Numbers too many for memory: rows written to a file one part after the other, then read as one array."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Spool:
    """Rows × columns, 8 bytes a number, in a file without a name below ``folder``.

    Reading the array reads the file, and the system may drop again what was read: the array can be larger
    than the memory. The file is gone with the array, however the run ends.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (array() closes it)
        self._rows, self._columns = 0, 0

    def append(self, values: NDArray[np.float64]) -> None:
        """Rows of as many columns as those before."""
        np.ascontiguousarray(values).tofile(self._file)
        self._rows, self._columns = self._rows + values.shape[0], values.shape[1]

    def array(self) -> NDArray[np.float64]:
        """All rows in their order, read only; nothing may be appended afterwards."""
        shape = (self._rows, self._columns)
        with self._file:
            self._file.flush()
            return np.memmap(self._file, np.float64, "r", shape=shape) if all(shape) else np.empty(shape)
