"""The settings of the search of a composition, beside the composition."""

from dataclasses import dataclass

from clusteropt.settings.config import MinimizeSettings, is_learned
from clusteropt.settings.options import AT_LEAST_1, FINITE, NOT_NEGATIVE, SEED, Choices, check, option, same

CONFIRM = 5  # independent chains that come to the lowest minimum before a search ends by itself
CERTIFIED = 10  # minima
SECONDS = 600.0  # that a search may take where nothing else is asked for
NONE = "none"


def _choices() -> tuple[str, ...]:
    from clusteropt.runtime.resources import names

    return (*names("pretrained", ".h5"), NONE, "or the path of a .h5 file")


@dataclass(frozen=True)
class ExplorationSettings:
    """The settings of `search`, beside the composition and the time limit."""

    potential: str | None = same(MinimizeSettings, "potential")
    optimizer: str = option(
        "learned",
        "Learned optimizer that takes part: learned (the shipped one), a .h5 file of your own, or none.",
        Choices(_choices, lambda name: name == NONE or is_learned(name)),
    )
    evaluations: int | None = option(
        None, "End after so many evaluations of energy and forces.", AT_LEAST_1, usual="no limit"
    )
    target: float | None = option(
        None,
        "End when a minimum is as low as this energy.",
        FINITE,
        "energy unit of the potential, as eV or epsilon",
        usual="none",
    )
    confirm: int | None = option(
        None,
        "End when so many independent chains have come to the lowest minimum, and the estimated chance of a missed one is 0.1 "
        "or less; 0 means never.",
        NOT_NEGATIVE,
        usual=f"{CONFIRM}, or 0 with --evaluations or --target",
    )
    keep: int = option(100, "Distinct minima to keep, the lowest.", AT_LEAST_1)
    seed: int = option(0, "Seed of all random numbers.", SEED, "no unit")
    certify: bool = option(
        True,
        f"Prove of the {CERTIFIED} lowest minima, by their curvatures, that they are minima, and polish them to 1e-8 "
        "(5e-4 by a calculator).",
        flags=("--certify/--no-certify",),
    )
    symmetrize: bool = option(
        False,
        f"Certify, and minimize the {CERTIFIED} lowest minima from the symmetric places that their atoms are near to as well; "
        "the result is taken unless it is higher.",
        flags=("--symmetrize",),
    )

    best_known: str | None = option(
        None,
        "CSV file with best-known energies of your own, by the columns potential, formula and energy.",
        usual="the table that comes with the program",
    )

    prescreen: str | None = option(
        None,
        "Potential by which a search with --calculator looks for minima; the lowest are then relaxed with the calculator. "
        "A name, a form such as gupta for its usual set, or a .toml or .h5 file.",
        usual="none",
    )
    relax: int = option(10, "Lowest minima of --prescreen to relax with the calculator.", AT_LEAST_1)

    def __post_init__(self) -> None:
        check(self)

    @property
    def n_confirm(self) -> int:
        """The independent chains that confirm a minimum; 0 for no such rule."""
        bounded = self.evaluations is not None or self.target is not None
        return (0 if bounded else CONFIRM) if self.confirm is None else self.confirm

    def seconds(self, asked: float | None) -> float | None:
        """The seconds that a search may take, where a user has `asked` for so many or for none; None for no limit."""
        return SECONDS if asked is None and self.evaluations is None else asked
