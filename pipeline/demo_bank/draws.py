"""Random numbers that depend only on seed, week, purpose and row: one customer's never move another's."""

from zlib import crc32

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_MASK = (1 << 64) - 1
_WEYL = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: the step between the states of SplitMix64


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014), in place; unsigned overflow is meant."""
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def _mix_number(value: int) -> int:
    return int(_mix(np.array([value], dtype=np.uint64))[0])


class Draws:
    """The random numbers of one week. Counter-based: number = hash(seed, week, purpose, row)."""

    def __init__(self, seed: int, week: int) -> None:
        self._key = _mix_number(_mix_number(seed + 1) ^ ((week + 7) * _WEYL & _MASK))

    def uniform(self, purpose: str, who: Ints) -> Floats:
        """One number in [0, 1) per row of ``who``."""
        key = _mix_number(self._key ^ (crc32(purpose.encode()) * _WEYL & _MASK))
        values = who.astype(np.uint64)
        values *= np.uint64(_WEYL)
        values += np.uint64(key)
        return (_mix(values) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def chance(self, purpose: str, who: Ints, share: Floats | float) -> Bools:
        """True with probability ``share``, per row."""
        return self.uniform(purpose, who) < share

    def chosen(self, purpose: str, who: Ints, share: Floats | float) -> Ints:
        """Those of ``who`` to whom it happens, each with probability ``share``."""
        return who[self.chance(purpose, who, share)]

    def between(self, purpose: str, who: Ints, low: float, high: float) -> Floats:
        """Uniform in [low, high)."""
        return low + (high - low) * self.uniform(purpose, who)

    def whole(self, purpose: str, who: Ints, low: int, high: int) -> Ints:
        """A whole number in [low, high)."""
        return (low + np.floor((high - low) * self.uniform(purpose, who))).astype(np.int64)

    def normal(self, purpose: str, who: Ints) -> Floats:
        """Standard normal, by Box and Muller (1958)."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(purpose, who)))
        return radius * np.cos(2.0 * np.pi * self.uniform(purpose + " angle", who))

    def one_of(self, purpose: str, who: Ints, shares: tuple[float, ...] | Floats) -> Ints:
        """The position in ``shares`` (which add up to 1 or less; the rest goes to the last)."""
        place = np.searchsorted(np.cumsum(shares), self.uniform(purpose, who), side="right")
        return np.minimum(place, len(shares) - 1).astype(np.int64)
