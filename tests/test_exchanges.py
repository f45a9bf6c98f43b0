"""Exchanges of unlike atoms: places and composition stay, estimates are differences of energies, gains come first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusteropt.clusters.arrays import Clusters, Structure, pack
from clusteropt.engine import lanes, programs
from clusteropt.engine.batches import at, take
from clusteropt.potentials import sets
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import devices, host
from clusteropt.runtime.backend import n_lanes
from clusteropt.search import exchanges

ALLOY = ClusterProblem(sets.load("gupta-ag-au").potential(("Ag", "Au")))
SIZE = 13
LATTICE = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3) * ALLOY.potential.length


def batch(count: int) -> tuple[Clusters, np.ndarray, np.ndarray]:
    """Pieces of a lattice of 10 to 13 atoms in random order, a third with fixed atoms; the random numbers of the moves."""
    rng, structures = np.random.default_rng(0), []
    for k in range(count):
        n_atoms = 10 + k % 4
        free = rng.uniform(size=n_atoms) < (0.7 if k % 3 == 0 else 2)
        places = LATTICE[:n_atoms] + 0.05 * rng.normal(size=(n_atoms, 3))
        structures.append(Structure(places, rng.integers(0, 2, n_atoms, np.int32), free))
    return (
        pack(structures, SIZE, np.float64),
        rng.uniform(size=(exchanges.N_DRAWS, count)),
        rng.uniform(size=(2 * SIZE, count)),
    )


def exchanged(clusters: Clusters, draws: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with host.double_precision():
        return exchanges.exchanged(clusters, draws, chance, ALLOY)


def test_unlike_free_atoms_trade_places_and_nobody_else_moves():
    clusters, *numbers = batch(100)
    new = exchanged(clusters, *numbers)[0]
    went = (new != clusters.positions).any(0)
    assert {*went.sum(0).tolist()} <= {0, 2, 4, 6, 8}
    assert went.any(0).tolist() == exchanges.can_exchange(clusters).tolist()
    assert not (went & ~np.asarray(clusters.free)).any()
    for k in range(100):
        np.testing.assert_array_equal(np.sort(new[..., k], axis=1), np.sort(clusters.positions[..., k], axis=1))
        for kind in (0, 1):
            assert went[np.asarray(clusters.species)[:, k] == kind, k].sum() == went[:, k].sum() / 2


def test_nobody_feels_his_neighbours_nor_the_devices():
    assert devices.n_devices() == 2
    clusters, *numbers = batch(3 * n_lanes(SIZE) + 5)
    together, used = exchanged(clusters, *numbers)
    for own in ([0], [len(used) - 1], np.arange(40, 140)):
        alone, cost = exchanged(take(clusters, np.array(own)), *(array[:, own] for array in numbers))
        np.testing.assert_array_equal(alone, together[..., own])
        np.testing.assert_array_equal(cost, used[own])


def test_a_change_costs_the_difference_of_two_energies():
    clusters = batch(4)[0]
    atoms = np.arange(SIZE, dtype=np.int32)[:, None].repeat(4, 1)
    with host.double_precision():
        found = exchanges.change_energies(clusters, atoms, ALLOY)
        before = lanes.inspect(clusters, ALLOY).energy
        for atom in (0, 4, 9):
            species = np.array(clusters.species)
            species[atom] = 1 - species[atom]
            cost = lanes.inspect(clusters._replace(species=species), ALLOY).energy - before
            np.testing.assert_allclose(found[atom, species[atom], np.arange(4)], cost, atol=2e-4)
            np.testing.assert_array_equal(found[atom, 1 - species[atom], np.arange(4)], 0)


def test_an_exchange_by_the_estimate_gains_where_a_random_order_has_gains_to_make():
    clusters, draws, chance = batch(60)
    with host.double_precision():
        before = lanes.inspect(clusters, ALLOY).energy
        new = exchanges.exchanged(clusters, 0 * draws, chance, ALLOY)[0]
        after = lanes.inspect(at(clusters, new), ALLOY).energy
    assert np.mean(after < before) > 0.7


def test_one_element_has_nothing_to_exchange():
    clusters, *numbers = batch(5)
    pure = clusters._replace(species=np.zeros_like(clusters.species))
    new, used = exchanged(pure, *numbers)
    np.testing.assert_array_equal(new, pure.positions)
    assert not used.any()


@given(st.integers(0, 2**32), st.lists(st.integers(0, 2), min_size=1, max_size=30), st.sampled_from(exchanges.ORDERS))
def test_an_order_deals_out_all_places(seed, kinds, kind):
    places = np.random.default_rng(seed).normal(size=(len(kinds), 3))
    new = exchanges.ordered(np.random.default_rng(seed), places, np.array(kinds), kind)
    assert {*map(tuple, new)} == {*map(tuple, places)}


@pytest.mark.parametrize("kind", ["shells", "halves"])
def test_segregated_orders_keep_the_elements_apart(kind):
    rng, species = np.random.default_rng(1), np.arange(40) % 2
    inside = set()
    for _ in range(10):
        places = rng.normal(size=(40, 3))
        new = exchanges.ordered(rng, places, species, kind)
        away = np.linalg.norm(new - places.mean(0), axis=1)
        first, second = new[species == 0], new[species == 1]
        if kind == "shells":
            inside.add(bool(away[species == 0].max() < away[species == 1].min()))
            assert (
                away[species == 0].max() < away[species == 1].min()
                or away[species == 1].max() < away[species == 0].min()
            )
        else:
            assert np.linalg.norm(first.mean(0) - second.mean(0)) > 1
    assert kind == "halves" or inside == {True, False}  # either element comes outside


def test_a_foreseen_program_is_the_one_that_runs():
    clusters, *numbers = batch(70)
    with host.double_precision():
        exchanges.foresee(clusters, 70, ALLOY)
    built = programs._built.cache_info().misses
    exchanged(clusters, *numbers)
    assert programs._built.cache_info().misses == built
