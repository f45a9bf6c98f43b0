"""Records of chains: what each had found, and at what cost, when it had made so many hops in vain.

A rule of patience p ends a chain when p hops in a row found no lower minimum. A chain that was followed longer tells how it would
have ended by every smaller patience, so one record serves for all of them.
"""

from typing import NamedTuple

import numpy as np

PATIENCES = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
EDGES = (1 / 16, 1 / 4, 1 / 2)  # between the ranks of first minima, as fractions of all first minima so far
N_RANKS = len(EDGES) + 1
_KEPT = 4096  # records of the last chains


class Records(NamedTuple):
    """Chains that have ended; the last axis counts them."""

    kinds: np.ndarray  # (n,) int, of the starts
    styles: np.ndarray  # (n,) int, of the hops
    ranks: np.ndarray  # (n,) int, of the first minima: 0 the lowest
    ends: np.ndarray  # (n,) energy of the lowest minimum
    spent: np.ndarray  # (n,) all that the chain has cost
    lowest: np.ndarray  # (n_patiences, n) energy of the lowest minimum when the chain had this patience behind it
    costs: np.ndarray  # (n_patiences, n) until then; NaN where the chain tells nothing about that patience


def none() -> Records:
    """No records."""
    nothing, count = np.zeros((len(PATIENCES), 0)), np.zeros(0, int)
    return Records(count, count, count, nothing[0], nothing[0], nothing, nothing)


def joined(old: Records, new: Records) -> Records:
    """The last of both."""
    return Records(*(np.concatenate([a, b], -1)[..., -_KEPT:] for a, b in zip(old, new, strict=True)))


class Marks:
    """The notes about chains under way, from which their records are made."""

    def __init__(self, n_seats: int) -> None:
        self.lowest = np.full((len(PATIENCES), n_seats), np.nan)
        self.costs = self.lowest.copy()

    def begin(self, seats: np.ndarray) -> None:
        """Forgets the chains that sat there before."""
        self.lowest[:, seats] = self.costs[:, seats] = np.nan

    def note(self, seats: np.ndarray, n_idle: np.ndarray, lowest: np.ndarray, costs: np.ndarray) -> None:
        """Notes lowest energy and cost of chains at every patience that they have behind them for the first time."""
        self._fill(seats, PATIENCES[:, None] <= n_idle, lowest, costs)

    def ended(self, seats: np.ndarray, limits: np.ndarray, lowest: np.ndarray, costs: np.ndarray) -> None:
        """Fills in what chains that reached the lowest minimum tell about patiences up to their limits."""
        self._fill(seats, PATIENCES[:, None] <= limits, lowest, costs)

    def _fill(self, seats: np.ndarray, where: np.ndarray, lowest: np.ndarray, costs: np.ndarray) -> None:
        new = where & np.isnan(self.costs[:, seats])
        self.lowest[:, seats] = np.where(new, lowest, self.lowest[:, seats])
        self.costs[:, seats] = np.where(new, costs, self.costs[:, seats])
