"""What a contact does, learnt from the listed and the control group.

The response says how likely a contact keeps who would leave. Of the leavers expected among the listed (the
sum of their risks) those who did not leave were kept. Risks drift, so the control group, whom nobody called,
says first by how much they are too high or too low. A contact is expected to keep ``share · (1 − p)`` of who
leaves with probability p (``configs.response.movable``), so the share is what was kept per Σ p (1 − p). It
is shrunk: the setting counts like ``evidence`` of these, for all and again, towards all, for each group of
first reasons. So it rises with each customer kept and falls with each one lost, and a few cases move it
little, as the mean of a Beta distribution does.
"""

import numpy as np
from numpy.typing import NDArray

from configs.response import Cell, Estimate, Response
from configs.settings import Profit
from models.experiment import Experiment
from models.matrix import at_rows


def learn(experiment: Experiment, terms: Profit, least: int) -> Response:
    """The response by known outcomes, overall and by first reason; as set below ``least`` listed."""
    listed, control = (at_rows(experiment, rows) for rows in (~experiment.control, experiment.control))
    if len(listed) < least:
        return Response(terms.success_rate)
    evidence = terms.success_evidence
    # How many of the control group left for each whose leaving was predicted, shrunk towards 1.
    right = (evidence + float(control.attrited.sum())) / (evidence + float(control.risk.sum()))
    overall = _shrunk(terms.success_rate, evidence, right * listed.risk, listed.attrited)
    cells: dict[Cell, Estimate] = {(): Estimate(overall, 0.0, "everybody")}
    for name, count in zip(*np.unique(listed.reason, return_counts=True), strict=True):
        if count >= least:
            members = listed.reason == name
            risk, attrited = right * listed.risk[members], listed.attrited[members]
            cells[str(name),] = Estimate(_shrunk(overall, evidence, risk, attrited), 0.0, "reason")
    return Response(terms.success_rate, cells)


def _shrunk(prior: float, evidence: float, risk: NDArray[np.float64], attrited: NDArray[np.bool_]) -> float:
    """The share within 0, where calls seem to harm, and 1."""
    risk = np.minimum(risk, 1.0)
    kept, movable = float(risk.sum() - attrited.sum()), float((risk * (1 - risk)).sum())
    return min(1.0, max(0.0, (evidence * prior + kept) / (evidence + movable)))
