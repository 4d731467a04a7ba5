"""Metrics of scores out of time, in the terms a bank uses: its lists, its money, its probabilities."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError
from models.hazard import fit_line
from models.matrix import Matrix, by_column

Metrics = dict[str, float]
Point = dict[str, Any]

# What the names of figures about money contain; those of a bank that counts customers would repeat others.
OF_MONEY = ("aum_caught", "money", "profit", "left.tenth")
BINS = 10
ENOUGH = 10  # different customers who left, and as many who stayed; of fewer no figure says anything


def evaluate(matrix: Matrix, risks: NDArray[np.float64], horizons: Sequence[int]) -> Metrics:
    """All metrics of probabilities (rows × horizons): of their order, and of their distance from the truth.

    Order, ``ece`` and ``calibration_slope`` are those of the longest horizon. ``brier_30d``, … is the mean
    squared error of the probability of being gone by then (time-dependent Brier score; Graf et al. 1999).
    Nobody is censored: every evaluated outcome has matured. Raises as ``ranking`` does.
    """
    return {
        **ranking(matrix, risks[:, -1]),
        **calibration(matrix, risks[:, -1]),
        **{
            f"brier_{days}d": float(np.mean((risks[:, k] - gone_by(matrix, days)) ** 2))
            for k, days in enumerate(horizons)
        },
    }


def ranking(matrix: Matrix, scores: NDArray[np.float64]) -> Metrics:
    """Metrics that depend on the order only, so any score may be evaluated; higher = riskier, NaN = last.

    ``auroc`` and ``average_precision`` are pooled over rows. ``…_at_5`` and ``…_at_10`` look at the first 5
    or 10 per cent of each Monday's list, then pool: ``recall`` is the share of the attrited found there,
    ``lift`` how many times more often a listed customer attrites than any. ``aum_caught_at_10`` is the share
    of the money that left with attrited customers that stood in the first 10 per cent.
    Raises DataError when the rows hold only one outcome.
    """
    attrited, lost = matrix.attrited == 1, matrix.lost
    if attrited.all() or not attrited.any():
        raise DataError(
            f"{len(matrix)} rows of which {int(attrited.sum())} attrited cannot be evaluated; "
            "both outcomes are needed. Take more snapshots."
        )
    five, ten = _tops(matrix, scores, 0.05, 0.10)
    return {
        "rows": len(matrix),
        "attrited": int(attrited.sum()),
        "attrition_rate": float(attrited.mean()),
        **areas(attrited, scores),
        "lift_at_5": float(attrited[five].mean() / attrited.mean()),
        "lift_at_10": float(attrited[ten].mean() / attrited.mean()),
        "recall_at_5": float(attrited[five].sum() / attrited.sum()),
        "recall_at_10": float(attrited[ten].sum() / attrited.sum()),
        "aum_caught_at_10": float(lost[ten].sum() / lost.sum()) if lost.sum() else 0.0,
    }


def areas(attrited: NDArray[np.bool_], scores: NDArray[np.float64]) -> Metrics:
    """Area under the ROC curve (Mann and Whitney 1947) and average precision, exact up to the division.

    Rows of equal score are taken together; an unknown score (NaN) ranks lowest. scikit-learn's differ in
    the last digits in two cases of five and take eleven times as long, which counts on resamples.
    """
    ranks = _ranks(scores)
    all_at = np.bincount(ranks).astype(np.float64)
    hit_at = np.bincount(ranks, weights=attrited)
    miss_at = all_at - hit_at
    below = np.cumsum(miss_at) - miss_at
    ranked_right = float((hit_at * (below + miss_at / 2)).sum())
    precision = np.cumsum(hit_at[::-1]) / np.cumsum(all_at[::-1])
    return {
        "auroc": ranked_right / float(hit_at.sum() * miss_at.sum()),
        "average_precision": float((precision * hit_at[::-1]).sum() / hit_at.sum()),
    }


def single_aurocs(rows: Matrix) -> dict[str, float]:
    """Per feature the AUROC of ranking by it alone, in the direction in which it ranks better.

    Unknown values stand together below all others, so a feature that is unknown just for those who leave
    counts too. What only two features tell together is not found this way.
    """
    attrited = rows.attrited == 1
    aurocs = [areas(attrited, column)["auroc"] for column in by_column(rows.features)]
    return {name: max(auroc, 1 - auroc) for name, auroc in zip(rows.columns, aurocs, strict=True)}


def customers_by_outcome(rows: Matrix) -> tuple[int, int]:
    """The number of different customers who left on some Monday, and of those who stayed on some."""
    left, stayed = (len(np.unique(rows.customer_id[rows.attrited == outcome])) for outcome in (1, 0))
    return left, stayed


def chance_auroc(left: int, stayed: int, features: int, limit: float) -> float:
    """The AUROC that one of so many honest features exceeds by chance in one bank of twenty; may exceed 1.

    Honest is an AUROC half way between a coin's and ``limit``. The variance is that of Hanley and McNeil
    (1982), with customers in place of rows: the Mondays of one customer are nearly the same row.
    """
    honest = (0.5 + limit) / 2
    both_left, both_stayed = honest / (2 - honest), 2 * honest**2 / (1 + honest)
    variance = honest * (1 - honest) + (left - 1) * (both_left - honest**2)
    variance += (stayed - 1) * (both_stayed - honest**2)
    return honest + NormalDist().inv_cdf(1 - 0.05 / features) * math.sqrt(variance / (left * stayed))


def without_money(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures, at every depth, but those about money: there is none where a bank counts customers."""

    def bare(value: Any) -> Any:
        if isinstance(value, Mapping):
            return without_money(value)
        return [bare(item) for item in value] if isinstance(value, list) else value

    return {
        name: bare(value) for name, value in figures.items() if not any(word in name for word in OF_MONEY)
    }


def top(matrix: Matrix, scores: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """One entry per row: true in the first ``share`` of its own Monday's list, rounded up to whole customers.

    Equal scores rank by customer_id, so nothing is left to chance.
    """
    return next(_tops(matrix, scores, share))


def _tops(matrix: Matrix, scores: NDArray[np.float64], *shares: float) -> Iterator[NDArray[np.bool_]]:
    _, first, monday, size = np.unique(
        matrix.snapshot_date, return_index=True, return_inverse=True, return_counts=True
    )
    order = best_first(scores)
    order = order[np.argsort(monday[order].astype(np.int16), kind="stable")]
    place = np.arange(len(matrix)) - np.repeat(first, size)
    for share in shares:
        # 0.07 × 100 is 7.000000000000001 in floats; the small step back keeps that 7.
        length = np.repeat(np.ceil(share * size - 1e-9), size)
        chosen = np.zeros(len(matrix), dtype=np.bool_)
        chosen[order] = place < length
        yield chosen


def best_first(*scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """The rows from the largest score down; where it is equal the next one decides, in the end the order of
    the rows, which is that of customers. An unknown score (NaN) is last."""
    return np.lexsort([np.where(np.isnan(score), np.inf, -score) for score in reversed(scores)])


def gone_by(matrix: Matrix, days: int) -> NDArray[np.bool_]:
    """One entry per row: true where the customer was gone for good by the end of so many days."""
    return (matrix.time_to_attrition > 0) & (matrix.time_to_attrition <= days)


def calibration(matrix: Matrix, risk: NDArray[np.float64]) -> Metrics:
    """The expected calibration error (``ece``) and the ``calibration_slope``."""
    return {
        "ece": expected_calibration_error(matrix.attrited, risk),
        "calibration_slope": calibration_slope(matrix.attrited, risk),
    }


def calibration_slope(attrited: NDArray[np.int8], risk: NDArray[np.float64]) -> float:
    """By how much the log-odds of attrition grow per predicted log-odds (Cox 1958): 1 is right.

    Below 1 the predictions are too extreme, above 1 too timid.
    """
    return fit_line(np.log(risk) - np.log1p(-risk), attrited)[0]


def expected_calibration_error(attrited: NDArray[np.generic], risk: NDArray[np.float64]) -> float:
    """Mean gap between predicted and observed rates, over equal-sized groups of ascending risk.

    ``attrited`` is 0/1 per row, or the true probability where that is known.
    """
    points = reliability(attrited, risk)
    return sum(abs(point["promised"] - point["came"]) * point["rows"] for point in points) / len(risk)


def reliability(attrited: NDArray[np.generic], risk: NDArray[np.float64]) -> list[Point]:
    """One point per tenth of the rows by ascending risk: predicted and observed rate, and the rows.

    Equal-sized (Nixon et al. 2019), because with attrition of a few per cent equal-width bins put nearly
    everybody into one.
    """
    return [
        {"promised": float(risk[rows].mean()), "came": float(attrited[rows].mean()), "rows": len(rows)}
        for rows in np.array_split(np.argsort(risk, kind="stable"), min(BINS, len(risk)))
    ]


def by_snapshot(matrix: Matrix, risk: NDArray[np.float64]) -> list[Point]:
    """One point per Monday: rows, attrited, log loss, and with both outcomes AUROC and precision."""
    points = list[Point]()
    for day in np.unique(matrix.snapshot_date):
        chosen = matrix.snapshot_date == day
        rows = matrix.only([]).where(chosen)
        point: Point = {
            "snapshot_date": str(day),
            "rows": len(rows),
            "attrited": int(rows.attrited.sum()),
            "log_loss": log_loss(rows.attrited, risk[chosen]),
        }
        if 0 < point["attrited"] < len(rows):
            order = ranking(rows, risk[chosen])
            point |= {name: order[name] for name in ("auroc", "average_precision", "recall_at_10")}
        points.append(point)
    return points


def log_loss(attrited: NDArray[np.int8], risk: NDArray[np.float64]) -> float:
    """Mean negative log-likelihood of the outcomes; a risk of 0 or 1 that was wrong counts as 1e-15."""
    likelihood = np.where(attrited == 1, risk, 1 - risk)
    return float(-np.log(np.maximum(likelihood, 1e-15)).mean())


def group_metrics(
    matrix: Matrix, risk: NDArray[np.float64], group: Sequence[str] | NDArray[np.str_]
) -> list[Point]:
    """One point per group, ascending by name: its counts, and predicted beside observed rates of attrition.

    ``off`` is the first rate less the second (calibration in the large); ``auroc``, ``average_precision`` and
    ``ece`` are those within the group. All of them are None where fewer than ``ENOUGH`` customers left or
    stayed: the Mondays of one customer are one observation, so customers are counted and not rows.
    """
    bare, points = matrix.only([]), list[Point]()
    for name, places in rows_by_group(group):
        rows, predicted = bare.at(places), risk[places]
        left, stayed = customers_by_outcome(rows)
        counts = {"rows": len(rows), "customers": len(np.unique(rows.customer_id)), "left": left}
        figures = _within(rows, predicted) if min(left, stayed) >= ENOUGH else dict.fromkeys(WITHIN)
        points.append({"group": name, **counts, **figures})
    return points


WITHIN = ("promised", "came", "off", "auroc", "average_precision", "ece")


def rows_by_group(
    group: Sequence[str] | NDArray[np.str_],
) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Each group, ascending by name, and its rows in their order: found together, however many groups."""
    names, code = np.unique(np.asarray(group), return_inverse=True)
    ends = np.cumsum(np.bincount(code, minlength=len(names)))
    rows = np.split(np.argsort(code, kind="stable"), ends[:-1])
    return zip(map(str, names), rows, strict=True)


def _within(rows: Matrix, risk: NDArray[np.float64]) -> Metrics:
    order, predicted = ranking(rows, risk), float(risk.mean())
    return {
        "promised": predicted,
        "came": order["attrition_rate"],
        "off": predicted - order["attrition_rate"],
        "auroc": order["auroc"],
        "average_precision": order["average_precision"],
        "ece": expected_calibration_error(rows.attrited, risk),
    }


def money(matrix: Matrix, expected: NDArray[np.float64], tier: NDArray[np.str_]) -> dict[str, Any]:
    """Money predicted to leave beside the money that left with attrited customers, in base currency.

    In total, by tenths of the rows of ascending predicted money, and by tier; ``ratio`` is predicted over
    realised, None where nothing left.
    """
    lost = matrix.lost
    return {
        **_sums(lost, expected, np.arange(len(matrix))),
        "deciles": [_sums(lost, expected, rows) for rows in tenths(expected)],
        "tiers": money_by(matrix, expected, "tier", tier),
    }


def tenths(expected: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """The rows in tenths of ascending expected money."""
    return np.array_split(np.argsort(expected, kind="stable"), BINS)


def money_by(
    matrix: Matrix, expected: NDArray[np.float64], kind: str, group: NDArray[np.str_]
) -> list[dict[str, Any]]:
    """One entry per group, ascending by its name (under ``kind``): predicted and realised money."""
    lost = matrix.lost
    return [{kind: name, **_sums(lost, expected, rows)} for name, rows in rows_by_group(group)]


def _sums(lost: NDArray[np.float64], expected: NDArray[np.float64], rows: NDArray[np.intp]) -> dict[str, Any]:
    predicted, realised = float(expected[rows].sum()), float(lost[rows].sum())
    return {
        "predicted": round(predicted, 2),
        "realised": round(realised, 2),
        "ratio": predicted / realised if realised else None,
    }


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """0, 1, 2, … by ascending score, equal for equal scores; an unknown score (NaN) ranks lowest."""
    _, ranks = np.unique(np.where(np.isnan(scores), -np.inf, scores), return_inverse=True)
    return ranks.astype(np.int64)
