"""Units given to receivers under a capacity, with loads as even as whole units allow.

A linear programme (SciPy's HiGHS) places as many customers as fit, then as many as possible where they are
preferred. What is left to choose evens out the loads: for each kind of load the range from the least to the
most loaded receiver, as a share of the mean. A corner of the programme splits few units only (Lenstra, Shmoys
and Tardos 1990); those go whole, the largest first, to the receiver with the least load who has room.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
_UNPLACED, _UNPREFERRED = 100.0, 1.0  # cost of each customer of a unit; a range costs about 1 at most
_WHOLE = 1 - 1e-6  # a share of a unit that counts as all of it


def balanced_assignment(
    sizes: Floats, loads: Floats, present: Floats, room: Floats, preferred: Codes
) -> Codes:
    """Per unit the place of its receiver, −1 where none has room.

    ``sizes`` counts the customers of each unit; ``loads`` is units × kinds, of which ``room`` of each
    receiver limits the first; ``present`` is receivers × kinds. ``preferred`` is a receiver's place, or −1.
    """
    if not len(sizes) or not len(room):
        return np.full(len(sizes), -1)
    mean = np.maximum((present.sum(axis=0) + loads.sum(axis=0)) / len(room), 1e-9)
    shares = _shares(sizes, loads / mean, present / mean, np.maximum(room, 0) / mean[0], preferred)
    chosen: Codes = np.where(shares.max(axis=1) >= _WHOLE, shares.argmax(axis=1), -1).astype(np.int64)
    total = present / mean
    for unit in np.flatnonzero(chosen >= 0).tolist():
        total[chosen[unit]] += loads[unit] / mean
    most = np.maximum(room, 0) / mean[0] + present[:, 0] / mean[0] + 1e-9
    weight = (loads / mean).sum(axis=1)
    for unit in sorted(np.flatnonzero(chosen < 0).tolist(), key=lambda unit: (-weight[unit], unit)):
        added = loads[unit] / mean
        free = np.flatnonzero(total[:, 0] + added[0] <= most)
        if len(free):
            liked = free[free == preferred[unit]]
            chosen[unit] = liked[0] if len(liked) else free[(total[free] + added).sum(axis=1).argmin()]
            total[chosen[unit]] += added
    return chosen


def _shares(sizes: Floats, loads: Floats, present: Floats, room: Floats, preferred: Codes) -> Floats:
    """Units × receivers: each unit's shares in the best corner of the programme; loads are of the mean."""
    units, receivers, kinds = len(sizes), len(room), loads.shape[1]
    disliked = (preferred[:, None] >= 0) & (preferred[:, None] != np.arange(receivers))
    cost = sizes[:, None] * (_UNPREFERRED * disliked - _UNPLACED)
    # Columns: each unit by receiver, then per kind the most and the least load.
    each = eye_array(receivers)
    rows = [hstack([kron(eye_array(units), np.ones((1, receivers))), csr_array((units, 2 * kinds))])]
    rows += [hstack([kron(loads[:, [0]].T, each), csr_array((receivers, 2 * kinds))])]
    high = [np.ones(units), room]
    for kind in range(kinds):
        for place, sign in ((2 * kind, 1), (2 * kind + 1, -1)):
            bound = np.zeros((receivers, 2 * kinds))
            bound[:, place] = -sign
            rows.append(hstack([kron(sign * loads[:, [kind]].T, each), csr_array(bound)]))
            high.append(-sign * present[:, kind])
    solved = milp(
        np.append(cost.ravel(), np.tile([1.0, -1.0], kinds)),
        bounds=Bounds(0, np.append(np.ones(units * receivers), np.full(2 * kinds, np.inf))),
        constraints=LinearConstraint(vstack(rows), -np.inf, np.concatenate(high)),
    )
    shares: Floats = solved.x[: units * receivers].reshape(units, receivers)
    return shares
