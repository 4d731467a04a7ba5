"""How likely a call keeps who would leave, learnt from what became of the listed.

Of the leavers expected among the listed (the sum of their risks) those who did not leave were kept. Promises drift, so
the held out, whom nobody called, say first by how much the risks promise too much or too little. A call is expected to
keep ``share · (1 − p)`` of who leaves with probability p (configs.published.Helpfulness), so the share is what was kept
per Σ p (1 − p). It is shrunk: the setting counts like ``evidence`` of these, for all and again, towards all, for each
group of first reasons. So it rises with each customer kept and falls with each one lost, and a few cases move it
little, as the mean of a Beta distribution does.
"""

import numpy as np
from numpy.typing import NDArray

from configs.published import Helpfulness
from configs.settings import Profit
from models.experiment import Trial


def learn(trial: Trial, terms: Profit, least: int) -> Helpfulness:
    """From lots with a known outcome; as set where fewer than ``least`` were listed, and so for each group."""
    listed = trial.where(~trial.held_out)
    if len(listed) < least:
        return Helpfulness(terms.success_rate)
    evidence, right = terms.success_evidence, _promise_kept(trial, terms.success_evidence)
    overall = _shrunk(terms.success_rate, evidence, right * listed.risk, listed.attrited)
    names, counts = np.unique(listed.reason, return_counts=True)
    by_reason = {}
    for name in names[counts >= least].tolist():
        own = listed.where(listed.reason == name)
        by_reason[name] = _shrunk(overall, evidence, right * own.risk, own.attrited)
    return Helpfulness(overall, by_reason)


def _promise_kept(trial: Trial, evidence: float) -> float:
    """How many of the held out left for each whose leaving was promised, shrunk towards 1."""
    held_out = trial.where(trial.held_out)
    return (evidence + float(held_out.attrited.sum())) / (evidence + float(held_out.risk.sum()))


def _shrunk(usual: float, evidence: float, risk: NDArray[np.float64], attrited: NDArray[np.bool_]) -> float:
    """The share within 0, where calls seem to harm, and 1."""
    risk = np.minimum(risk, 1.0)
    kept, movable = float(risk.sum() - attrited.sum()), float((risk * (1 - risk)).sum())
    return min(1.0, max(0.0, (evidence * usual + kept) / (evidence + movable)))
