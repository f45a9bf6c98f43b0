"""The settings of a fit."""

from dataclasses import dataclass

from clusteropt.errors import UsageError
from clusteropt.runtime.resources import names
from clusteropt.settings.config import is_learned
from clusteropt.settings.options import AT_LEAST_1, NOT_NEGATIVE, POSITIVE, SEED, Choices, Range, check, option

PLAIN = ("adam", "lbfgs")
_MOST_FUNCTIONS = 16  # of a kind: more do not fit into single precision


def _optimizers() -> tuple[str, ...]:
    return (*PLAIN, *names("pretrained", ".h5"), "or the path of a .h5 file")


@dataclass(frozen=True)
class FitSettings:
    """The settings of a fit, beside the structures."""

    optimizer: str = option(
        "adam",
        f"{PLAIN[0]}, {PLAIN[1]} (all structures at every step), or a learned optimizer: a shipped one, or a .h5 file.",
        Choices(_optimizers, lambda name: name in PLAIN or is_learned(name)),
    )
    steps: int = option(
        10_000, "Steps. Of adam and a learned optimizer each takes one gradient, of lbfgs one or more.", AT_LEAST_1
    )
    widths: tuple[int, ...] = option((24, 24), "Units in the hidden layers of each element's network.", Range(1, 512))
    radial: int = option(12, "Radial functions for each element of the neighbours.", Range(3, _MOST_FUNCTIONS))
    angular: int = option(
        2,
        "Functions of the angular moments, for each element of the neighbours: sums of neighbouring radial ones.",
        Range(1, _MOST_FUNCTIONS),
    )
    cutoff: float = option(
        3.0,
        "Distance at which the interaction ends.",
        Range(1.2, 20),
        "usual nearest-neighbour distances of the structures",
    )
    batch: int = option(32, "Structures in a minibatch; lbfgs takes all.", AT_LEAST_1)
    rate: float = option(0.003, "First learning rate of adam, which falls to zero as a cosine.", POSITIVE)
    force_weight: float = option(
        0.01, "Weight of squared errors of forces beside those of energies for each atom.", NOT_NEGATIVE
    )
    validation: float = option(0.1, "Share of the structures that only judges the fit.", Range(0.01, 0.5))
    patience: int = option(
        0,
        "Checks in a row without a lower validation error after which the fit ends; 0 for never. A check comes after every "
        "100 steps, of lbfgs after every 5.",
        NOT_NEGATIVE,
    )
    seed: int = option(0, "Seed of the split, of the first weights and of the minibatches.", SEED, "no unit")

    def __post_init__(self) -> None:
        check(self)
        if not self.widths:
            raise UsageError("widths names no layer: give the units of at least one, as 24,24")
        if self.angular > self.radial:
            raise UsageError(
                f"angular functions are sums of radial ones: take at most {self.radial}, or a larger radial"
            )
