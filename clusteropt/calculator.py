"""An ASE calculator for every potential: a door to ASE's optimizers, dynamics and databases, about a millisecond a step."""

from typing import Any

from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, CalculatorSetupError, all_changes

from clusteropt.errors import ClusterOptError
from clusteropt.io.doubts import warn_caller
from clusteropt.io.structures import elements_of, to_structure
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.runtime import host
from clusteropt.search.local import evaluate_one


class ClusterCalculator(Calculator):
    """Energies (eV or epsilon) and forces of a parameter set, by name or path of a TOML file; None: the elements' default."""

    implemented_properties = ["energy", "free_energy", "energies", "forces"]  # noqa: RUF012  ASE's own convention
    ignored_changes = {"initial_magmoms", "initial_charges"}  # noqa: RUF012

    def __init__(self, potential: str | None = None) -> None:
        super().__init__(potential=potential)
        self._chosen = None if potential is None else sets.load(potential)
        warn_caller(sets.doubt(potential))
        self._potentials: dict[tuple[str, ...], Potential] = {}  # by elements: reading a set takes longer than a step

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties or ["energy"], system_changes)
        current: Any = self.atoms
        elements = elements_of(current)
        try:
            if elements not in self._potentials:
                self._potentials[elements] = sets.potential_for(elements, self._chosen, moving=False)
            potential = self._potentials[elements]
            structure = to_structure(_without_constraints(current), potential)
        except ClusterOptError as problem:
            raise CalculatorSetupError(str(problem)) from problem
        with host.double_precision():
            value = evaluate_one(structure, potential)
        if value.problem:
            raise CalculationFailed(value.problem)
        energy = value.energy
        self.results = {"energy": energy, "free_energy": energy, "energies": value.energies, "forces": value.forces}


def _without_constraints(atoms: Atoms) -> Atoms:
    """A copy without constraints, because ASE applies them to the forces itself."""
    free = atoms.copy()
    free.set_constraint()
    return free
