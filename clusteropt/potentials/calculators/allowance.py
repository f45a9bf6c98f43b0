"""The evaluations that a search by a calculator may still make, shared out among the moves that explore."""

import math

import numpy as np

_ENOUGH = 60  # evaluations that an instance may take at least where few are left; most need fewer
_LONGER = 1.5  # times as many as the longest move so far an instance may take
_PART = 0.125  # of what is free, which a batch may take in any case


class Allowance:
    """What is left, and what of it is promised to moves under way."""

    def __init__(self, left: float = math.inf) -> None:
        self.left = left  # whoever bounds a search sets it
        self.held = 0
        self._longest = 0  # evaluations of a move that has ended

    @property
    def free(self) -> float:
        return self.left - self.held

    def shares(self, limit: np.ndarray, used: np.ndarray) -> np.ndarray:
        """The evaluations (n_instances,) that the instances `used` (n,) may take, and hold until they end; at most `limit` each.

        The first ones get theirs, one at least, where there are too few for all. While no move has ended, half of what is free
        is for others.
        """
        if self.left == math.inf:
            return limit
        half = self.free / 2
        each = max(_ENOUGH, min(half, _LONGER * self._longest or half))
        whole = min(self.free, max(_PART * self.free, each * len(used)))
        whole = self.free if self.free - whole < _ENOUGH else whole  # what nobody else could use
        n = max(1, min(len(used), int(whole / each)))
        most = np.zeros_like(limit)
        most[used[:n]] = max(1, int(whole / n))
        most = np.minimum(limit, most)
        self.held += int(most.sum())
        return most

    def end(self, most: np.ndarray, made: np.ndarray) -> None:
        """Ends moves that were promised as many as `most` and have `made` so many evaluations (n_instances,)."""
        self.held -= int(most.sum()) if self.left < math.inf else 0
        self.left -= int(made.sum())
        self._longest = max(self._longest, int(made.max()))
