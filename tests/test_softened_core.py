"""The exploring potential: finite where atoms meet, its gradient still a derivative, and the true potential elsewhere."""

import numpy as np
import pytest
from helpers import CASES, Case, slopes, structure, value, values
from hypothesis import given
from hypothesis import strategies as st

from clusteropt.potentials.base import CORE

NAMES = ("lj", "lj-mixed", "gupta-cutoff", "morse-mixed", "sw", "sw-mixed")
every_form = pytest.mark.parametrize("name", NAMES)
seeds = st.integers(0, 2**32 - 1)


def core_of(case: Case) -> float:
    return CORE * case.potential.length


@every_form
@given(seed=seeds)
def test_the_softened_gradient_is_the_slope_of_the_softened_energy(name: str, seed: int) -> None:
    case = CASES[name]
    at = case.random(seed, closest=0.2)
    gradient = value(case.potential, at, core=core_of(case)).gradient
    assert np.abs(slopes(case, at, core=core_of(case)) - gradient).max() < 1e-6 * np.abs(gradient).max()


@every_form
@given(seed=seeds)
def test_outside_the_core_nothing_is_softened(name: str, seed: int) -> None:
    case = CASES[name]
    at = case.random(seed, closest=CORE)
    true, softened = value(case.potential, at), value(case.potential, at, core=core_of(case))
    np.testing.assert_allclose(softened.energies, true.energies, rtol=0, atol=1e-13 * np.abs(true.energies).max())
    np.testing.assert_allclose(softened.gradient, true.gradient, rtol=0, atol=1e-13 * np.abs(true.gradient).max())


@every_form
def test_inside_the_core_a_pair_repels_with_a_force_that_does_not_grow(name: str) -> None:
    case = CASES[name]
    core = core_of(case)
    distances = core * np.array([1, 0.8, 0.5, 0.2, 1e-3, 1e-9, 0])
    for kind in range(len(case.elements)):
        pairs = [structure([[0, 0, 0], [r, 0, 0]], [0, kind]) for r in distances]
        found = values(case.potential, pairs, core=core)
        pushes = -np.array([v.gradient[1, 0] for v in found])
        assert (pushes[:-1] > 0).all()
        assert (np.diff(pushes) <= 1e-12 * pushes[0]).all()
        assert abs(pushes[-1]) < 1e-30 * pushes[0]
        assert (np.diff([v.energy for v in found]) >= 0).all()


@pytest.mark.parametrize(
    ("name", "dtype"), [*[(n, np.float64) for n in NAMES], *[(n, np.float32) for n in NAMES if n != "sw-mixed"]]
)
def test_atoms_at_nearly_the_same_place_have_finite_forces(name: str, dtype: type) -> None:
    case = CASES[name]
    length = case.potential.length
    at = case.random(1)
    met = []
    for apart in (0, 1e-30, 1e-12, 1e-6, 1e-3):
        positions = at.positions.copy()
        positions[1] = positions[0] + apart * length * np.array([0.6, 0, 0.8])
        positions[2] = positions[0] - apart * length * np.array([0.6, 0, 0.8])
        met.append(at._replace(positions=positions))
    met.append(at._replace(positions=np.zeros_like(at.positions)))
    for found in values(case.potential, met, dtype=dtype, core=core_of(case)):
        assert np.isfinite(found.energies).all()
        assert np.isfinite(found.gradient).all()
        assert np.abs(found.energies).max() < 1e7 * case.potential.energy  # well inside single precision


@pytest.mark.parametrize("name", [n for n in NAMES if n != "sw-mixed"])
@pytest.mark.parametrize("apart", [1, 3, 5, 8, 10, 15, 20, 50, 1e3, 1e6, 1e9])
def test_single_precision_never_overflows_far_apart(name: str, apart: float) -> None:
    """Squared densities underflow on the way out; what is divided by them must not become infinite."""
    case = CASES[name]
    corners = np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T[:7] * apart * case.potential.length
    at = structure(corners, np.arange(7) % len(case.elements))
    single = value(case.potential, at, dtype=np.float32, core=core_of(case))
    double = value(case.potential, at, core=core_of(case))
    assert single.energies.dtype == np.float32
    np.testing.assert_allclose(single.energies, double.energies, rtol=2e-4, atol=1e-5 * case.potential.energy)
    scale = case.potential.energy / case.potential.length
    np.testing.assert_allclose(single.gradient, double.gradient, rtol=2e-4, atol=1e-5 * scale)
