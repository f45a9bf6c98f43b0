"""Moves over the surface: by one program, on all devices, and no cluster feels another."""

import numpy as np
import pytest

from clusteropt.clusters.arrays import Clusters, Structure, pack
from clusteropt.engine import programs
from clusteropt.engine.batches import take
from clusteropt.potentials import sets
from clusteropt.runtime import devices, host
from clusteropt.runtime.backend import n_lanes
from clusteropt.search import surface

LJ = sets.load("lj").potential(("X",))
SIZE = 8


def batch(count: int) -> tuple[Clusters, np.ndarray, np.ndarray, np.ndarray]:
    """Random clusters of 5 to 8 atoms, some of them fixed; energies of the atoms, and the random numbers of the moves."""
    rng, structures = np.random.default_rng(0), []
    for k in range(count):
        n_atoms = 5 + k % 4
        free = rng.uniform(size=n_atoms) < (0.5 if k % 3 == 0 else 2)
        structures.append(Structure(rng.normal(size=(n_atoms, 3)), np.zeros(n_atoms, np.int32), free))
    numbers = (
        rng.normal(size=(SIZE, count)),
        rng.uniform(size=(surface.N_DRAWS, count)),
        rng.uniform(size=(SIZE, count)),
    )
    return pack(structures, SIZE, np.float64), *numbers


def moved(clusters: Clusters, *numbers: np.ndarray) -> np.ndarray:
    with host.double_precision():
        return surface.moved_over_surface(clusters, *numbers, LJ)[0]


def test_nobody_feels_his_neighbours_nor_the_devices():
    assert devices.n_devices() == 2
    clusters, *numbers = batch(3 * n_lanes(SIZE) + 5)  # both devices, and a second turn that is not full
    together = moved(clusters, *numbers)
    for own in ([0], [len(together.T) - 1], np.arange(40, 140)):
        alone = moved(take(clusters, np.array(own)), *(array[:, own] for array in numbers))
        np.testing.assert_array_equal(alone, together[..., own])


def test_one_to_three_free_atoms_move():
    clusters, *numbers = batch(100)
    steps = moved(clusters, *numbers) - clusters.positions
    n_moved = (steps != 0).any(0).sum(0)
    assert not steps[:, ~np.asarray(clusters.free)].any()
    assert {*n_moved.tolist()} - {0} == {1, 2, 3}
    assert (n_moved <= np.asarray(clusters.free).sum(0)).all()


@pytest.mark.parametrize("count", [3, 70])
def test_a_foreseen_program_is_the_one_that_runs(count):
    clusters, *numbers = batch(count)
    with host.double_precision():
        surface.foresee(clusters, count)
    built = programs._built.cache_info().misses
    moved(clusters, *numbers)
    assert programs._built.cache_info().misses == built
