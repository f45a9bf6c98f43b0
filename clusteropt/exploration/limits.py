"""When a search ends, and how far it is."""

import math
from typing import NamedTuple


class Limits(NamedTuple):
    """When a search ends; the first that holds."""

    seconds: float = math.inf
    evaluations: float = math.inf
    target: float = -math.inf  # energy at or below which the lowest minimum is low enough
    confirm: int = 0  # independent chains that come to the lowest minimum; 0 for any number


class Progress(NamedTuple):
    """How far a search is."""

    n_evaluations: int
    seconds: float
    n_rounds: int
    n_chains: int  # begun
    lowest: float  # energy of the lowest minimum, polished; infinite before the first
    n_reached: int  # independent chains that came to it
    n_came: int  # all chains that did
    n_distinct: int  # minima in the pool
    missed: float  # estimated chance that a low minimum was missed
