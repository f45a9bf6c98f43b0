"""The score of a search on a target."""

import math
from typing import NamedTuple


class Score(NamedTuple):
    """The score of a method on a target."""

    formula: str
    method: str
    seen: (
        str  # how much of the target was in training: 'trained', 'size unseen', 'element unseen'; '' for other methods
    )
    n_chains: int  # that have ended, by a hit or without
    n_cut: int  # that were still on their way when the evaluations or seconds allowed were over
    n_hits: int
    n_evaluations: int
    seconds: float
    median_gap: float  # of the chains that have ended, above the best-known energy
    optimizer: str = ""  # the name of the learned optimizer; '' for other methods
    ended_by: str = "hits"  # or 'evaluations', or 'seconds', which depends on the speed of the machine
    seconds_per_evaluation: float = math.nan  # while as many chains as were asked for were on their way

    @property
    def name(self) -> str:
        """The optimizer, or the method where there is none."""
        return self.optimizer or self.method

    @property
    def hit_rate(self) -> float:
        return self.n_hits / self.n_chains if self.n_chains else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Of the hit rate, 95 % confidence (E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927))."""
        n, p, z = self.n_chains, self.hit_rate, 1.96
        if not n:
            return 0.0, 1.0
        centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))

    @property
    def evaluations_per_hit(self) -> float:
        return self.n_evaluations / self.n_hits if self.n_hits else math.inf

    @property
    def seconds_per_hit(self) -> float:
        """Of chains that begin anew all the time: at the end, when they become few, an evaluation takes longer."""
        return self.evaluations_per_hit * self.seconds_per_evaluation if self.n_hits else math.inf
