"""The settings of a calculator of ASE that takes the place of a potential."""

from dataclasses import dataclass

from clusteropt.settings.options import SHARE, check, option


@dataclass(frozen=True)
class CalculatorSettings:
    """A calculator as a user asks for it. No TOML file has these keys, because a calculator runs code by its name."""

    calculator: str | None = option(
        None,
        "ASE calculator in place of a potential: emt, tblite:GFN1-xTB, chgnet, lammps:FILE, mace:PATH or any "
        "module:Class (see `clusteropt potentials list`).",
        usual="none",
    )
    calculator_options: str | None = option(
        None, "Arguments of the calculator, as charge=1,multiplicity=2.", usual="the calculator's own"
    )
    calculator_timeout: str = option(
        "10m", "Time after which an evaluation has failed, such as 90s, 30m or 2h.", usual="10m"
    )
    calculator_scales: str | None = option(
        None,
        "Nearest-neighbour distance in angstrom and energy of a bond in eV, as 2.5,0.6.",
        usual="found from an atom and an icosahedron of 13, else a tetrahedron",
    )
    stop_if_more_than: float = option(
        0.2, "Stop when more than this share of 20 or more evaluations of the calculator has failed.", SHARE
    )

    def __post_init__(self) -> None:
        check(self)
