"""How much an evaluation looks at."""

import math
from dataclasses import dataclass

from clusteropt.errors import UsageError


@dataclass(frozen=True)
class EvaluationSettings:
    """How much to look at."""

    hits: int = 20  # enough: no chain begins after them, and those that have begun go on to their ends
    evaluations: float = 3e6  # at most, for each task and method
    seconds: float = 300.0  # at most, likewise
    chains: int = 64  # at a time
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hits", "chains"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("evaluations", "seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be a positive number, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be between 0 and {2**32 - 1}, got {self.seed}")
