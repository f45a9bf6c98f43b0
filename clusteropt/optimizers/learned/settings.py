"""Settings of a learned optimizer, beside its numbers theta."""

from dataclasses import dataclass

from clusteropt.errors import UsageError, suggest

NETWORKS = ("vector", "coordinate")
FORMS = ("sum", "product")
FEATURES = ("energy", "place", "size", "neighbours", "schedule", "second-moments", "angles", "radial")
_USUAL = FEATURES[:5]
_RADIAL = ((1.6, 0.5), (2.2, 0.5), (3.2, 0.2))  # the nearest shell of a compact cluster, two of them, and four
_OF_ATOMS = ("energy", "size")  # which the coordinate network does not see
LEARNABLE = ("alpha", "beta", "gamma")


@dataclass(frozen=True)
class LearnedSettings:
    """The network and the update; hashable, because a program is compiled for it.

    The step of an atom is alpha d sigmoid(beta m + gamma) (form 'sum') or alpha d sigmoid(beta m gamma) ('product', where
    gamma is redundant but as printed in the patent application US 2022/0253704 A1), in lengths of the potential: d a
    direction with |d| < 1, m a magnitude, both the network's.
    """

    network: str = "vector"  # 'vector': one atom's rotation invariants; 'coordinate': one coordinate by itself
    widths: tuple[int, ...] = (24, 24)  # hidden units
    # what the network sees beside the gradient and its averages, kept in the order of FEATURES; of coordinates not all
    features: tuple[str, ...] = _USUAL
    # cutoff c and exponent eta of each radial symmetry function, in nearest-neighbour distances; filled in with the usual ones
    # where features have 'radial', empty where they have not
    radial: tuple[tuple[float, float], ...] = ()
    decays: tuple[float, ...] = (0.5, 0.9, 0.98)  # of the moving averages of the gradient
    noise: bool = True  # whether the vector network may weigh a random direction
    styles: int = 0  # inputs that are random numbers of the trajectory, the same for all its atoms and steps
    form: str = "sum"
    alpha: float = 0.2  # longest step, in lengths
    beta: float = 4.0
    gamma: float = -1.5
    learned: tuple[str, ...] = ()  # which of alpha, beta, gamma are part of theta, as logarithms of factors

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise UsageError(f"network cannot be '{self.network}'; {suggest(self.network, NETWORKS)}")
        if self.form not in FORMS:
            raise UsageError(f"form cannot be '{self.form}'; {suggest(self.form, FORMS)}")
        for name in self.features:
            if name not in FEATURES:
                raise UsageError(f"there is no feature '{name}'; {suggest(name, FEATURES)}")
        if len(set(self.features)) < len(self.features):
            raise UsageError(f"features must not be named twice, got {', '.join(self.features)}")
        absent = _OF_ATOMS if self.network == "coordinate" else ()
        chosen = tuple(name for name in FEATURES if name in self.features and name not in absent)
        object.__setattr__(self, "features", chosen)
        object.__setattr__(self, "radial", _radial(self.radial) if "radial" in chosen else ())
        for name in self.learned:
            if name not in LEARNABLE:
                raise UsageError(f"'{name}' cannot be learned; {suggest(name, LEARNABLE)}")
        if not self.widths or min(self.widths) < 1:
            raise UsageError(f"widths must be positive numbers of hidden units, got {self.widths}")
        if not self.decays or not all(0 <= decay < 1 for decay in self.decays):
            raise UsageError(f"decays must be between 0 and 1, got {self.decays}")
        if self.styles < 0:
            raise UsageError(f"styles must not be negative, got {self.styles}")
        if not 0 < self.alpha < float("inf"):
            raise UsageError(f"alpha must be a positive length, got {self.alpha}")


def _radial(given: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """The radial symmetry functions asked for, else the usual ones. Raises UsageError for a pair that cannot be."""
    if len(set(given)) < len(given):
        raise UsageError(f"radial must not name a pair twice, got {given}")
    for pair in given:
        if len(pair) != 2 or not (0 < pair[0] < float("inf") and 0 <= pair[1] < float("inf")):
            raise UsageError(f"radial must be pairs of a cutoff above 0 and an exponent of at least 0, got {pair}")
    return given or _RADIAL
