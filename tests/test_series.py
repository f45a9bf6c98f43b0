"""Series of sizes: second differences, magic numbers, the smooth fit, and starts from neighbouring sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

from clusteropt.engine.step import Status
from clusteropt.finding.series import magic_numbers, second_differences
from clusteropt.pictures.series import above_smooth
from clusteropt.search.grown import with_one_less, with_one_more
from clusteropt.search.minimum import Minimum

ENERGIES = st.lists(st.floats(-100, 0), min_size=3, max_size=20)
TOUCHING = 2 ** (1 / 6)


def icosahedron() -> np.ndarray:
    """(13, 3) with touching neighbours of the centre."""
    golden = (1 + 5**0.5) / 2
    corners = [np.roll([0, a, b * golden], k) for a in (-1, 1) for b in (-1, 1) for k in range(3)]
    return np.vstack([np.zeros((1, 3)), corners]) / np.linalg.norm(corners[0]) * TOUCHING


@given(ENERGIES, st.floats(-5, 5), st.floats(-5, 5))
def test_second_differences_do_not_see_a_straight_line(energies, slope, constant):
    plain = dict(enumerate(energies, 2))
    tilted = {n: energy + slope * n + constant for n, energy in plain.items()}
    differences = second_differences(plain)
    assert [*differences] == [*range(3, len(energies) + 1)]
    assert second_differences(tilted) == pytest.approx(differences, abs=1e-9)


def test_a_size_without_both_neighbours_has_no_second_difference():
    assert second_differences({2: -1.0, 3: -3.0, 4: -6.0, 6: -12.7}) == {3: -1.0}


@given(ENERGIES, st.floats(0.5, 10))
def test_magic_numbers_are_maxima_above_zero_and_a_deeper_size_is_one(energies, depth):
    k = len(energies) // 2 + 2
    deeper = {n: energy - (n == k) * (1000 * depth) for n, energy in enumerate(energies, 2)}
    differences = second_differences(deeper)
    magic = magic_numbers(differences)
    assert all(differences[n] > max(0, differences.get(n - 1, 0), differences.get(n + 1, 0)) for n in magic)
    assert k in magic or len(differences) == 1


@given(st.lists(st.floats(-20, 20), min_size=4, max_size=4))
def test_nothing_lies_above_the_smooth_fit_of_a_smooth_curve(numbers):
    sizes = np.arange(2, 61, dtype=float)
    curve = sizes[:, None] ** (np.arange(4) / 3) @ np.array(numbers)
    assert above_smooth(sizes, curve) == pytest.approx(0, abs=1e-9)
    bent = curve - 5 * (sizes == 13)
    assert np.argmin(above_smooth(sizes, bent)) == 13 - 2


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_few_sizes_have_a_fit_too(n):
    assert np.isfinite(above_smooth(np.arange(2.0, 2 + n), np.arange(n) ** 2.0)).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_an_added_atom_touches_the_surface_of_a_turned_cluster(number):
    turn = np.linalg.qr(np.random.default_rng(number).normal(size=(3, 3)))[0]
    before = icosahedron() @ turn
    grown = with_one_more(before, TOUCHING, 8)
    assert 1 <= len(grown) <= 3, "the twenty faces are one by symmetry, up to how a ball rolls"
    for after in grown:
        assert np.array_equal(after[:-1], before)
        distances = np.sort(cdist(after[-1:], before)[0]) / TOUCHING
        assert distances[:3] == pytest.approx(1, abs=1e-5)
        assert distances[3] > 1


def test_a_dimer_grows_into_a_triangle():
    dimer = np.array([[0.0, 0, 0], [0, 0, TOUCHING]])
    assert pdist(with_one_more(dimer, TOUCHING, 1)[0]) == pytest.approx(TOUCHING, abs=1e-5)


def test_the_least_bound_atoms_are_taken_away_each_kind_once():
    positions, energies = np.arange(15.0).reshape(5, 3), np.array([-3.0, -1.0, -2.0, -1.0, -5.0])
    minimum = Minimum(Status.CONVERGED, positions, 0.0, -12.0, energies, np.zeros((5, 3)), 0.0, 1)
    first, second = with_one_less(minimum, 1.0, 2)
    assert np.array_equal(first, positions[[0, 2, 3, 4]])
    assert np.array_equal(second, positions[[0, 1, 3, 4]])
    assert len(with_one_less(minimum, 1.0, 9)) == 4
