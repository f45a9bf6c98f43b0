"""The evaluations that a search by a calculator may still make, shared out among the moves that explore."""

import math

import numpy as np

FAIR = 40  # evaluations, in which most quenches end
_ENOUGH = 60  # evaluations that an instance may take at least where few are left; most need fewer
_LONGER = 1.5  # an instance may take so many times the evaluations of the longest move that has ended
_PART = 0.125  # of what is free, which a batch may take in any case


class Allowance:
    """The evaluations that are left, and how many of them are promised to moves under way."""

    def __init__(self, left: float = math.inf) -> None:
        self.left = left  # whoever bounds a search sets it
        self.held = 0
        self._longest = 0  # evaluations of the longest move that has ended

    @property
    def free(self) -> float:
        return self.left - self.held

    @property
    def may_begin(self) -> bool:
        """True where another move may begin beside those under way."""
        return self.free >= FAIR

    def shares(self, limit: np.ndarray, used: np.ndarray) -> np.ndarray:
        """The evaluations (n_instances,) that the instances `used` (n,) may take, and hold until they end; at most `limit` each.

        The first ones get theirs, one at least, where there are too few for all. One instance gets half of what is free at most,
        but 60 where half is less. After a move has ended it gets 1.5 times as many as the longest so far, or an eighth of what
        is free where that is more. It gets all, where the rest would be of no use.
        """
        if self.left == math.inf:
            return limit
        half = self.free / 2
        each = max(_ENOUGH, min(half, _LONGER * self._longest or half))
        whole = min(self.free, max(_PART * self.free, each * len(used)))
        whole = self.free if self.free - whole < FAIR else whole
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
