"""The deviation of a customer from the mean of the same tier and branch, which is learnt in training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from configs.settings import PEER_GROUPS, deviation

FEW = 50.0  # rows of the whole cohort added to each group's own: a group of ten says little of its mean
Means = tuple[float, ...]


@dataclass(frozen=True)
class Peers:
    """The mean of each of ``columns`` in every group of the training rows, and over all (``overall``).

    ``groups`` is keyed by the kind of group (as ``PEER_GROUPS``) and the group's name, for example
    ``groups["branch"]["B07"]``. A customer of a group that training never met, or of none, is compared with
    all.
    """

    columns: tuple[str, ...] = ()
    overall: Means = ()
    groups: Mapping[str, Mapping[str, Means]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that ``extended`` adds."""
        return tuple(deviation(column, group) for group in self._kinds for column in self.columns)

    @property
    def _kinds(self) -> list[str]:
        """The kinds of groups in the order of their columns; a file of JSON keeps none."""
        return [group for group in PEER_GROUPS if group in self.groups]

    def extended(self, features: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
        """``features`` with one more column per kind of group and column: the value minus its group's mean.

        ``cohort`` has the same rows, with the columns of ``PEER_GROUPS``. An unknown value stays unknown.
        """
        if not self.columns:
            return features
        values = features[list(self.columns)].to_numpy(np.float64)
        deviations = [values - self._means_of(group, cohort[PEER_GROUPS[group]]) for group in self._kinds]
        more = pd.DataFrame(np.concatenate(deviations, axis=1), features.index, list(self.names))
        return pd.concat([features, more], axis=1)

    def _means_of(self, group: str, names: "pd.Series[str]") -> NDArray[np.float64]:
        members = self.groups[group]
        means = np.array([*members.values(), self.overall])  # the last, at −1, for who is in none of them
        return means[pd.Index(list(members), dtype=object).get_indexer(pd.Index(names, dtype=object))]


def fit_peers(
    features: pd.DataFrame,
    cohort: pd.DataFrame,
    columns: Sequence[str],
    groups: Sequence[str] = tuple(PEER_GROUPS),
) -> Peers:
    """The means of the training rows; those of a small group lie between its own and the overall mean.

    ``features`` holds ``columns`` (NaN = unknown, left out of the mean), ``cohort`` the same rows with the
    columns of the ``groups``, which are keys of ``PEER_GROUPS``. The mean of a group is that of its rows and
    ``FEW`` more of the overall mean (an m-estimate; Micci-Barreca 2001). Raises DataError where a column is
    unknown everywhere.
    """
    if not columns:
        return Peers()
    values = features[list(columns)].to_numpy(np.float64)
    known = ~np.isnan(values)
    empty = [name for name, some in zip(columns, known.any(axis=0), strict=True) if not some]
    if empty:
        raise DataError(
            f"feature {empty[0]!r} is unknown in all {len(values)} training rows and cannot be compared with "
            "its group's mean. Deliver the table it comes from, or take it out of training.peers."
        )
    sums = np.where(known, values, 0.0)
    overall = sums.sum(axis=0) / known.sum(axis=0)
    return Peers(
        tuple(columns),
        tuple(overall.tolist()),
        {group: _means(cohort[PEER_GROUPS[group]], sums, known, overall) for group in groups},
    )


def _means(
    names: "pd.Series[str]", sums: NDArray[np.float64], known: NDArray[np.bool_], overall: NDArray[np.float64]
) -> dict[str, Means]:
    code, members = pd.factorize(names, sort=True)  # −1 where a customer is in no group
    inside = code >= 0
    total, count = (
        np.stack([np.bincount(code[inside], column, len(members)) for column in values[inside].T], axis=1)
        for values in (sums, known)
    )
    means = (total + FEW * overall) / (count + FEW)
    return {str(name): tuple(row) for name, row in zip(members, means.tolist(), strict=True)}
