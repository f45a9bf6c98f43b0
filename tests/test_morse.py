"""Morse against the formula, and against the published minima of its clusters."""

from pathlib import Path

import numpy as np
import oracles
import pytest
from ase import Atoms
from ase.cluster import Decahedron, Icosahedron, Octahedron
from helpers import CASES, LARGE, relaxed, structure, user_file, value
from hypothesis import given
from hypothesis import strategies as st

import clusteropt
from clusteropt.errors import InputError
from clusteropt.io import cards
from clusteropt.io.best_known import best_known, table_energy
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials import sets
from clusteropt.search.starts import random_starts

OCTAHEDRON_AT_RHO_6 = -157.406902  # of Doye and Wales's table; other 38 atoms lie lower


@pytest.mark.parametrize("name", ["morse", "morse-mixed"])
@given(seed=st.integers(0, 2**32 - 1))
def test_energies_and_forces_are_those_of_the_formula(name: str, seed: int) -> None:
    case = CASES[name]
    at = case.random(seed)
    found, arguments = value(case.potential, at), (case.chosen, case.symbols(at), at.positions)
    energies, gradient = oracles.energies(*arguments), oracles.gradient(*arguments)
    np.testing.assert_allclose(found.energies, energies, rtol=0, atol=1e-12 * np.abs(energies).max())
    np.testing.assert_allclose(found.gradient, gradient, rtol=0, atol=1e-12 * np.abs(gradient).max())


@pytest.mark.parametrize("name", ["morse-rho6", "morse-rho14"])
def test_a_pair_has_its_minimum_at_r_e_and_its_depth_there(name: str) -> None:
    potential = sets.load(name).potential(("X",))
    found = value(potential, structure([[0, 0, 0], [1, 0, 0]]))
    assert found.energy == -1
    assert not found.gradient.any()
    assert (potential.energy, potential.length, potential.force_unit) == (1, 1, "epsilon/r_e")


@pytest.mark.parametrize(
    ("rho", "shape", "energy"),
    [
        (6, Icosahedron("Ar", 2), -42.439863),
        (14, Icosahedron("Ar", 2), -37.258877),
        (6, Octahedron("Ar", 4, 1), OCTAHEDRON_AT_RHO_6),
        (14, Octahedron("Ar", 4, 1), -144.321054),
        (6, Icosahedron("Ar", 3), -250.286609),
        (6, Decahedron("Ar", 2, 2, 1), -351.472365),
        (14, Decahedron("Ar", 2, 2, 1), -318.407330),
    ],
    ids=lambda x: str(x) if isinstance(x, int) else "",
)
def test_regular_clusters_relax_to_the_published_energies(rho: int, shape: Atoms, energy: float) -> None:
    """Doye and Wales, doi:10.1039/a706221d; all but the octahedron at rho = 6 are in the table of minima."""
    positions = shape.positions / shape.get_all_distances()[np.triu_indices(len(shape), 1)].min()
    potential = sets.load(f"morse-rho{rho}").potential(("X",))
    assert relaxed(potential, structure(positions), **LARGE)[1] == pytest.approx(energy, abs=6e-7)
    assert table_energy(potential.name, ["X"] * len(shape)) == energy or energy == OCTAHEDRON_AT_RHO_6


@pytest.mark.slow
@pytest.mark.parametrize("rho", [6, 14])
def test_the_search_finds_the_icosahedron_of_13_atoms(rho: int) -> None:
    (start,) = random_starts("X13", 1, seed=2, density=0.7, potential=f"morse-rho{rho}")
    assert clusteropt.minimize(start, f"morse-rho{rho}", opt="tight").gap == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("rho", [6, 14])
def test_the_search_finds_the_best_38_atoms(rho: int) -> None:
    starts = random_starts("X38", 1, seed=0, density=0.7, potential=f"morse-rho{rho}")
    found = clusteropt.minimize(starts, f"morse-rho{rho}", opt="tight", trajectories=256)
    assert min(one.gap for one in found) == pytest.approx(0, abs=1e-6)


def test_x_is_lennard_jones_unless_morse_is_named() -> None:
    assert sets.default(("X",)).name == "lj"
    morse = sets.load("morse-rho6").potential(("X",))
    assert best_known(morse, ["X"] * 13) == table_energy("morse-rho6", ["X"] * 13) != table_energy("lj", ["X"] * 13)


def test_so_soft_a_repulsion_that_clusters_collapse_is_refused(tmp_path: Path) -> None:
    """Forty atoms in one place have less energy than apart: n (n - 1) / 2 pairs of x (x - 2), and x < 2 there."""
    text = sets.text_of("morse-rho6").replace("rho = 6.0", "rho = 2.7")
    with pytest.raises(InputError, match=r"rho must be at least ln 16 = 2\.7726, got 2\.7"):
        sets.load(user_file(tmp_path, text))


def test_x_of_lennard_jones_in_training_says_nothing_of_x_of_morse() -> None:
    morse = sets.load("morse-rho6").potential(("X",))
    optimizer = LearnedOptimizer(np.zeros(0), LearnedSettings(), {"tasks": ["X13"]})
    assert cards.seen(optimizer, ["X"] * 13, sets.potential_for(("X",))) == "trained"
    assert cards.seen(optimizer, ["X"] * 13, morse) == "element unseen"
    assert cards.doubt(optimizer, ["X"] * 13, morse).endswith("has not been trained on X (morse-rho6)")
