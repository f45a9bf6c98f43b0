"""Rebuilt surfaces: hollows touch three atoms, the model's energy only falls, a misplaced atom goes home."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clusteropt.clusters.arrays import Clusters, Structure, pack
from clusteropt.engine import programs
from clusteropt.engine.batches import at, take
from clusteropt.potentials import sets
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import devices, host
from clusteropt.runtime.backend import n_lanes
from clusteropt.search import rebuilt
from clusteropt.search.descents import quenched
from clusteropt.search.hollows import N_TURNS, hollows
from clusteropt.search.occupation import Occupation, filled, occupied, pair_energy, settled

LJ = sets.load("lj").potential(("X",))
SIZE = 13
GOLDEN = (1 + 5**0.5) / 2
CORNERS = np.array([[0, s, t * GOLDEN] for s in (1, -1) for t in (1, -1)])
ICOSAHEDRON = np.concatenate([np.zeros((1, 3)), *(np.roll(CORNERS, k, 1) for k in range(3))]) / 2  # edges of length 1
CORE, LOWEST = ICOSAHEDRON * 1.14, -44.326801  # LJ13, in sigma and epsilon; the energy from potentials/best_known.csv


def batch(count: int) -> tuple[Clusters, np.ndarray, np.ndarray, np.ndarray]:
    """Random clusters of 10 to 13 atoms, some of them fixed; energies of the atoms, and the random numbers of the moves."""
    rng, structures = np.random.default_rng(0), []
    for k in range(count):
        n_atoms = 10 + k % 4
        free = rng.uniform(size=n_atoms) < (0.5 if k % 3 == 0 else 2)
        structures.append(Structure(1.5 * rng.normal(size=(n_atoms, 3)), np.zeros(n_atoms, np.int32), free))
    numbers = (
        rng.normal(size=(SIZE, count)),
        rng.uniform(size=(rebuilt.N_DRAWS, count)),
        rng.uniform(size=(SIZE, count)),
    )
    return pack(structures, SIZE, np.float64), *numbers


def moved(clusters: Clusters, *numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with host.double_precision():
        return rebuilt.rebuilt_surface(clusters, *numbers, LJ)  # type: ignore[call-arg]


def shuffled(heat: float) -> tuple[Occupation, np.ndarray]:
    """Icosahedra with two to seven atoms put onto chance places, and the free atoms."""
    rng, n_clusters = np.random.default_rng(1), 16
    positions = jnp.asarray(np.repeat(ICOSAHEDRON.T[..., None], n_clusters, -1))
    mask = np.ones((SIZE, n_clusters), bool)
    rank = jnp.asarray(np.argsort(rng.uniform(size=mask.shape), 0), jnp.int32)
    n_loose, draws = (
        jnp.asarray(2 + np.arange(n_clusters) % 6, jnp.int32),
        jnp.asarray(rng.uniform(size=(4, n_clusters))),
    )
    kept = rank >= n_loose
    start = occupied(positions, hollows(positions, kept, draws[:N_TURNS]), jnp.asarray(mask), kept)
    free = ~np.asarray(kept) | (rng.uniform(size=mask.shape) < 0.8)
    return filled(start, rank, n_loose, draws[3], jnp.full(n_clusters, heat)), free


def total(model: Occupation) -> np.ndarray:
    """The energy of all pairs (n_clusters,), from scratch."""
    places, full = np.asarray(model.places), np.asarray(model.full)
    between = np.square(places[:, :, None] - places[:, None]).sum(0)
    pairs = np.asarray(pair_energy(jnp.asarray(between))) * (full[:, None] & full[None])
    return (pairs.sum((0, 1)) - np.einsum("iik->k", pairs)) / 2


def test_hollows_touch_three_atoms_and_overlap_with_none():
    with host.double_precision():
        draws = jnp.asarray(np.random.default_rng(2).uniform(size=(N_TURNS, 1)))
        positions = jnp.asarray(ICOSAHEDRON.T[..., None])
        found = np.asarray(jax.jit(hollows)(positions, jnp.ones((SIZE, 1), bool), draws))[..., 0].T
    distances = np.sort(np.linalg.norm(found[:, None] - ICOSAHEDRON, axis=-1), 1)
    np.testing.assert_allclose(distances[:, :3], 1, atol=1e-6)
    assert len(np.unique(np.round(found, 4), axis=0)) == 20  # the faces of the icosahedron, all of them


def test_the_energy_of_all_pairs_never_rises_and_fixed_atoms_stay():
    with host.double_precision():
        before, free = shuffled(heat=20.0)
        after = jax.jit(settled)(before, jnp.asarray(free))
        gained = total(before) - total(after)
    assert (gained >= 0).all()
    assert (gained > 0.5).any()
    np.testing.assert_array_equal(np.asarray(after.where)[~free], np.asarray(before.where)[~free])


def test_places_and_energies_are_in_step():
    with host.double_precision():
        model = shuffled(5.0)[0]
        np.testing.assert_allclose((np.asarray(model.energy) * model.full).sum(0) / 2, total(model), rtol=1e-10)
    assert (np.asarray(model.full).sum(0) == SIZE).all()
    for k, own in enumerate(np.asarray(model.where).T):
        assert {*own.tolist()} == {*np.flatnonzero(np.asarray(model.full)[:, k]).tolist()}


def test_a_misplaced_atom_goes_home():
    rng = np.random.default_rng(3)
    n_clusters, problem = 8, ClusterProblem(LJ)
    positions = np.repeat(CORE[..., None], n_clusters, -1)
    outside = rng.normal(size=(3, n_clusters))
    outside -= np.abs(CORE[3] @ outside) * CORE[3][:, None]  # far from the gap that the atom leaves
    positions[3] = 2.1 * outside / np.linalg.norm(outside, axis=0)
    structures = [Structure(p, np.zeros(SIZE, np.int32), np.ones(SIZE, bool)) for p in np.moveaxis(positions, -1, 0)]
    with host.double_precision():
        clusters, energy, seen, _ = quenched(pack(structures, SIZE, np.float64), problem)
        assert (energy > LOWEST + 1).all()
        draws = rng.uniform(size=(rebuilt.N_DRAWS, n_clusters))
        draws[-1] = draws[-2] = 0  # one atom, no chance in its choice of a place
        new, _ = rebuilt.rebuilt_surface(clusters, np.asarray(seen.energies), draws, np.zeros((SIZE, n_clusters)), LJ)
        home = quenched(at(clusters, new), problem)[1]
    np.testing.assert_allclose(home, LOWEST, atol=0.05)


def test_nobody_feels_his_neighbours_nor_the_devices():
    assert devices.n_devices() == 2
    clusters, *numbers = batch(3 * n_lanes(SIZE) + 5)  # both devices, and a second turn that is not full
    together, used = moved(clusters, *numbers)
    assert np.isfinite(together).all()
    assert (used > 0).all()
    for own in ([0], [len(together.T) - 1], np.arange(40, 140)):
        alone, cost = moved(take(clusters, np.array(own)), *(array[:, own] for array in numbers))
        np.testing.assert_array_equal(alone, together[..., own])
        np.testing.assert_array_equal(cost, used[own])


def test_free_atoms_move_and_others_stay():
    clusters, *numbers = batch(100)
    steps = moved(clusters, *numbers)[0] - clusters.positions
    assert not steps[:, ~np.asarray(clusters.free)].any()
    assert (steps != 0).any((0, 1)).all()


@pytest.mark.parametrize("n_atoms", [1, 2, 3, 4])
def test_the_smallest_clusters_keep_finite_places(n_atoms):
    structure = Structure(np.eye(4, 3)[:n_atoms], np.zeros(n_atoms, np.int32), np.ones(n_atoms, bool))
    numbers = np.ones((4, 1)), np.full((rebuilt.N_DRAWS, 1), 0.9), np.zeros((4, 1))
    new, _ = moved(pack([structure], 4, np.float64), *numbers)
    assert np.isfinite(new).all()


def test_a_foreseen_program_is_the_one_that_runs():
    clusters, *numbers = batch(70)
    with host.double_precision():
        rebuilt.foresee(clusters, 70)
    built = programs._built.cache_info().misses
    moved(clusters, *numbers)
    assert programs._built.cache_info().misses == built
