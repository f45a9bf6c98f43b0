"""The cost of steps of the learned optimizer, in evaluations as a quench makes them. It is a constant, not timed at run."""

_NETWORK = 70.0  # pairs of Lennard-Jones atoms that take as long as a network of 1,000 weights for an atom, on a CPU
_UNITS = 1000.0


def learned_step(n_atoms: int, pair_cost: float, n_weights: int) -> float:
    """The time of a learned step over that of a quench's step; `pair_cost` as in the record of the potential's form.

    A quench's step takes half as long again as its kernel.
    """
    kernel = 1.5 * n_atoms * pair_cost
    return (kernel + _NETWORK * n_weights / _UNITS) / kernel
