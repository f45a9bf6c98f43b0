"""The settings of the two things that a method is made of: local minimization, and the search that uses it."""

from dataclasses import dataclass

# --opt levels: largest force allowed, in units of the potential's energy over length scale
LEVELS = {"crude": 1e-2, "loose": 1e-3, "normal": 1e-4, "tight": 1e-6, "extreme": 1e-8}
STARTS = ("given", "perturbed", "random")
LOCAL = "lbfgs"  # the optimizer of the local minimizations in a search


@dataclass(frozen=True)
class LocalSettings:
    """Local minimization: the optimizer, when a structure counts as converged, and how many evaluations it may take."""

    optimizer: str = LOCAL
    opt: str | None = None  # level of convergence; 'normal' where neither fmax nor rms is given
    fmax: float | None = None  # largest force on an atom, force unit of the potential
    rms: float | None = None  # root mean square of the force components, force unit of the potential
    max_steps: int = 20_000  # evaluations per structure
    perturb: float = 0.0  # random displacement before the start, length unit of the potential
    seed: int = 0  # of the random displacement


@dataclass(frozen=True)
class SearchSettings:
    """A search: chains of local minimizations, from several starts for each structure."""

    chains: int = 16  # for each structure
    steps: int | None = None  # of a learned trajectory; None: by the number of atoms
    hops: int | None = None  # of a chain, at most; None: 200
    start: str = "given"  # of the chains: the given positions, then near them and random in turn; or all of a kind
    seed: int = 0  # of the starts and hops


@dataclass(frozen=True)
class Method:
    """The way from a structure to its result: local minimization, and before it a search where there is one."""

    local: LocalSettings
    search: SearchSettings | None = None
    learned: str | None = None  # name or path of the learned optimizer that searches
