"""Random symmetric structures: the groups are groups of the right order, and the structures have their symmetry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusteropt.clusters.symmetry import GROUPS, operations
from clusteropt.search.symmetric import N_DRAWS, in_sphere, symmetric_positions

ORDERS = {"C2": 2, "Cs": 2, "C3": 3, "C5": 5, "C2v": 4, "C3v": 6, "C5v": 10, "D2": 4, "D3": 6, "D5": 10, "D3h": 12}
ORDERS |= {"D3d": 12, "D5h": 20, "D5d": 20, "T": 12, "Td": 24, "O": 24}


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_is_closed_and_has_the_order_of_the_textbooks(name):
    group = operations(name)
    assert len(group) == ORDERS[name]
    np.testing.assert_allclose(group[0], np.eye(3))
    for a in group:
        np.testing.assert_allclose(a @ a.T, np.eye(3), atol=1e-12)
        assert all(np.isclose(a @ b, group).all((1, 2)).sum() == 1 for b in group)
    improper = (np.linalg.det(group) < 0).sum()
    assert improper == (0 if name in ("C2", "C3", "C5", "D2", "D3", "D5", "T", "O") else len(group) // 2)


@given(seed=st.integers(0, 10**6), n_atoms=st.integers(2, 60), k=st.integers(0, len(GROUPS) - 1))
@settings(max_examples=60, deadline=None)
def test_structures_have_the_symmetry_but_for_what_is_left_over(seed, n_atoms, k):
    radius = (n_atoms / 0.7 * 3 / (4 * np.pi)) ** (1 / 3)
    draws = np.random.default_rng(seed).uniform(size=(N_DRAWS + 3 * n_atoms, 2))
    several = symmetric_positions(np.full(2, k), draws, n_atoms, radius, 1.0)
    np.testing.assert_array_equal(
        symmetric_positions(np.full(1, k), draws[:, :1], n_atoms, radius, 1.0), several[..., :1]
    )
    positions = several[..., 0].T
    assert positions.shape == (n_atoms, 3)
    assert np.linalg.norm(positions, axis=1).max() < 1.1 * radius
    group = operations(GROUPS[k])
    images = np.einsum("gab,nb->gna", group, positions)
    nearest = np.linalg.norm(images[:, :, None] - positions[None, None], axis=-1).min(2)
    whole = (nearest < 1e-4).all(0)  # atoms all of whose images are there
    assert whole.sum() > n_atoms - max(len(group), 2)
    inside = positions[whole]
    apart = np.linalg.norm(inside[:, None] - inside[None], axis=-1) + np.eye(len(inside))
    assert apart.min() > 0.9 - 1e-6


def test_random_places_are_uniform_in_the_sphere():
    points = in_sphere(np.random.default_rng(0).uniform(size=(3, 100_000)))
    radii = np.linalg.norm(points, axis=0)
    assert radii.max() <= 1
    assert (radii < 0.5).mean() == pytest.approx(1 / 8, abs=0.005)
    np.testing.assert_allclose(points @ points.T / len(radii), np.eye(3) / 5, atol=0.005)
