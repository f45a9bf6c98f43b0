"""The result for a structure, as Python programs see it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms

from clusteropt.clusters.arrays import Structure
from clusteropt.engine.step import Status
from clusteropt.io.best_known import best_known
from clusteropt.io.doubts import of_distances, of_shape
from clusteropt.io.structures import result_atoms, result_text
from clusteropt.potentials.base import Potential
from clusteropt.search.certify import Certificate
from clusteropt.search.minimum import Minimum, invalid


@dataclass(frozen=True)
class Result:
    """The result for one structure. Energies, forces and lengths in the units of the potential."""

    given: Atoms
    minimum: Minimum
    potential: Potential | None  # with its units; None where the elements have none
    optimizer: (
        str  # the one that was run, by name; 'in-memory' for one that was passed as an object, 'none' without any
    )

    def __repr__(self) -> str:
        formula = self.given.get_chemical_formula() or "no atoms"
        if self.potential is None or self.problem:
            return f"Result({formula}: {self.status}, {self.problem})"
        energy = f"{self.energy:.6f} {self.potential.energy_unit}"
        return f"Result({formula}: {self.status}, energy {energy}, potential {self.potential.name})"

    @cached_property
    def atoms(self) -> Atoms:
        """The atoms at the minimum, with energy and forces attached; as given where there is a problem."""
        return result_atoms(self.given, self.minimum, self.potential, self.optimizer)

    @property
    def text(self) -> str:
        """The atoms as extended XYZ."""
        return result_text(self.given, self.minimum, self.potential, self.optimizer)

    @cached_property
    def minima(self) -> tuple[Atoms, ...]:
        """The distinct minima of a search, the lowest first.

        With `all_minima` they are all that the search visited, otherwise the lowest of each chain.
        """
        return tuple(result_atoms(self.given, m, self.potential, self.optimizer) for m in self.minimum.minima)

    @property
    def status(self) -> str:
        """A label of `engine.step.Status`: 'converged', 'not-converged', 'fragmented', ..."""
        return self.minimum.status.label

    @property
    def converged(self) -> bool:
        """True for the status 'converged'."""
        return self.minimum.status == Status.CONVERGED

    @property
    def energy_before(self) -> float:
        """The energy of the structure as given."""
        return self.minimum.energy_before

    @property
    def energy(self) -> float:
        """The energy where the atoms are now."""
        return self.minimum.energy

    @property
    def forces(self) -> np.ndarray:
        """(n_atoms, 3), energy over length, in the order of the atoms."""
        return self.minimum.forces

    @property
    def fmax(self) -> float:
        """The longest force on a free atom, energy over length."""
        return self.minimum.fmax

    @property
    def n_evaluations(self) -> int:
        """Evaluations of energy and forces, everything counted."""
        return self.minimum.n_evaluations

    @property
    def problem(self) -> str:
        """The reason why the structure could not be used; empty where it was used."""
        return self.minimum.problem

    @property
    def is_usable(self) -> bool:
        """False for a structure that could not be used; True also where a calculator has failed on the way."""
        return self.minimum.is_usable

    @property
    def won(self) -> str:
        """'learned' or 'fallback', where a learned optimizer took part."""
        return self.minimum.won

    @property
    def gain(self) -> float:
        """The energy of plain local minimization of the input, less that of this result."""
        return self.minimum.gain

    @property
    def n_reached(self) -> int:
        """The chains of the search whose lowest minimum has this energy."""
        return self.minimum.n_reached

    @property
    def n_chains(self) -> int:
        """The chains of the search; 0 without one, and where it was interrupted."""
        return self.minimum.n_chains

    @cached_property
    def flat(self) -> str:
        """'planar' or 'linear' where the atoms have converged so, which may be a saddle point; empty elsewhere."""
        if self.potential is None or not self.converged or self.given.pbc.any():
            return ""
        return of_shape(self.minimum.positions, self.potential.length)

    @property
    def outside(self) -> str:
        """The distances outside those that the potential was fitted to, in words; empty without any."""
        return "" if self.potential is None or self.problem else of_distances(self.minimum.positions, self.potential)

    @property
    def gap(self) -> float | None:
        """Energy above the best-known minimum; None where the table has none for this composition and potential."""
        if self.problem or self.minimum.status == Status.FRAGMENTED or self.given.constraints:
            return None  # the table does not apply to these
        known = None if self.potential is None else best_known(self.potential, self.given.get_chemical_symbols())
        return None if known is None or not np.isfinite(self.energy) else self.energy - known


@dataclass(frozen=True)
class Certified(Result):
    """The result for a structure that was certified: its energies and forces, and what it is."""

    certificate: Certificate | None = None  # what was computed; None where there is a problem

    def __repr__(self) -> str:
        if self.potential is None or self.certificate is None:
            return super().__repr__().replace("Result", "Certified", 1)
        energy = f"{self.energy:.6f} {self.potential.energy_unit}"
        formula = self.given.get_chemical_formula()
        return (
            f"Certified({formula}: {self.certificate.status}, {self.point_group or 'no point group'}, energy {energy})"
        )

    @cached_property
    def atoms(self) -> Atoms:
        """As those of `Result`, with `certificate` ('minimum', 'saddle', ...) and `point_group` in the info."""
        out = result_atoms(self.given, self.minimum, self.potential, self.optimizer)
        if self.certificate is not None:
            out.info |= {"certificate": self.certificate.status, "point_group": self.point_group}
        return out

    @property
    def is_minimum(self) -> bool:
        """True where forces vanish and all curvatures are positive."""
        return self.certificate is not None and self.certificate.is_minimum

    @property
    def point_group(self) -> str:
        """The Schoenflies symbol, such as 'Ih'; empty where the structure has not converged or is in a box."""
        group = None if self.certificate is None else self.certificate.point_group
        return "" if group is None else group.symbol


def failed(
    atoms: Atoms, status: Status, problem: str, optimizer: str = "none", potential: Potential | None = None
) -> Result:
    """The result of a structure that cannot be computed."""
    still = Structure(atoms.positions, np.zeros(len(atoms), np.int32), np.ones(len(atoms), bool))
    return Result(atoms, invalid(still, problem, status), potential, optimizer)
