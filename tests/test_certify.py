"""Certificates: second derivatives, what is a minimum and what is not, frequencies, and symmetric minima."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.cluster import Octahedron
from ase.data import atomic_masses
from helpers import Case, cases, structure, values
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import clusteropt
from clusteropt.clusters.arrays import Structure
from clusteropt.clusters.pointgroups import point_group
from clusteropt.engine import programs
from clusteropt.potentials import sets
from clusteropt.potentials.calculators import known
from clusteropt.runtime import host
from clusteropt.search import certify
from clusteropt.search.certify import Certificate, certified
from clusteropt.search.hessian import foresee_hessians, hessians
from clusteropt.search.local import minimized
from clusteropt.search.modes import modes_of, rigid_motions
from clusteropt.search.polish import evened
from clusteropt.settings.method import LocalSettings

CASES = cases()
LJ = sets.load("lj").potential(("X",))
ARGON = Case(sets.load("lj-noble-gases"), ("Ar",))  # of the form of LJ, so the same programs serve both
NEAREST = 2 ** (1 / 6)
STIFFNESS = 72 / 2 ** (1 / 3)  # of the Lennard-Jones pair at its minimum, epsilon/sigma^2: 57.1464


def hessian(one: Structure, potential=LJ) -> np.ndarray:
    return next(hessians([one], potential))[0]


def certificate(positions: object, potential=LJ, species: object = None) -> Certificate:
    return certified([structure(np.array(positions, float), species)], potential)[0]  # type: ignore[arg-type]


def differences(case: Case, at: Structure) -> np.ndarray:
    """The second derivatives by central differences of the gradient."""
    step, displaced = 2e-5 * case.potential.length, []
    for index in np.ndindex(at.positions.shape):
        for sign in (1, -1):
            positions = at.positions.copy()
            positions[index] += sign * step
            displaced.append(at._replace(positions=positions))
    slopes = np.array([v.gradient.ravel() for v in values(case.potential, displaced)])
    return (slopes[0::2] - slopes[1::2]) / (2 * step)


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives_are_those_of_the_gradient(name):
    case = CASES[name]
    one = case.random(1, closest=0.9)
    ours, theirs = hessian(one, case.potential), differences(case, one)
    np.testing.assert_allclose(ours, theirs, atol=2e-6 * np.abs(theirs).max())
    np.testing.assert_array_equal(ours, ours.T)


def test_structures_of_several_sizes_do_not_feel_each_other():
    rng = np.random.default_rng(0)
    ones = [structure(rng.normal(size=(n, 3)) * 2) for n in (9, 3, 1, 30, 3, 8)]
    together = {i: h for portion in hessians(ones, LJ) for i, h in portion.items()}
    assert sorted(together) == [*range(6)]
    for i, one in enumerate(ones):
        np.testing.assert_array_equal(together[i], hessian(one))


def test_a_foreseen_program_is_the_one_that_runs():
    ones = [structure(np.random.default_rng(n).normal(size=(n, 3))) for n in (3, 12, 40)]
    with host.double_precision():
        foresee_hessians(ones, LJ)
    built = programs._built.cache_info().misses
    assert len([*hessians(ones, LJ)]) == 3
    assert programs._built.cache_info().misses == built


@given(seed=st.integers(0, 10**6))
def test_curvatures_do_not_change_when_the_cluster_is_turned(seed):
    rng = np.random.default_rng(seed)
    one = CASES["lj"].random(seed)
    other = one._replace(positions=one.positions @ Rotation.random(rng=rng).as_matrix().T + rng.normal(size=3))
    ours, theirs = (modes_of(hessian(s), s).curvatures for s in (one, other))
    np.testing.assert_allclose(ours, theirs, atol=1e-9 * np.abs(ours).max())


@pytest.mark.parametrize(
    ("positions", "held", "wanted"),
    [
        ([[0, 0, 0]], [], 3),
        ([[0, 0, 0], [1, 1, 0]], [], 5),
        ([[0, 0, 0], [1, 1, 0], [3, 3, 0]], [], 5),
        ([[0, 0, 0], [1, 1, 0], [3, 2, 0]], [], 6),
        ([[0, 0, 0], [1, 1, 0], [3, 2, 0]], [0], 3),  # rotations about the atom that is held
        ([[0, 0, 0], [1, 1, 0], [3, 2, 0]], [0, 1], 1),
        ([[0, 0, 0], [1, 1, 0], [3, 2, 0]], [0, 1, 2], 0),
    ],
)
def test_motions_of_the_whole_cluster_cost_no_energy(positions, held, wanted):
    free = ~np.isin(np.arange(len(positions)), held)
    one = structure(np.array(positions, float))._replace(free=free)
    motions = rigid_motions(one)
    assert motions.shape == (3 * len(positions), wanted)
    np.testing.assert_allclose(motions.T @ motions, np.eye(wanted), atol=1e-12)
    assert not motions[~np.repeat(free, 3)].round(12).any()


def test_a_minimum_has_six_vanishing_curvatures_and_they_are_those_taken_out():
    found = certificate(CASES["lj"].random(3).positions)
    one = structure(found.minimum.positions)
    whole = np.linalg.eigvalsh(hessian(one))
    assert (np.abs(whole) < 1e-6).sum() == 6
    np.testing.assert_allclose(modes_of(hessian(one), one).curvatures, whole[np.abs(whole) > 1e-6], rtol=1e-6)
    assert np.abs(hessian(one) @ rigid_motions(one)).max() < 1e-6


def test_the_pair_has_its_curvature_and_frequency_in_closed_form():
    pair = certificate([[0, 0, 0], [1.2, 0, 0]])
    assert pair.status == "minimum"
    assert pair.smallest == pytest.approx(2 * STIFFNESS, rel=1e-6)  # the sum over both atoms' directions
    assert pair.frequencies is pair.zero_point_energy is None
    mixed = certificate([[0, 0, 0], [4.0, 0, 0]], CASES["lj-cutoff"].potential, [0, 1])  # cut off from 5 angstrom on
    a, x = (atomic_masses[n] for n in (18, 36))
    epsilon, sigma = -mixed.minimum.energy, np.ptp(mixed.minimum.positions[:, 0]) / NEAREST
    quantum = units._hbar * np.sqrt(STIFFNESS * epsilon / sigma**2 * units._e * 1e20 / (units._amu * a * x / (a + x)))
    assert mixed.frequencies is not None
    assert mixed.frequencies * units.invcm == pytest.approx(quantum / units._e, rel=1e-6)
    assert mixed.zero_point_energy == pytest.approx(quantum / units._e / 2, rel=1e-6)
    assert mixed.point_group is not None
    assert mixed.point_group.symbol == "Cinfv"


def test_the_triangle_breathes_and_bends_as_the_textbooks_say():
    """Of three equal atoms with one stiffness, the two curvatures stand in the ratio 3 to 3/2."""
    found = certificate([[0, 0, 0], [1.1, 0, 0], [0.5, 1, 0]])
    modes = modes_of(hessian(structure(found.minimum.positions)), structure(found.minimum.positions))
    np.testing.assert_allclose(modes.curvatures, STIFFNESS * np.array([1.5, 1.5, 3]), rtol=1e-5)


SADDLES = {  # starts of perfect symmetry, and what lies below them
    "line of three": ([[-NEAREST, 0, 0], [0, 0, 0], [NEAREST, 0, 0]], "D3h", -3.0),
    "square": ([[0, 0, 0], [NEAREST, 0, 0], [0, NEAREST, 0], [NEAREST, NEAREST, 0]], "Td", -6.0),
    "cuboctahedron": (Octahedron("Al", 3, 1).positions / 2.6, "Ih", -44.326801),
}


@pytest.mark.parametrize("name", SADDLES)
def test_a_saddle_point_is_recognized_and_left(name):
    start, symbol, energy = SADDLES[name]
    (flat,) = minimized([structure(np.array(start, float))], LJ, LocalSettings(opt="extreme"))
    found = certificate(start)
    assert flat[0].status.label == "converged"
    assert flat[0].energy > energy + 0.1, "the start ends on the saddle point"
    assert found.n_negative > 0
    assert found.pushed > 0
    assert found.is_minimum
    assert found.minimum.energy == pytest.approx(energy, abs=1e-6)
    assert found.minimum.n_evaluations > flat[0].n_evaluations
    assert found.point_group is not None
    assert found.point_group.symbol == symbol


def test_a_saddle_point_from_which_every_push_comes_back_to_its_energy_stays_one(monkeypatch):
    monkeypatch.setattr(certify, "_PUSHES", (0.0, -1e-12))
    found = certificate(SADDLES["square"][0])
    assert (found.status, found.pushed, found.n_negative > 0) == ("saddle", 0, True)


def test_parts_that_do_not_feel_each_other_are_no_minimum_although_they_are_near():
    """Copper by effective medium theory: no force beyond six angstrom, and atoms count as one cluster up to eight."""
    potential = sets.potential_for(("Cu",), known.use_object("emt"))
    triangle = np.array([[0, 0, 0], [2.4, 0, 0], [1.2, 2.08, 0]])
    for far, status in (([1.2, 8.5, 0], "fragmented"), ([1.2, 0.7, 2.0], "minimum")):
        (found,) = certified([structure(np.array([*triangle, far]))], potential)
        assert found.status == status
        assert found.minimum.status.label == "converged"


def test_what_has_not_converged_has_no_certificate():
    (found,) = certified([structure(CASES["lj"].random(0).positions)], LJ, LocalSettings(max_steps=3))
    assert (found.status, found.is_minimum, found.point_group) == ("not-converged", False, None)
    far = certificate([[0, 0, 0], [1.1, 0, 0], [30, 0, 0], [31.1, 0, 0]])
    assert far.status == "not-converged"


def test_an_atom_that_turns_freely_is_neither():
    cut = CASES["lj-cutoff"].potential
    r = cut.length
    chain = [[0, 0, 0], [r, 0, 0], [r / 2, r * 0.75**0.5, 0], [0, -6.0, 0]]
    assert np.linalg.norm(np.array(chain[3]) - chain[1:3], axis=1).min() > 6.5
    assert certificate(chain, cut).status == "flat"


def test_atoms_that_are_held_stay_and_an_atom_alone_is_a_minimum():
    held = structure(CASES["lj"].random(0).positions)._replace(free=np.arange(7) > 1)
    (found,) = certified([held], LJ)
    np.testing.assert_array_equal(found.minimum.positions[:2], held.positions[:2])
    assert found.status == "minimum"
    alone = certificate([[1, 2, 3]])
    assert alone.status == "minimum"
    assert alone.point_group is not None
    assert alone.point_group.symbol == "Kh"


@given(seed=st.integers(0, 10**6))
def test_a_certificate_is_never_above_local_minimization(seed):
    one, potential = ARGON.random(seed, n=6), ARGON.potential
    (plain,) = minimized([one], potential, LocalSettings(opt="extreme"))
    (found,) = certified([one], potential)
    assert found.minimum.energy <= plain[0].energy + 1e-9
    assert found.is_minimum
    assert found.frequencies is not None
    assert len(found.frequencies) == 12
    assert (found.frequencies > 0).all()
    assert found.zero_point_energy == pytest.approx(found.frequencies.sum() / 2 * units.invcm)


@given(seed=st.integers(0, 10**6))
def test_symmetrizing_never_raises_the_energy(seed):
    ones = [CASES["lj"].random(seed + k) for k in range(4)]
    (plain,) = minimized(ones, LJ, LocalSettings(opt="extreme"))
    even = evened(ones, LJ)
    assert all(even[k].energy <= plain[k].energy + 1e-8 for k in range(4))


def test_symmetric_places_on_a_saddle_point_are_not_taken():
    (even,) = evened(
        [structure(np.array([[0, 0, 0], [1.1, 0, 0], [0.5, 1, 0]]))], LJ, tolerance=0.9
    )  # a line is as near
    assert even.energy == pytest.approx(-3)


def test_symmetrizing_finds_the_symmetric_minimum_of_a_rough_cluster():
    rough = Octahedron("Al", 4, 1).positions / 2.57 + 0.03 * np.random.default_rng(1).normal(size=(38, 3))
    (even,) = evened([structure(rough)], LJ)
    assert even.energy == pytest.approx(-173.928427, abs=1e-6)
    assert point_group(even.positions, np.zeros(38), NEAREST, tolerance=1e-6).symbol == "Oh"


def test_python_programs_get_atoms_with_their_certificates():
    square = Atoms("Ar4", np.array(SADDLES["square"][0]) * 3.4)
    one = clusteropt.certify(square)
    assert one.is_minimum
    assert one.point_group == one.atoms.info["point_group"] == "Td"
    assert one.atoms.info["certificate"] == "minimum"
    assert one.certificate is not None
    assert one.certificate.pushed > 0
    assert "minimum, Td" in repr(one)
    several = clusteropt.certify([square, Atoms("H2", [[0, 0, 0], [0, 0, 1]]), Atoms("Ar")], symmetrize=True)
    assert [r.status for r in several] == ["converged", "no-potential", "converged"]
    assert (several[1].certificate, several[1].is_minimum, several[1].point_group) == (None, False, "")
    assert several[2].point_group == "Kh"
    with pytest.raises(clusteropt.ClusterOptError, match="ASE Atoms"):
        clusteropt.certify("au55.xyz")  # type: ignore[arg-type]
