"""The ASE calculator: the same numbers, and ASE's own optimizers, dynamics, constraints and checks work with it."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import CalculationFailed, CalculatorSetupError
from ase.calculators.fd import calculate_numerical_forces
from ase.cluster import Icosahedron
from ase.constraints import FixAtoms, FixBondLength
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from helpers import CASES, user_file

import clusteropt
from clusteropt import ClusterCalculator
from clusteropt.potentials import sets


def alloy(seed: int = 0) -> Atoms:
    """Seven atoms of silver and copper, a little compressed."""
    case = CASES["gupta-cutoff"]
    at = case.random(seed)
    return Atoms(case.symbols(at), at.positions)


@pytest.fixture
def gold() -> Atoms:
    atoms = Icosahedron("Au", 2)
    atoms.rattle(0.05, seed=1)
    atoms.calc = ClusterCalculator()
    return atoms


def test_energies_and_forces_are_those_of_evaluate(gold: Atoms) -> None:
    (found,) = clusteropt.energy([gold])
    assert gold.get_potential_energy() == found.energy
    np.testing.assert_array_equal(gold.get_forces(), found.forces)
    assert gold.get_potential_energies().sum() == pytest.approx(found.energy, rel=1e-14)


def test_free_energy_is_there_for_programs_that_want_forces_consistent_with_it(gold: Atoms) -> None:
    assert gold.get_potential_energy(force_consistent=True) == gold.get_potential_energy()
    assert gold.calc.get_property("free_energy") == gold.get_potential_energy()


def test_asymmetric_structures_pass_ases_numerical_check_of_forces() -> None:
    for atoms in (alloy(1), alloy(2)):
        atoms.calc = ClusterCalculator()
        numerical = calculate_numerical_forces(atoms, eps=1e-5)
        np.testing.assert_allclose(atoms.get_forces(), numerical, atol=1e-7 * np.abs(numerical).max())


def test_bfgs_of_ase_ends_in_the_published_minimum(gold: Atoms) -> None:
    assert BFGS(gold, logfile=None).run(fmax=1e-5, steps=200)
    assert gold.get_potential_energy() == pytest.approx(-42.554930837, abs=1e-8)


def test_molecular_dynamics_conserves_the_energy(gold: Atoms) -> None:
    spread = np.sqrt(units.kB * 300 * gold.get_masses())[:, None]
    gold.set_momenta(spread * np.random.default_rng(5).normal(size=(13, 3)))
    before, deviations = gold.get_total_energy(), []
    dynamics = VelocityVerlet(gold, timestep=2 * units.fs)
    dynamics.attach(lambda: deviations.append(abs(gold.get_total_energy() - before)))
    dynamics.run(200)
    moved = gold.get_kinetic_energy()
    assert moved > 0.1
    assert max(deviations) < 2e-3 * moved


def test_atoms_fixed_by_ase_stay_and_keep_their_own_forces(gold: Atoms) -> None:
    gold.set_constraint(FixAtoms([0, 3]))
    fixed = gold.positions[[0, 3]].copy()
    all_forces = gold.get_forces(apply_constraint=False)
    assert np.abs(all_forces[[0, 3]]).min() > 0
    assert not gold.get_forces()[[0, 3]].any()
    BFGS(gold, logfile=None).run(fmax=1e-2, steps=20)
    np.testing.assert_array_equal(gold.positions[[0, 3]], fixed)


def test_constraints_that_only_ase_knows_are_left_to_ase(gold: Atoms) -> None:
    gold.set_constraint(FixBondLength(1, 2))
    length = gold.get_distance(1, 2)
    BFGS(gold, logfile=None).run(fmax=1e-2, steps=20)
    assert gold.get_distance(1, 2) == pytest.approx(length, abs=1e-9)


def test_moving_an_atom_or_changing_an_element_computes_anew() -> None:
    pair = Atoms("Au2", [[0, 0, 0], [0, 0, 2.5]], calculator=ClusterCalculator())
    energies = [pair.get_potential_energy()]
    pair.positions[1] += [0.1, 0, 0]
    energies.append(pair.get_potential_energy())
    pair.symbols[1] = "Cu"
    energies.append(pair.get_potential_energy())
    pair.symbols[:] = "Cu"
    energies.append(pair.get_potential_energy())
    assert len(set(energies)) == 4


def test_a_further_step_reads_no_parameter_file(gold: Atoms, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes about a millisecond; reading the shipped sets takes twenty."""
    gold.get_forces()
    monkeypatch.setattr("tomllib.loads", lambda text: pytest.fail("a parameter file was read again"))
    gold.positions[0] += 0.01
    assert np.isfinite(gold.get_forces()).all()


def test_one_calculator_serves_one_structure_after_another() -> None:
    shared, structures = ClusterCalculator(), [alloy(3), Atoms("Au2", [[0, 0, 0], [0, 0, 2.5]]), alloy(4)]
    for atoms in structures:
        atoms.calc = shared
    assert [a.get_potential_energy() for a in structures] == [r.energy for r in clusteropt.energy(structures)]


def test_a_set_by_name_or_by_file_replaces_the_default(tmp_path: Path) -> None:
    pair = Atoms("Au2", [[0, 0, 0], [0, 0, 2.9]])
    energies = []
    for name in ("gupta-cleri-rosato", "gupta-au-garzon", user_file(tmp_path, sets.text_of("gupta-au-garzon"))):
        pair.calc = ClusterCalculator(name)
        energies.append(pair.get_potential_energy())
    assert energies[0] != energies[1] == energies[2]


def test_periodic_silicon_is_computed_as_a_crystal() -> None:
    crystal = bulk("Si", "diamond", a=5.43095, cubic=True).repeat(2)
    crystal.calc = ClusterCalculator()
    assert crystal.get_potential_energy() / 64 == pytest.approx(-4.33660, abs=5e-6)


@pytest.mark.parametrize(
    ("atoms", "problem"),
    [
        (Atoms("Fe2", [[0, 0, 0], [0, 0, 2]]), "no default potential for Fe"),
        (Atoms("AuSi", [[0, 0, 0], [0, 0, 2]]), "no default potential for Au-Si"),
        (
            Atoms("Au2", [[0, 0, 0], [0, 0, 2]], cell=[9, 9, 9], pbc=True),
            "periodic boundaries need a potential with a cutoff",
        ),
        (Atoms("Si2", [[0, 0, 0], [0, 0, 2]], cell=[7, 9, 9], pbc=True), "the periodic cell is too small"),
        (
            Atoms("Si2", [[0, 0, 0], [0, 0, 2]], cell=[9, 9, 9], pbc=[True, True, False]),
            "partly periodic boundaries",
        ),
    ],
)
def test_what_cannot_be_computed_is_a_setup_error(atoms: Atoms, problem: str) -> None:
    atoms.calc = ClusterCalculator()
    with pytest.raises(CalculatorSetupError, match=problem):
        atoms.get_potential_energy()


def test_a_named_set_refuses_foreign_elements() -> None:
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2]], calculator=ClusterCalculator("gupta-au-garzon"))
    with pytest.raises(CalculatorSetupError, match="'gupta-au-garzon' has no parameters for Cu; it knows Au"):
        atoms.get_forces()


def test_atoms_at_one_place_are_a_failed_calculation_not_a_number() -> None:
    atoms = Atoms("Au2", [[0, 0, 2.5], [0, 0, 2.5]], calculator=ClusterCalculator())
    with pytest.raises(CalculationFailed, match="atoms 0 and 1 are at the same place"):
        atoms.get_potential_energy()


def test_an_atom_alone_and_atoms_apart_have_no_forces() -> None:
    for atoms in (Atoms("Au"), Atoms("Au2", [[0, 0, 0], [0, 0, 1e4]]), Atoms("Si2", [[0, 0, 0], [0, 0, 50]])):
        atoms.calc = ClusterCalculator()
        assert atoms.get_potential_energy() == 0
        assert not atoms.get_forces().any()
