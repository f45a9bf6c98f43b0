"""Lennard-Jones against published numbers and against the formula written out.

Energies of clusters: The Cambridge Cluster Database, D. J. Wales, J. P. K. Doye et al., to the six decimals given there.
"""

from pathlib import Path

import numpy as np
import oracles
import pytest
from ase.cluster import Decahedron, Icosahedron, Octahedron
from helpers import CASES, breathe, relaxed, structure, user_file, value, values
from hypothesis import given
from hypothesis import strategies as st

from clusteropt.clusters.arrays import padded_size
from clusteropt.potentials import sets

R_MIN = 2 ** (1 / 6)
MACKAY = {2: -44.326801, 3: -279.248470, 4: -876.461207}  # by the number of shells, the central atom counted
NOBLE = {
    "Ne": (0.0031, 2.74),
    "Ar": (0.0104, 3.40),
    "Kr": (0.0140, 3.65),
    "Xe": (0.0200, 3.98),
}  # doi:10.1103/PhysRev.112.1534


@pytest.fixture
def lj():
    return CASES["lj"].potential


@pytest.mark.parametrize("name", ["lj", "lj-mixed", "lj-cutoff", "lj-periodic"])
@given(seed=st.integers(0, 2**32 - 1))
def test_energies_and_forces_are_those_of_the_formula(name: str, seed: int) -> None:
    case = CASES[name]
    at = case.random(seed)
    found, arguments = value(case.potential, at), (case.chosen, case.symbols(at), at.positions, at.cell)
    energies, gradient = oracles.energies(*arguments), oracles.gradient(*arguments)
    np.testing.assert_allclose(found.energies, energies, rtol=0, atol=1e-12 * np.abs(energies).max())
    np.testing.assert_allclose(found.gradient, gradient, rtol=0, atol=1e-12 * np.abs(gradient).max())


def test_the_dimer_has_energy_minus_one_at_two_to_the_sixth_and_none_at_sigma(lj) -> None:
    bottom, crossing, inflection = values(
        lj, [structure([[0, 0, 0], [0, 0, r]]) for r in (R_MIN, 1, (26 / 7) ** (1 / 6))]
    )
    assert bottom.energy == pytest.approx(-1, abs=1e-15)
    assert np.abs(bottom.gradient).max() < 1e-13
    assert crossing.energy == pytest.approx(0, abs=1e-14)
    assert crossing.gradient[1, 2] == pytest.approx(-24, abs=1e-12)
    assert inflection.gradient[1, 2] == pytest.approx(2.3964, abs=5e-5)  # the largest pull of a pair


@pytest.mark.parametrize(
    ("n", "energy", "shape"),
    [
        (3, -3.0, [[0, 0, 0], [1, 0, 0], [0.5, np.sqrt(0.75), 0]]),
        (4, -6.0, [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]),
        (6, -12.712062, [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]),
    ],
)
def test_shapes_of_one_bond_length_have_their_published_energies(lj, n: int, energy: float, shape: list) -> None:
    positions = np.array(shape) / np.linalg.norm(np.subtract(shape[0], shape[-1]))
    assert breathe(lj, positions, R_MIN)[1] == pytest.approx(energy, abs=6e-7)


@pytest.mark.parametrize(("shells", "energy"), MACKAY.items())
def test_mackay_icosahedra_relax_to_the_published_energies(lj, shells: int, energy: float) -> None:
    start = Icosahedron("Ar", shells, latticeconstant=R_MIN * np.sqrt(2)).positions
    size = padded_size(len(start))
    assert relaxed(lj, structure(start), size=size, lanes=1)[1] == pytest.approx(energy, abs=6e-7)


def test_the_truncated_octahedron_of_38_and_the_decahedron_of_75_have_the_published_energies(lj) -> None:
    for start, energy in ((Octahedron("Ar", 4, 1), -173.928427), (Decahedron("Ar", 2, 2, 1), -397.492331)):
        positions = start.positions * R_MIN / start.get_all_distances()[0, 1:].min()
        assert relaxed(lj, structure(positions), size=88, lanes=1)[1] == pytest.approx(energy, abs=6e-7)


@pytest.mark.parametrize("element", NOBLE)
def test_noble_gases_are_in_electronvolt_and_angstrom(element: str) -> None:
    chosen = sets.default((element,))
    potential = chosen.potential((element,))
    epsilon, sigma = NOBLE[element]
    assert chosen.units == {"energy": "eV", "length": "angstrom"}
    shell = Icosahedron("Ar", 2).positions
    distance, energy = breathe(potential, shell / np.linalg.norm(shell[1] - shell[0]), R_MIN * sigma, size=13, lanes=5)
    assert energy == pytest.approx(-44.326801 * epsilon, abs=6e-7 * epsilon)
    assert distance == pytest.approx(1.0818 * sigma, rel=1e-4)  # centre to surface in the icosahedron of 13


def test_unlike_noble_gases_mix_by_lorentz_and_berthelot() -> None:
    (e1, s1), (e2, s2) = NOBLE["Ar"], NOBLE["Xe"]
    potential = sets.default(("Ar", "Xe")).potential(("Ar", "Xe"))
    distance, energy = breathe(potential, np.array([[0, 0, 0], [0, 0, 1]]), R_MIN * 3.6)
    mixed = structure([[0, 0, 0], [0, 0, R_MIN * (s1 + s2) / 2]], [0, 1])
    assert value(potential, mixed).energy == pytest.approx(-np.sqrt(e1 * e2), rel=1e-12)
    assert (distance, energy) == (pytest.approx(R_MIN * s1, rel=1e-6), pytest.approx(-e1, rel=1e-9))


def test_the_switched_potential_is_the_true_one_below_the_onset(tmp_path: Path) -> None:
    text = """
        form = "lennard-jones"
        elements = ["X"]
        units = {energy = "epsilon", length = "sigma"}
        source = "a test"
        pairs.X-X = {epsilon = 1.0, sigma = 1.0}
        """
    plain = sets.load(user_file(tmp_path, text, "plain.toml")).potential(("X",))
    cut = sets.load(user_file(tmp_path, f"onset = 2.0\ncutoff = 3.0\n{text}", "cut.toml")).potential(("X",))
    assert plain.cutoff is None
    assert cut.cutoff == 3.0
    pairs = [structure([[0, 0, 0], [0, 0, r]]) for r in (1.0, 1.9, 2.5, 2.9, 3.1)]
    for r, true, switched in zip((1.0, 1.9, 2.5, 2.9, 3.1), values(plain, pairs), values(cut, pairs), strict=True):
        share = 1 if r < 2 else (9 - r**2) ** 2 * (9 + 2 * r**2 - 12) / 125 if r < 3 else 0
        assert switched.energy == pytest.approx(share * true.energy, rel=1e-12, abs=1e-30)
