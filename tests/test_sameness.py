"""Sameness of clusters: what leaves a cluster the same, what makes it another, and fingerprints and keys that find candidates."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from ase.cluster import Icosahedron, Octahedron
from hypothesis import given, settings
from hypothesis import strategies as st

import clusteropt
from clusteropt.clusters.sameness import (
    N_NUMBERS,
    QUANTUM,
    TOLERANCE,
    compared,
    fingerprint,
    is_same,
    key,
    may_be_same,
    neighbouring,
)
from clusteropt.search.starts import random_starts

LENGTH = 2 ** (1 / 6)  # between Lennard-Jones neighbours
NOISE = 1e-4  # in lengths
RING = np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3), np.zeros(6)], 1)
SOLIDS = {
    "atom": np.zeros((1, 3)),
    "pair": np.eye(3)[:2],
    "triangle": np.eye(3),
    "chain": np.arange(7)[:, None] * np.array([[0.6, 0.8, 0.0]]),
    "ring": RING,
    "disc": np.concatenate([RING, np.zeros((1, 3))]),
    "cube": np.array(list(itertools.product((-0.5, 0.5), repeat=3))),
    "Ih13": Icosahedron("Au", 2).positions / 2.88,
    "Oh38": Octahedron("Au", 4, 1).positions / 2.88,
    "Ih55": Icosahedron("Au", 3).positions / 2.88,
}
SHAPES = st.tuples(st.integers(1, 16), st.integers(1, 3), st.integers(0, 10**6))


def cluster(n_atoms: int, n_kinds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random positions with about one length between neighbours, and species; like a real cluster, no atoms on each other."""
    rng = np.random.default_rng(seed)
    grid = np.array(list(itertools.product(range(3), repeat=3)), float)
    positions = grid[rng.permutation(27)[:n_atoms]] + rng.uniform(-0.2, 0.2, (n_atoms, 3))
    return positions, rng.integers(0, n_kinds, n_atoms)


def disguised(rng: np.random.Generator, positions: np.ndarray, mirrored: bool, noise: float):
    """The positions turned, shifted, reordered, perhaps reflected, every atom moved by at most `noise`; and the order."""
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= 1 if (np.linalg.det(turn) < 0) == mirrored else -1
    moves = rng.normal(size=positions.shape)
    moves *= noise / np.maximum(np.linalg.norm(moves, axis=1, keepdims=True), 1e-300)
    order = rng.permutation(len(positions))
    return ((positions + moves) @ turn.T + rng.uniform(-5, 5, 3))[order], order


@given(
    shape=SHAPES, mirrored=st.booleans(), noise=st.sampled_from([0.0, 1e-6, NOISE, 1e-3]), seed=st.integers(0, 10**6)
)
@settings(max_examples=150, deadline=None)
def test_turned_shifted_reordered_and_mirrored_copies_are_the_same(shape, mirrored, noise, seed):
    a, species = cluster(*shape)
    b, order = disguised(np.random.default_rng(seed), a, mirrored, noise)
    found = compared(a, b, species, species[order], 1.0)
    assert found.same
    assert found.rmsd <= found.largest + 1e-12
    assert found.rmsd <= noise + 1e-9
    assert is_same(a, b, species, species[order], 1.0)


@given(shape=SHAPES, other=SHAPES)
@settings(max_examples=60, deadline=None)
def test_a_comparison_tells_the_alignment_whose_distances_it_states(shape, other):
    (a, species), (b, _) = cluster(*shape), cluster(shape[0], *other[1:])
    shuffled = np.random.default_rng(other[2]).permutation(species)
    found = compared(a, b, species, shuffled, 1.0)
    away = np.linalg.norm((b @ found.rotation.T + found.translation)[found.order] - a, axis=1)
    np.testing.assert_allclose([np.sqrt((away**2).mean()), away.max()], [found.rmsd, found.largest], atol=1e-9)
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(3), atol=1e-9)
    assert (np.linalg.det(found.rotation) < 0) == found.mirrored
    np.testing.assert_array_equal(shuffled[found.order], species)
    assert sorted(found.order) == list(range(len(a)))


@given(seed=st.integers(0, 10**6), n_atoms=st.integers(2, 5))
@settings(max_examples=20, deadline=None)
def test_no_distance_lies_below_the_best_of_all_orders(seed, n_atoms):
    a, b = cluster(n_atoms, 1, seed)[0], cluster(n_atoms, 1, seed + 1)[0]
    here = a - a.mean(0)
    there = b - b.mean(0)
    least = np.inf
    for order in itertools.permutations(range(n_atoms)):
        stretch = np.linalg.svd(here.T @ there[list(order)], compute_uv=False).sum()  # with reflections
        least = min(least, (here**2).sum() + (there**2).sum() - 2 * stretch)
    least = np.sqrt(max(least, 0) / n_atoms)
    species = np.zeros(n_atoms, int)
    assert least - 1e-7 <= compared(a, b, species, species, 1.0).rmsd <= 1.5 * least + 1e-7


@pytest.mark.parametrize("name", SOLIDS)
def test_symmetric_flat_and_tiny_clusters_are_recognised(name):
    a = SOLIDS[name]
    species = np.zeros(len(a), int)
    for seed in range(20):
        b, _ = disguised(np.random.default_rng(seed), a, seed % 2 == 0, NOISE)
        found = compared(a, b, species, species, 1.0, mirror=False)
        assert found.same
        assert not found.mirrored
        assert found.rmsd <= NOISE


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_enantiomers_are_the_same_only_where_mirror_images_count(seed):
    a, species = cluster(9, 1, seed)
    b, _ = disguised(np.random.default_rng(seed), a, True, NOISE)
    assert compared(a, b, species, species, 1.0).mirrored
    without = compared(a, b, species, species, 1.0, mirror=False)
    assert not without.same
    assert not without.mirrored
    assert not is_same(a, b, species, species, 1.0, mirror=False)


def test_homotops_and_other_compositions_are_others():
    a = SOLIDS["Ih13"]
    centre = np.argmin(np.linalg.norm(a - a.mean(0), axis=1))
    inside, outside = (np.arange(13) == k for k in (centre, (centre + 1) % 13))
    other = outside | (np.arange(13) == (centre + 2) % 13)
    assert not compared(a, a, inside.astype(int), outside.astype(int), 1.0).same
    assert not may_be_same(fingerprint(a, inside.astype(int), 1.0), fingerprint(a, outside.astype(int), 1.0))
    for b, species in ((a, other), (a[:-1], inside[:-1])):
        found = compared(a, b, inside.astype(int), species.astype(int), 1.0)
        assert (found.same, found.rmsd, len(found.order)) == (False, np.inf, 0)
        assert not is_same(a, b, inside.astype(int), species.astype(int), 1.0)


def test_a_cluster_is_another_beyond_the_tolerance():
    a = SOLIDS["Ih13"]
    species = np.zeros(13, int)
    for factor, same in ((0.8, True), (1.3, False)):
        b = a.copy()
        b[3] *= 1 + factor * TOLERANCE.largest / np.linalg.norm(a[3] - a.mean(0))
        assert compared(a, b, species, species, 1.0).same is same


@given(shape=SHAPES, mirrored=st.booleans(), noise=st.sampled_from([0.0, NOISE, 0.1]), seed=st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_a_fingerprint_is_invariant_and_moves_by_at_most_twice_the_displacement(shape, mirrored, noise, seed):
    a, species = cluster(*shape)
    b, order = disguised(np.random.default_rng(seed), a, mirrored, noise)
    one, other = fingerprint(a, species, 2.0), fingerprint(b, species[order], 2.0)
    assert one.shape == (N_NUMBERS,)
    assert np.abs(one - other).max() <= 2 * noise / 2.0 + 1e-12
    np.testing.assert_allclose(fingerprint(3 * a, species, 6.0), one, atol=1e-12)


@given(energy=st.floats(-1e4, 0), shift=st.floats(-0.99 * QUANTUM, 0.99 * QUANTUM), scale=st.floats(0.01, 100))
def test_energies_within_a_quantum_have_neighbouring_keys(energy, shift, scale):
    assert key((energy + shift) * scale, scale) in neighbouring(key(energy * scale, scale))
    assert key((energy + 3 * QUANTUM) * scale, scale) not in neighbouring(key(energy * scale, scale))


def test_an_energy_that_is_not_finite_has_no_key():
    with pytest.raises(ValueError, match="no key"):
        key(float("nan"))


def quenched(n_atoms: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and energies of Lennard-Jones minima below random starts, the lowest first; told apart by their energies."""
    starts = random_starts(f"X{n_atoms}", count, 1, 0.34)
    results = [r for r in clusteropt.minimize(starts, optimizer="lbfgs", opt="tight") if r.status == "converged"]
    results.sort(key=lambda r: r.energy)
    kept = results[:1]
    for result in results[1:]:
        if result.energy - kept[-1].energy > 1e-6:
            kept.append(result)
    return np.array([r.atoms.positions for r in kept]), np.array([r.energy for r in kept])


@pytest.mark.slow
def test_a_thousand_noisy_copies_are_recognised_and_none_is_merged_with_a_minimum_as_deep():
    rng = np.random.default_rng(5)
    n_minima = n_recognised = n_merged = n_near = 0
    for n_atoms in (13, 17, 19, 38):
        positions, energies = quenched(n_atoms, 800)
        species = np.zeros(n_atoms, int)
        index = defaultdict(list)
        for k, energy in enumerate(energies):
            index[key(energy)].append(k)
        gaps = np.minimum(np.diff(energies, prepend=-np.inf), np.diff(energies, append=np.inf))
        for k in np.flatnonzero(gaps < 1e-3)[:25]:
            near = np.flatnonzero(np.abs(energies - energies[k]) < 1e-3)
            n_minima, n_near = n_minima + 1, n_near + len(near) - 1
            for copy in range(10):
                b, _ = disguised(rng, positions[k], copy % 2 == 0, NOISE * LENGTH)
                asked = key(energies[k] + rng.uniform(-QUANTUM, QUANTUM) / 2)
                held = {m for one in neighbouring(asked) for m in index[one]}
                equal = [m for m in held | set(near) if is_same(positions[m], b, species, species, LENGTH)]
                n_recognised += k in equal and k in held
                n_merged += len(set(equal) - {k})
    assert (n_minima, n_recognised, n_merged) == (100, 1000, 0)
    assert n_near >= 100
