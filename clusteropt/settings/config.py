"""The settings of `minimize` and `compare` as a user gives them, and of the reading of files."""

from dataclasses import dataclass
from functools import cache

from clusteropt.errors import UsageError
from clusteropt.runtime import plugins
from clusteropt.runtime.resources import names
from clusteropt.settings.method import LOCAL, LocalSettings, Method, SearchSettings, check_criterion
from clusteropt.settings.options import POSITIVE, SEED, Choices, check, option, same


def is_learned(optimizer: str) -> bool:
    """True for the name of a shipped learned optimizer, and for the path of a weights file."""
    return optimizer.endswith(".h5") or optimizer in names("pretrained", ".h5")


def _optimizers() -> tuple[str, ...]:
    return (*plugins.known("optimizers"), *names("pretrained", ".h5"), "or the path of a .h5 file")


@dataclass(frozen=True)
class MinimizeSettings:
    """The settings of `minimize`, beside the structures."""

    potential: str | None = option(
        None,
        "Name of a parameter set (see `clusteropt potentials list`), a TOML file with one, or a .h5 file of `clusteropt fit`.",
        usual="the elements decide",
        flags=("--potential", "-p"),
    )
    optimizer: str = option(
        "learned",
        "For a search: learned (the shipped optimizer), or a .h5 file of your own. For local minimization alone: "
        f"{', '.join(plugins.shipped('optimizers'))}.",
        Choices(_optimizers, lambda name: is_learned(name) or plugins.is_known("optimizers", name)),
    )
    opt: str | None = same(LocalSettings, "opt")
    fmax: float | None = same(LocalSettings, "fmax")
    rms: float | None = same(LocalSettings, "rms")
    max_steps: int = same(LocalSettings, "max_steps")
    perturb: float = same(LocalSettings, "perturb")
    seed: int = option(0, "Seed of the random displacements, starts and hops.", SEED, "no unit")
    trajectories: int = same(SearchSettings, "chains")
    steps: int | None = same(SearchSettings, "steps")
    hops: int | None = same(SearchSettings, "hops")
    start: str = same(SearchSettings, "start")
    all_minima: bool = same(SearchSettings, "all_minima")

    def __post_init__(self) -> None:
        check(self)
        check_criterion(self)
        if self.all_minima and not is_learned(self.optimizer):
            raise UsageError(
                f"all_minima needs a learned optimizer, but the optimizer is {self.optimizer}: drop one of them"
            )

    def method(self) -> Method:
        """The local minimization, and the search that a learned optimizer makes; resolved once for equal settings."""
        return _resolved(self)


@cache
def _resolved(given: MinimizeSettings) -> Method:
    learned = given.optimizer if is_learned(given.optimizer) else None
    optimizer = LOCAL if learned else given.optimizer
    local = LocalSettings(optimizer, given.opt, given.fmax, given.rms, given.max_steps, given.perturb, given.seed)
    search = SearchSettings(given.trajectories, given.steps, given.hops, given.start, given.seed, given.all_minima)
    return Method(local, search if learned else None, learned)


@dataclass(frozen=True)
class ReadingSettings:
    """How structure files are to be understood, beside what they say."""

    elements: str | None = option(
        None,
        "Elements that the labels of atoms in the files stand for: SI=X, or 1=Cu,2=Zr for the types of LAMMPS.",
        usual="as the files say",
    )
    box: bool = option(
        True,
        "Drop periodic cells, as those of clusters in a box of vacuum.",
        usual="cells are kept",
        flags=(" /--no-box",),
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class CompareSettings:
    """When two structures are the same."""

    mirror: bool = option(True, "Mirror images count as the same.", flags=("--mirror/--no-mirror",))
    tolerance: float = option(
        0.05,
        "Largest displacement of an atom up to which structures are the same. Their root mean square displacement may be two "
        "fifths of it.",
        POSITIVE,
        "nearest-neighbour distances",
    )

    def __post_init__(self) -> None:
        check(self)
