"""Point groups: textbook groups are named wherever the cluster lies, a symbol holds as well as it says, symmetrizing is exact."""

import helpers
import numpy as np
import pytest
from ase.cluster import Icosahedron, Octahedron
from helpers import structure
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clusteropt.clusters import symmetry
from clusteropt.clusters.pointgroups import point_group, symmetrized
from clusteropt.potentials import sets
from clusteropt.search.symmetric import N_DRAWS, symmetric_positions

Z, X, DIAGONAL = (0, 0, 1), (1, 0, 0), (1, 1, 1)
GOLD = (1 + 5**0.5) / 2
INVERSION = -np.eye(3)
TURN, MIRROR = symmetry._turn, symmetry._mirror
GENERATORS = {
    "Ci": [INVERSION],
    "S4": [TURN(Z, 4) @ MIRROR(Z)],
    "S6": [TURN(Z, 3), INVERSION],
    "S8": [TURN(Z, 8) @ MIRROR(Z)],
    "C2h": [TURN(Z, 2), MIRROR(Z)],
    "C3h": [TURN(Z, 3), MIRROR(Z)],
    "C4h": [TURN(Z, 4), MIRROR(Z)],
    "C6v": [TURN(Z, 6), MIRROR(X)],
    "D2h": [TURN(Z, 2), TURN(X, 2), MIRROR(Z)],
    "D2d": [TURN(X, 2), TURN(Z, 4) @ MIRROR(Z)],
    "D4d": [TURN(X, 2), TURN(Z, 8) @ MIRROR(Z)],
    "D6": [TURN(Z, 6), TURN(X, 2)],
    "D6h": [TURN(Z, 6), TURN(X, 2), MIRROR(Z)],
    "Th": [TURN(DIAGONAL, 3), TURN(Z, 2), INVERSION],
    "Oh": [TURN(DIAGONAL, 3), TURN(Z, 4), INVERSION],
    "I": [TURN(DIAGONAL, 3), TURN((0, 1, GOLD), 5)],
    "Ih": [TURN(DIAGONAL, 3), TURN((0, 1, GOLD), 5), INVERSION],
}
GROUPS = {name: symmetry.operations(name) for name in symmetry.GROUPS}
GROUPS |= {name: symmetry._closed(generators) for name, generators in GENERATORS.items()} | {"C1": np.eye(3)[None]}
LJ = sets.load("lj").potential(("X",))
NEAREST = 2 ** (1 / 6)


def turned(positions: np.ndarray, seed: int) -> np.ndarray:
    """The positions after a random rotation or improper rotation, and a shift."""
    rng = np.random.default_rng(seed)
    return positions @ np.linalg.qr(rng.normal(size=(3, 3)))[0].T + rng.normal(size=3) * 10


def orbits(name: str, seed: int, count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Positions and species of the images of `count` random points under all operations of the group."""
    points = 2 * np.random.default_rng(seed).normal(size=(count, 3))
    positions = np.einsum("gab,nb->nga", GROUPS[name], points).reshape(-1, 3)
    return positions, np.repeat(np.arange(count) // 2, len(GROUPS[name]))


def apart(positions: np.ndarray) -> float:
    return (np.linalg.norm(positions[:, None] - positions, axis=-1) + 10 * np.eye(len(positions))).min()


def relaxed(positions: np.ndarray) -> np.ndarray:
    return helpers.relaxed(LJ, structure(positions), **helpers.LARGE)[0].positions


def symbol(positions: np.ndarray, species: list[int] | None = None) -> str:
    kinds = np.zeros(len(positions), int) if species is None else np.array(species)
    return point_group(positions, kinds, NEAREST).symbol


def ring(n: int, radius: float, height: float, turn: float = 0.0) -> np.ndarray:
    angles = 2 * np.pi * (np.arange(n) + turn) / n
    return np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(n, height)], 1)


DOUBLE = np.vstack(
    [
        ring(5, 0.95, 0),
        ring(5, 0.95, 1.1, 0.5),
        ring(5, 0.95, -1.1, 0.5),
        [[0, 0, z] for z in (-1.65, -0.55, 0.55, 1.65)],
    ]
)
MINIMA = {  # D. J. Wales and J. P. K. Doye, J. Phys. Chem. A 101, 5111 (1997), doi:10.1021/jp970984n, table 1
    "LJ4 Td": [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]],
    "LJ5 D3h": [*ring(3, 0.65, 0), [0, 0, 0.9], [0, 0, -0.9]],
    "LJ6 Oh": [[0.8, 0, 0], [0, 0.8, 0], [0, 0, 0.8], [-0.8, 0, 0], [0, -0.8, 0], [0, 0, -0.8]],
    "LJ7 D5h": [*ring(5, 0.95, 0), [0, 0, 0.6], [0, 0, -0.6]],
    "LJ12 C5v": Icosahedron("Cu", 2).positions[:-1] / 2.2,
    "LJ13 Ih": Icosahedron("Cu", 2).positions / 2.2,
    "LJ19 D5h": DOUBLE,
    "LJ38 Oh": Octahedron("Cu", 4, 1).positions / 2.3,
    "LJ55 Ih": Icosahedron("Cu", 3).positions / 2.2,
}
FAST = ("LJ4 Td", "LJ7 D5h", "LJ13 Ih", "LJ38 Oh", "LJ55 Ih")
ORDERS = {"Td": 24, "D3h": 12, "Oh": 48, "D5h": 20, "C5v": 10, "Ih": 120}


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in MINIMA]
)
def test_minima_have_their_published_point_groups(name):
    found = point_group(turned(relaxed(np.array(MINIMA[name], float)), 1), np.zeros(len(MINIMA[name])), NEAREST)
    assert found.symbol == name.split()[1]
    assert found.order == ORDERS[found.symbol]
    assert found.tolerance < 1e-5


def test_the_tetrahedral_minimum_of_26_atoms_is_found_and_named():
    draws = np.random.default_rng(0).uniform(size=(N_DRAWS + 3 * 26, 16))
    made = symmetric_positions(np.full(16, symmetry.GROUPS.index("Td")), draws, 26, 1.8, NEAREST)
    starts = np.moveaxis(made, -1, 0).swapaxes(1, 2)
    best, energy = min(
        (helpers.relaxed(LJ, structure(start), **helpers.LARGE) for start in starts), key=lambda found: found[1]
    )
    assert energy == pytest.approx(-108.315616, abs=1e-6)
    assert symbol(turned(best.positions, 2)) == "Td"


@given(name=st.sampled_from(sorted(GROUPS)), seed=st.integers(0, 10**6))
@settings(max_examples=150)
def test_every_group_is_named(name, seed):
    positions, species = orbits(name, seed)
    assume(apart(positions) > 0.05)
    mixed = np.random.default_rng(seed).permutation(len(positions))
    found = point_group(turned(positions, seed)[mixed], species[mixed], 1.0, tolerance=1e-6)
    assert (found.symbol, found.order) == (name, len(GROUPS[name]))
    assert found.tolerance < 1e-10


@pytest.mark.parametrize(
    ("positions", "species", "wanted"),
    [
        ([[0, 0, 0]], [0], "Kh"),
        ([[0, 0, 0], [1, 2, 3]], [0, 0], "Dinfh"),
        ([[0, 0, 0], [1, 2, 3]], [0, 1], "Cinfv"),
        ([[-1, 0, 0], [0, 0, 0], [1, 0, 0]], [0, 1, 0], "Dinfh"),
        ([[-1, 0, 0], [0, 0, 0], [1, 0, 0]], [0, 1, 1], "Cinfv"),
        ([[-1, 0, 0], [0, 0, 0], [1.2, 0, 0]], [0, 0, 0], "Cinfv"),
        ([[0, 0, 0], [1, 0, 0], [0, 1.1, 0]], [0, 0, 0], "Cs"),
        (ring(3, 1, 0), [0, 0, 0], "D3h"),
        (ring(3, 1, 0), [0, 0, 1], "C2v"),
        (ring(4, 1, 0), [0, 0, 0, 0], "D4h"),
        (ring(4, 1, 0), [0, 1, 0, 1], "D2h"),
        (ring(40, 6, 0), [0] * 40, "D40h"),
        (np.vstack([ring(3, 1, 0), [[0, 0, 0.9]]]), [0, 0, 0, 0], "C3v"),
    ],
)
def test_flat_and_straight_clusters(positions, species, wanted):
    assert symbol(turned(np.array(positions, float), 3), species) == wanted


def test_homotops_lose_what_their_atoms_break():
    corners = Icosahedron("Ag", 2).positions / 2.57
    distances = np.linalg.norm(corners - corners.mean(0), axis=1)
    centre, shell = int(distances.argmin()), [i for i in range(13) if i != distances.argmin()]
    opposite = min(shell, key=lambda i: float((corners[i] - corners[centre]) @ (corners[shell[0]] - corners[centre])))

    def with_silver(*atoms: int) -> str:
        return symbol(corners, [int(i in atoms) for i in range(13)])

    assert with_silver() == with_silver(centre) == "Ih"
    assert with_silver(shell[0]) == "C5v"
    assert with_silver(shell[0], opposite) == "D5d"
    beside = next(i for i in shell[1:] if i != opposite)
    assert with_silver(shell[0], beside) == "C2v"


@given(seed=st.integers(0, 10**6))
def test_a_symbol_holds_as_well_as_it_says_and_noise_above_the_tolerance_loses_it(seed):
    exact = MINIMA["LJ13 Ih"]
    noise = np.random.default_rng(seed).normal(size=exact.shape)
    noise /= np.linalg.norm(noise, axis=1).max()
    small = point_group(exact + 2e-4 * noise, np.zeros(13), 1.0)
    assert small.symbol == "Ih"
    assert 0 < small.tolerance <= 4e-4  # the centre and the orientation move as well
    assert point_group(exact + 0.02 * noise, np.zeros(13), 1.0).symbol in ("C1", "Cs", "Ci", "C2", "C3")
    assert point_group(exact + 0.02 * noise, np.zeros(13), 1.0, tolerance=0.05).symbol == "Ih"


@given(name=st.sampled_from(sorted(GROUPS)), seed=st.integers(0, 10**6))
def test_a_symmetrized_cluster_has_its_group_exactly_and_stays_near(name, seed):
    positions, species = orbits(name, seed)
    assume(apart(positions) > 0.5)
    noise = np.random.default_rng(seed).uniform(-1, 1, positions.shape) / 3**0.5
    rough = positions + 0.01 * noise
    smooth = symmetrized(rough, species, 1.0, tolerance=0.03)
    found = point_group(rough, species, 1.0, tolerance=0.03)
    again = point_group(smooth, species, 1.0, tolerance=1e-8)
    assert again.symbol == found.symbol
    assert np.linalg.norm(smooth - rough, axis=1).max() == pytest.approx(found.tolerance, abs=1e-12)
    assert found.order is not None
    assert found.order >= len(GROUPS[name])


def test_a_cluster_without_symmetry_keeps_its_bits():
    positions = np.random.default_rng(5).normal(size=(9, 3)) * 3
    np.testing.assert_array_equal(symmetrized(positions, np.zeros(9), 1.0, tolerance=1e-3), positions)


def test_the_unit_of_length_does_not_matter():
    exact = MINIMA["LJ38 Oh"]
    rough = exact + 1e-3 * np.random.default_rng(0).normal(size=exact.shape)
    ours = point_group(rough, np.zeros(38), 1.0, tolerance=0.01)
    theirs = point_group(rough * 2.5, np.zeros(38), 2.5, tolerance=0.01)
    assert ours.symbol == theirs.symbol == "Oh"
    assert theirs.tolerance == pytest.approx(2.5 * ours.tolerance)


def test_symmetrizing_and_quenching_never_raises_the_energy():
    start = MINIMA["LJ38 Oh"] + 0.03 * np.random.default_rng(1).normal(size=(38, 3))
    smooth = symmetrized(start, np.zeros(38), NEAREST, tolerance=0.15)
    plain, even = (helpers.relaxed(LJ, structure(one), **helpers.LARGE)[1] for one in (start, smooth))
    assert symbol(smooth) == "Oh"
    assert even <= plain + 1e-6
