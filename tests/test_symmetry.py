"""Random symmetric structures: the groups are groups of the right order, and the structures have their symmetry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusteropt.clusters import symmetry
from clusteropt.clusters.symmetry import GROUPS, operations, symmetric_positions

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
@settings(max_examples=60)
def test_structures_have_the_symmetry_but_for_what_is_left_over(seed, n_atoms, k):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(symmetry, "GROUPS", (GROUPS[k],))
        radius = (n_atoms / 0.7 * 3 / (4 * np.pi)) ** (1 / 3)
        positions = symmetric_positions(np.random.default_rng(seed), n_atoms, radius, 1.0)
        again = symmetric_positions(np.random.default_rng(seed), n_atoms, radius, 1.0)
    np.testing.assert_array_equal(positions, again)
    assert positions.shape == (n_atoms, 3)
    group = operations(GROUPS[k])
    images = np.einsum("gab,nb->gna", group, positions)
    nearest = np.linalg.norm(images[:, :, None] - positions[None, None], axis=-1).min(2)
    whole = (nearest < 1e-4).all(0)  # atoms all of whose images are there
    assert whole.sum() > n_atoms - max(len(group), 2)
    inside = positions[whole]
    apart = np.linalg.norm(inside[:, None] - inside[None], axis=-1) + np.eye(len(inside))
    assert apart.min() > 0.9 - 1e-6
