"""The rows that train and evaluate models: features, deviations from peers and outcomes, on disk."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import ConfigError, did_you_mean
from configs.settings import Settings
from features.build import catalogue
from features.catalogue.entries import Entry, peer_entries
from models.matrix import KEY, Matrix, check_finite, joined
from models.peers import Peers, fit_peers
from pipeline.artefacts import Home
from pipeline.snapshots.build import READERS, feature_names, read_eligible, read_features, read_partition


def columns_of(settings: Settings) -> dict[str, Entry]:
    """Every column of a model by its name, in order: the features, then the deviations from their peers."""
    features = catalogue(settings)
    return features | peer_entries(settings, features)


def monotone_signs(settings: Settings, columns: Sequence[str]) -> tuple[int, ...]:
    """Per column 1 where more of it may only raise the risk, −1 where less may, else 0; empty if none is
    named.

    Names, patterns and groups of reasons come from ``training.monotone``, the signs from the catalogue.
    Raises ConfigError for a word that is none of these, or names only features that are worrying in no
    direction.
    """
    entries, signs = columns_of(settings), dict[str, int]()
    for word in settings.training.monotone:
        named = [entry for entry in entries.values() if word == entry.group or fnmatchcase(entry.name, word)]
        if not named:
            words = {*entries, *(entry.group for entry in entries.values())}
            raise ConfigError(f"training.monotone: {word!r} names no feature. {did_you_mean(word, words)}")
        worrying = {entry.name: entry.worse for entry in named if entry.worse}
        if not worrying:
            raise ConfigError(
                f"training.monotone: {word!r} names {len(named)} features, none of which is worrying in one "
                "direction only. Leave it out."
            )
        signs |= worrying
    return tuple(signs.get(name, 0) for name in columns) if signs else ()


def load_peers(settings: Settings, home: Home, snapshots: tuple[date, ...]) -> Peers:
    """The means of each tier and branch on these Mondays, which are those that train."""
    columns = list(settings.training.peers)
    frame = read_partition(home, "features", snapshots, [*KEY, *columns])
    return fit_peers(frame, read_eligible(home, snapshots), columns)


def load_matrix(home: Home, snapshots: Sequence[date], peers: Peers | None = None) -> Matrix:
    """Features and outcome of every eligible customer of these Mondays; eligible without outcome is an error.

    With ``peers`` their columns stand behind the features, as a model of theirs expects. ``READERS`` Mondays
    are in memory at a time; all features together lie on disk and are read as they are needed.
    """
    mondays, peers = sorted(snapshots), peers or Peers()
    names, outcomes = feature_names(home, mondays[0]), list[Matrix]()

    def features() -> Iterator[NDArray[np.float64]]:
        with ThreadPoolExecutor(READERS) as pool:
            for first in range(0, len(mondays), READERS):
                days = mondays[first : first + READERS]
                for rows in pool.map(partial(_of_monday, home, peers, names), days):
                    outcomes.append(rows.only([]))
                    yield rows.features

    on_disk = to_disk(home.root, features())
    return joined(outcomes, on_disk, [*names, *peers.names])


def to_disk(folder: Path, parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """All rows of the parts in their order, read only, 8 bytes a number, in a file without a name below
    ``folder``.

    Reading the array reads the file, and the system may drop again what was read: the array can be larger
    than the memory. The file is gone with the array, however the run ends.
    """
    rows = columns = 0
    with tempfile.TemporaryFile(dir=folder) as file:
        for part in parts:
            np.ascontiguousarray(part).tofile(file)
            rows, columns = rows + part.shape[0], part.shape[1]
        file.flush()
        shape = (rows, columns)
        return np.memmap(file, np.float64, "r", shape=shape) if all(shape) else np.empty(shape)


def _of_monday(home: Home, peers: Peers, names: list[str], day: date) -> Matrix:
    key, values = read_features(home, day, names, len(peers.names))
    compared = pd.DataFrame({name: values[:, names.index(name)] for name in peers.columns}, key.index)
    values[:, len(names) :] = peers.extended(compared, read_eligible(home, [day]))[[*peers.names]]
    columns = [*names, *peers.names]
    check_finite(values, columns)
    return Matrix.labelled(key, values, columns, read_partition(home, "labels", [day]))
