"""Settings of a learned optimizer, beside its numbers theta."""

import math
from dataclasses import dataclass

from clusteropt.errors import UsageError
from clusteropt.runtime import plugins
from clusteropt.settings.options import (
    AT_LEAST_1,
    FINITE,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Choices,
    check,
    one_of,
    option,
)
from clusteropt.settings.values import shown

NETWORKS = ("vector", "coordinate")
FORMS = ("sum", "product")
OF_UNITS = ("energy", "place", "size")  # features that `inputs` makes itself
FEATURES = (*OF_UNITS, *plugins.shipped("features"))
_USUAL = (*OF_UNITS, "neighbours", "schedule")
_RADIAL = ((1.6, 0.5), (2.2, 0.5), (3.2, 0.2))  # the nearest shell of a compact cluster, two of them, and four
_FARTHEST, _SMALLEST = 10.0, 1e-6  # cutoff of a radial symmetry function, and its value for a nearest neighbour
_OF_ATOMS = ("energy", "size")  # which the coordinate network does not see
_OF_COORDINATES = ("normalized",)  # which the vector network does not see
LEARNABLE = ("alpha", "beta", "gamma")


def _features() -> tuple[str, ...]:
    """All features by name, those of other packages too."""
    return (*OF_UNITS, *plugins.known("features"))


@dataclass(frozen=True)
class LearnedSettings:
    """The network and the update; hashable, because a program is compiled for it.

    The step of an atom is alpha d sigmoid(beta m + gamma) (form 'sum') or alpha d sigmoid(beta m gamma) ('product', where
    gamma is redundant but as printed in the patent application US 2022/0253704 A1), in lengths of the potential: d a
    direction with |d| < 1, m a magnitude, both the network's.
    """

    network: str = option(
        "vector",
        "Network: vector sees rotation invariants of an atom, coordinate sees one coordinate at a time.",
        one_of(*NETWORKS),
    )
    widths: tuple[int, ...] = option((24, 24), "Number of hidden units in each layer, separated by commas.", AT_LEAST_1)
    features: tuple[str, ...] = option(
        _USUAL,
        "Features that the network sees beside the gradient and its averages, separated by commas: "
        f"{', '.join(FEATURES)} (energy and size: vector network only; normalized: coordinate network only).",
        Choices(_features, lambda name: name in OF_UNITS or plugins.is_known("features", name)),
    )
    radial: tuple[tuple[float, float], ...] = option(
        (),
        "Radial symmetry functions of the feature 'radial', each as cutoff:exponent; 1.6:0.5,2.2:0.5 names two.",
        unit="nearest-neighbour distances",
        usual=f"{shown(_RADIAL)} with the feature",
    )
    decays: tuple[float, ...] = option(
        (0.5, 0.9, 0.98), "Decay factors of the moving averages of the gradient, separated by commas.", SHARE
    )
    noise: bool = option(True, "Let the vector network weigh a random direction.")
    styles: int = option(
        0, "Number of inputs that are random numbers, the same for all atoms and steps of a trajectory.", NOT_NEGATIVE
    )
    form: str = option(
        "sum",
        "Formula of the step: sum is alpha d sigmoid(beta m + gamma), product is alpha d sigmoid(beta m gamma).",
        one_of(*FORMS),
    )
    alpha: float = option(
        0.2, "Longest step: alpha in the formula of the step.", POSITIVE, unit="the potential's length"
    )
    beta: float = option(4.0, "beta in the formula of the step.", FINITE)
    gamma: float = option(-1.5, "gamma in the formula of the step.", FINITE)
    learned: tuple[str, ...] = option(
        (),
        "Those of alpha, beta and gamma that training changes too, separated by commas.",
        one_of(*LEARNABLE),
        usual="none",
    )

    def __post_init__(self) -> None:
        check(self)
        if len(set(self.features)) < len(self.features):
            raise UsageError(f"features must not be named twice, got {', '.join(self.features)}")
        absent = _OF_ATOMS if self.network == "coordinate" else _OF_COORDINATES
        others = sorted(set(self.features) - set(FEATURES))  # of other packages
        chosen = tuple(name for name in (*FEATURES, *others) if name in self.features and name not in absent)
        object.__setattr__(self, "features", chosen)
        if self.radial and "radial" not in chosen:
            raise UsageError("radial is given without the feature 'radial': name it among the features")
        object.__setattr__(self, "radial", _radial(self.radial) if "radial" in chosen else ())
        if not self.widths:
            raise UsageError("widths must name at least one layer of hidden units")
        if not self.decays or 1 in self.decays:
            raise UsageError(f"decays must be between 0 and 1, got {self.decays}")


def _radial(given: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """The radial symmetry functions asked for, else the usual ones. Raises UsageError for a pair that cannot be."""
    if len(set(given)) < len(given):
        raise UsageError(f"radial must not name a pair twice, got {given}")
    for pair in given:
        if len(pair) != 2 or not (1 < pair[0] <= _FARTHEST and 0 <= pair[1] < math.inf):
            raise UsageError(
                f"radial must be pairs of a cutoff above 1, at most {_FARTHEST:g}, and an exponent of at least 0, got {pair}"
            )
        if math.exp(-pair[1]) * (1 + math.cos(math.pi / pair[0])) / 2 < _SMALLEST:
            raise UsageError(
                f"radial {pair[0]:g}:{pair[1]:g} is zero for the nearest neighbours already: a smaller exponent"
            )
    return given or _RADIAL
