"""The settings of the two things that a method is made of: local minimization, and the search that uses it."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from clusteropt.errors import UsageError
from clusteropt.runtime import plugins
from clusteropt.settings.options import (
    AT_LEAST_1,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    Choices,
    check,
    one_of,
    option,
)

# largest force allowed, in units of the potential's energy over length scale
LEVELS = {"crude": 1e-2, "loose": 1e-3, "normal": 1e-4, "tight": 1e-6, "extreme": 1e-8}
STARTS = ("given", "perturbed", "random")
LOCAL = "lbfgs"  # the optimizer of the local minimizations in a search
_LEVELS = ", ".join(f"{name} {force:.0e}".replace("e-0", "e-") for name, force in LEVELS.items())
CRITERIA = ("opt", "fmax", "rms")
_FORCE = "force unit of the potential, as eV/angstrom or epsilon/sigma"


def check_criterion(settings: Any) -> None:
    """Raises UsageError where more than one criterion of convergence is given."""
    if sum(getattr(settings, name) is not None for name in CRITERIA) > 1:
        raise UsageError("opt, fmax and rms are three ways to say when to stop: give one of them")


@dataclass(frozen=True)
class LocalSettings:
    """Local minimization: the optimizer, when a structure counts as converged, and how many evaluations it may take."""

    optimizer: str = option(
        LOCAL,
        "Local optimizer.",
        Choices(lambda: tuple(plugins.known("optimizers")), partial(plugins.is_known, "optimizers")),
    )
    opt: str | None = option(
        None,
        f"Level of convergence: {_LEVELS}; the number is the largest force, in the potential's energy over length scale.",
        one_of(*LEVELS),
        usual="normal",
    )
    fmax: float | None = option(
        None, "A structure is converged when no force on an atom is larger.", POSITIVE, _FORCE, "as --opt says"
    )
    rms: float | None = option(
        None,
        "A structure is converged when the root mean square of all force components is smaller.",
        POSITIVE,
        _FORCE,
        "as --opt says",
    )
    max_steps: int = option(
        20_000, "Evaluations of energy and forces that each local minimization may use.", AT_LEAST_1
    )
    perturb: float = option(
        0.0,
        "Largest random displacement of an atom before the start, to leave saddle points.",
        NOT_NEGATIVE,
        "length unit of the potential, as angstrom or sigma",
    )
    seed: int = option(0, "Seed of the random displacement.", SEED, "no unit")

    def __post_init__(self) -> None:
        check(self)
        check_criterion(self)


@dataclass(frozen=True)
class SearchSettings:
    """A search: chains of local minimizations, from several starts for each structure."""

    chains: int = option(
        16, "Chains for each structure. Each begins with a learned trajectory; the lowest minimum wins.", AT_LEAST_1
    )
    steps: int | None = option(
        None,
        "Steps of a learned trajectory, one evaluation each: the first three quarters of a full trajectory.",
        NOT_NEGATIVE,
        usual="7.5 for each atom, up to 1000",
    )
    hops: int | None = option(
        None, "Most hops from minimum to minimum after each trajectory.", NOT_NEGATIVE, usual="200"
    )
    start: str = option(
        "given",
        "Where chains start: given (at the structure, then near it and at random in turn), perturbed (near it) or random.",
        one_of(*STARTS),
    )
    seed: int = option(0, "Seed of the starts and hops.", SEED, "no unit")
    all_minima: bool = option(
        False,
        "Keep all distinct minima that the chains visit; the command writes them to <stem>.minima.xyz.",
        flags=("--all-minima",),
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Method:
    """The way from a structure to its result: local minimization, and before it a search where there is one."""

    local: LocalSettings
    search: SearchSettings | None = None
    learned: str | None = None  # name or path of the learned optimizer that searches
