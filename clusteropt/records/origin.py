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


class Origin(NamedTuple):
    """The foot of a report: what a reader needs to make the same results."""

    potential: str = ""  # its name
    citation: str = ""  # of the potential
    doi: str = ""
    commands: tuple[str, ...] = ()  # distinct ones, in the order in which they ran
    versions: tuple[str, ...] = ()  # of the program
    seeds: tuple[int, ...] = ()
