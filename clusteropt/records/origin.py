"""How results were made, and how to repeat them."""

from typing import NamedTuple

_SHOWN = {"epsilon": "ε", "sigma": "σ", "angstrom": "Å"}


class Units(NamedTuple):
    """The units of a potential, as its file names them; empty where they are not known."""

    energy: str
    length: str

    @property
    def shown(self) -> "Units":
        """The units as pictures show them: eV and Å, ε and σ."""
        return Units(_SHOWN.get(self.energy, self.energy), _SHOWN.get(self.length, self.length))


class Source(NamedTuple):
    """A potential or a calculator, and the work to cite for it."""

    potential: str  # its name
    citation: str = ""  # empty where none is known
    role: str = ""  # beside the results, as 'prescreen'; empty for the potential of their energies


class Origin(NamedTuple):
    """The foot of a report: what a reader needs to make the same results."""

    sources: tuple[Source, ...] = ()  # that of the results first
    commands: tuple[str, ...] = ()  # distinct ones, in the order in which they ran
    versions: tuple[str, ...] = ()  # of the program, and of the packages of calculators
    seeds: tuple[int, ...] = ()

    @property
    def potential(self) -> str:
        """The name of the potential of the results; several ones joined; empty where none is told."""
        return ", ".join(one.potential for one in self.sources if not one.role)
