"""Trees as the paths to their leaves: what each column adds to a score, looked up instead of worked out anew.

A score is a sum over leaves. On the way to a leaf stand a few columns, and what matters of a row is only
which of them let it pass. So what each of them adds (its Shapley value with unknown columns averaged over by
the rows of training: Lundberg et al. 2020, path-dependent TreeSHAP) is worked out once for all 2^columns
cases (Yang 2021, Fast TreeSHAP v2). Trees of bounded depth have few columns on a path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

from configs.conflicts import DEEPEST
from configs.errors import ConfigError

_DEFAULT_LEFT, _MISSING, _MISSING_NAN = 2, 12, 8  # bits of LightGBM's decision_type
_KNOWN_TYPES = {0, _DEFAULT_LEFT, _MISSING_NAN, _MISSING_NAN | _DEFAULT_LEFT}


@dataclass(frozen=True)
class Leaf:
    """The columns on the way to a leaf, and for each the turns to take: (node, whether left).

    ``adds`` is cases × columns and more; bit k of a case says that column k lets the row pass.
    """

    columns: tuple[int, ...]
    turns: tuple[tuple[tuple[int, bool], ...], ...]
    adds: NDArray[np.float64]


@dataclass(frozen=True)
class Tree:
    """Per node the column, the threshold up to which a value goes left, and whether an unknown one does."""

    column: NDArray[np.int64]
    threshold: NDArray[np.float64]
    unknown_left: NDArray[np.bool_]
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class Paths:
    """All trees, and the mean score of the rows of training."""

    trees: tuple[Tree, ...]
    expected: float

    def add(self, columns: NDArray[np.float64], parts: NDArray[np.float64]) -> None:
        """Adds to ``parts`` what each column adds to the score; both are columns × rows, with the period,
        which ``columns`` lack, as the last of ``parts``."""
        for tree in self.trees:
            asked = np.flatnonzero(tree.column < len(columns)).tolist()
            left = {node: _goes_left(tree, node, columns) for node in asked}
            for leaf in tree.leaves:
                case = np.zeros(columns.shape[1], dtype=np.uint8)
                for bit, turns in enumerate(leaf.turns):
                    passed = np.logical_and.reduce([left[node] == goes_left for node, goes_left in turns])
                    case |= passed.view(np.uint8) << np.uint8(bit)
                places = case.astype(np.intp)
                for column, adds in zip(leaf.columns, leaf.adds.T, strict=True):
                    parts[column] += adds[places]


def paths_of(text: str, period: int, horizons: Sequence[int]) -> Paths:
    """The paths of LightGBM's text; what is added is the mean over the periods, whose column is ``period``.

    All rows have the same periods, so their mean is taken leaf by leaf. Raises ConfigError for trees too deep
    or with splits that training here does not make.
    """
    trees, expected = list[Tree](), 0.0
    for body in text.partition("\nend of trees")[0].split("\nTree=")[1:]:
        lines = dict(line.split("=", 1) for line in body.splitlines() if "=" in line)
        value = _numbers(lines, "leaf_value")
        if len(value) == 1:
            expected += float(value[0])
            continue
        count = _numbers(lines, "leaf_count")
        expected += float(value @ count / count.sum())
        trees.append(_tree(lines, period, horizons))
    return Paths(tuple(trees), expected)


def _tree(lines: dict[str, str], period: int, horizons: Sequence[int]) -> Tree:
    kinds = _numbers(lines, "decision_type").astype(int)
    if not _KNOWN_TYPES.issuperset(kinds.tolist()):
        raise ConfigError(
            f"the model has splits of type {sorted({*kinds.tolist()} - _KNOWN_TYPES)}, which cannot be "
            "explained. Take categorical_feature and zero_as_missing out of [training.lightgbm] and train "
            "again."
        )
    column, threshold = _numbers(lines, "split_feature").astype(int), _numbers(lines, "threshold")
    by_default = (kinds & _DEFAULT_LEFT) > 0
    unknown_left = np.where((kinds & _MISSING) == _MISSING_NAN, by_default, threshold >= 0)
    bare = Tree(column, threshold, unknown_left, ())
    return Tree(column, threshold, unknown_left, tuple(_leaves(lines, bare, period, horizons)))


def _leaves(lines: dict[str, str], tree: Tree, period: int, horizons: Sequence[int]) -> list[Leaf]:
    children = [_numbers(lines, name).astype(int) for name in ("left_child", "right_child")]
    counts = _numbers(lines, "leaf_count"), _numbers(lines, "internal_count")
    values, leaves = _numbers(lines, "leaf_value"), list[Leaf]()

    def follow(node: int, turns: dict[int, tuple[tuple[int, bool], ...]], shares: dict[int, float]) -> None:
        if node < 0:  # a leaf: LightGBM numbers them −1, −2, …
            leaves.append(_leaf(tree, turns, shares, float(values[~node]), (period, horizons)))
            return
        column = int(tree.column[node])
        for goes_left, child in ((True, int(children[0][node])), (False, int(children[1][node]))):
            share = float((counts[0][~child] if child < 0 else counts[1][child]) / counts[1][node])
            follow(
                child,
                turns | {column: (*turns.get(column, ()), (node, goes_left))},
                shares | {column: shares.get(column, 1.0) * share},
            )

    follow(0, {}, {})
    return leaves


def _leaf(
    tree: Tree,
    turns: dict[int, tuple[tuple[int, bool], ...]],
    shares: dict[int, float],
    value: float,
    periods: tuple[int, Sequence[int]],
) -> Leaf:
    """The columns in the order of their places, so the period is the last of them."""
    period, horizons = periods
    columns = tuple(sorted(turns))
    if len(columns) > DEEPEST:
        raise ConfigError(
            f"a tree asks {len(columns)} features on one path; reasons can be had of {DEEPEST} at most. "
            f"Set max_depth in [training.lightgbm] to {DEEPEST} or less and train again."
        )
    adds = value * _cases(np.array([shares[column] for column in columns]))
    if columns[-1] == period:
        passed = [
            all((days <= tree.threshold[node]) == left for node, left in turns[period]) for days in horizons
        ]
        adds = np.mean([np.split(adds, 2)[side] for side in passed], axis=0)
    return Leaf(columns, tuple(turns[column] for column in columns if column != period), adds)


def _cases(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cases × columns: the Shapley value of each column for reaching the leaf.

    A known column counts 1 if it lets the row pass, else 0; an unknown one the ``share`` of training's rows
    that it let pass.
    """
    bits, within, weight = _sets(len(share))
    # Of every set of known columns: what the unknown ones let pass.
    rest = np.where(bits, 1.0, share).prod(axis=1)
    adds = np.empty(bits.shape)
    for k in range(len(share)):
        without = np.flatnonzero(~bits[:, k])
        reached = within[:, without] @ (weight[without] * rest[without | 1 << k])
        adds[:, k] = (bits[:, k] - share[k]) * reached
    return adds


@cache
def _sets(size: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """Of all sets of so many columns: their members, which lie within which case, and Shapley's weights."""
    sets = np.arange(1 << size)
    bits = (sets[:, None] >> np.arange(size) & 1).astype(np.bool_)
    within = (sets[None, :] & ~sets[:, None]) == 0
    members = bits.sum(axis=1).tolist()
    weight = [factorial(n) * factorial(max(size - 1 - n, 0)) / factorial(size) for n in members]
    return bits, within, np.array(weight)


def _goes_left(tree: Tree, node: int, columns: NDArray[np.float64]) -> NDArray[np.bool_]:
    values, threshold = columns[tree.column[node]], tree.threshold[node]
    if tree.unknown_left[node]:
        return np.asarray(~(values > threshold))
    return np.asarray(values <= threshold)


def _numbers(lines: dict[str, str], name: str) -> NDArray[np.float64]:
    return np.array(lines[name].split(), dtype=np.float64)
