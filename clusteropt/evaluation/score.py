"""The score of a search on a target."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Score(NamedTuple):
    """The score of a method on a target."""

    formula: str  # the task
    method: str  # 'learned', 'search', 'multistart' or 'basin hopping'
    seen: str  # how much was in training: 'trained', 'size unseen', 'element unseen'; '' where nothing is learned
    n_chains: int  # chains that have ended, by a hit or without
    n_cut: int  # chains that were cut off by the limit of evaluations or seconds
    n_hits: int  # chains that have come to the best-known minimum
    n_evaluations: int  # of energy and forces, by all chains
    seconds: float  # that all of it took
    median_gap: float  # of energies above the best known, over the chains that have ended
    optimizer: str = ""  # the name of the learned optimizer; '' for other methods
    ended_by: str = "hits"  # 'hits', 'evaluations', or 'seconds', which depends on the speed of the machine
    seconds_per_evaluation: float = math.nan  # of one core or more, while all lanes had chains
    n_searches: int = 0  # adaptive searches, one after the other; 0 for other methods
    evaluations_to_first: float = math.nan  # hit of an adaptive search, the median; infinite where too few came to one
    seconds_to_first: float = math.nan  # likewise

    @property
    def name(self) -> str:
        """The optimizer's name; for other methods, the method."""
        return self.optimizer or self.method

    @property
    def hit_rate(self) -> float:
        """The hits for each chain that has ended."""
        return self.n_hits / self.n_chains if self.n_chains else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the hit rate (E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927))."""
        n, p, z = self.n_chains, self.hit_rate, 1.96
        if not n:
            return 0.0, 1.0
        centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))

    @property
    def evaluations_per_hit(self) -> float:
        """The cost of a hit, all evaluations counted; infinite without one."""
        return self.n_evaluations / self.n_hits if self.n_hits else math.inf

    @property
    def seconds_per_hit(self) -> float:
        """Seconds per hit of full batches: at the end of a measurement, with few chains, an evaluation takes longer."""
        return self.evaluations_per_hit * self.seconds_per_evaluation if self.n_hits else math.inf


def median_until(values: Sequence[float], reached: Sequence[bool]) -> float:
    """The median of what it took to reach something; infinite where too few have reached it.

    `values`: what it took, or, where it was not reached, what was spent before a limit ended that. Estimated as by E. L. Kaplan
    and P. Meier, J. Am. Stat. Assoc. 53, 457 (1958), doi:10.1080/01621459.1958.10501452.
    """
    order = sorted(range(len(values)), key=lambda k: (values[k], not reached[k]))
    left, half = 1.0, math.inf
    for rank, k in enumerate(order):
        left *= 1 - reached[k] / (len(values) - rank)
        if left < 0.5 - 1e-9:
            return (min(half, values[k]) + values[k]) / 2
        if left < 0.5 + 1e-9:
            half = min(half, values[k])
    return math.inf
