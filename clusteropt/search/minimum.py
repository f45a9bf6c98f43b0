"""The record of a structure after minimization or search."""

from typing import Any, NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.engine.step import Status


class Minimum(NamedTuple):
    """The result for one structure. Energies and lengths in the potential's units."""

    status: Status
    positions: np.ndarray  # (n_atoms, 3)
    energy_before: float
    energy: float
    energies: np.ndarray  # (n_atoms,); NaN by a calculator
    forces: np.ndarray  # (n_atoms, 3), fixed atoms included
    fmax: float  # longest force on a free atom
    n_evaluations: int
    problem: str = ""  # what makes the structure invalid
    won: str = ""  # 'learned' or 'fallback', where a learned optimizer took part
    gain: float = 0.0  # energy by which the minimum lies below that of plain local minimization
    minima: tuple["Minimum", ...] = ()  # all distinct ones that the search has found, the lowest first
    n_reached: int = 0  # chains of the search that came to the energy of this minimum
    n_chains: int = 0  # chains of the whole search; 0 without one, and after an interruption

    @property
    def is_usable(self) -> bool:
        """True where the structure has been moved, or evaluated; after a failure of the calculator, the last known one."""
        return not self.problem or self.status is Status.CALCULATOR_FAILED

    @property
    def values(self) -> dict[str, Any]:
        """Energies and forces by ASE's names. A calculator gives no energies of atoms."""
        found = {"energy": self.energy, "free_energy": self.energy}
        of_atoms = {"energies": self.energies} if np.isfinite(self.energies).all() else {}
        return found | of_atoms | {"forces": self.forces}

    def __repr__(self) -> str:
        return f"Minimum({len(self.positions)} atoms: {self.status.label}, energy {self.energy:.6f})"


def invalid(structure: Structure, problem: str, status: Status = Status.INVALID_STRUCTURE) -> Minimum:
    """The record of a structure that could not be computed."""
    nothing = np.full(structure.positions.shape, np.nan)
    nan = float("nan")
    return Minimum(status, structure.positions, nan, nan, nothing[:, 0], nothing, nan, 0, problem)
