"""Laws that every potential obeys, whatever its form: derivatives, symmetries, and the independence of the company."""

import jax
import numpy as np
import pytest
from helpers import CASES, LANES, SIZE, Case, Values, nameless, slopes, structure, value, values
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from clusteropt.clusters.arrays import pack
from clusteropt.clusters.pairs import _PADDING_SPACING
from clusteropt.potentials.base import energy_and_gradient

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_cluster = pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.cell is None])
seeds = st.integers(0, 2**32 - 1)
vectors = st.tuples(*[st.floats(-20, 20)] * 3).map(np.array)


def same(one: Values, other: Values, tolerance: float) -> bool:
    scale = np.abs(one.energies).max() + 1e-300, np.abs(one.gradient).max() + 1e-300
    return (
        np.abs(one.energies - other.energies).max() <= tolerance * scale[0]
        and np.abs(one.gradient - other.gradient).max() <= tolerance * scale[1]
    )


@every_case
@given(seed=seeds)
def test_the_gradient_is_the_slope_of_the_energy(case: Case, seed: int) -> None:
    at = case.random(seed)
    gradient = value(case.potential, at).gradient
    assert np.abs(slopes(case, at) - gradient).max() < 3e-7 * (np.abs(gradient).max() + case.potential.energy)


@pytest.mark.parametrize("name", ["lj", "lj-cutoff", "gupta-cutoff", "morse", "sw"])
def test_the_gradient_is_what_jax_makes_of_the_energy(name: str) -> None:
    """Forward mode, a lane for every coordinate: the loop over neighbours has no reverse mode."""
    case = CASES[name]
    at = case.random(5)
    n_coordinates = at.positions.size
    batch = pack([at] * n_coordinates, len(at.positions), np.float64)
    units = np.eye(n_coordinates).reshape(*at.positions.shape, n_coordinates).transpose(1, 0, 2)

    def energy(positions: jax.Array) -> jax.Array:
        potential = nameless(case.potential.form, case.potential.parameters)
        return energy_and_gradient(potential, batch._replace(positions=positions))[0].sum(0)

    _, derivative = jax.jit(lambda x, v: jax.jvp(energy, (x,), (v,)))(batch.positions, units)
    gradient = value(case.potential, at).gradient
    np.testing.assert_allclose(
        np.reshape(derivative, gradient.shape), gradient, rtol=0, atol=1e-12 * np.abs(gradient).max()
    )


@every_case
@given(seed=seeds, shift=vectors)
def test_a_cluster_may_be_anywhere(case: Case, seed: int, shift: np.ndarray) -> None:
    at = case.random(seed)
    assert same(*values(case.potential, [at, at._replace(positions=at.positions + shift)]), 1e-10)


@pytest.mark.parametrize("name", ["lj", "gupta"])
def test_a_cluster_may_be_where_padding_atoms_are_kept(name: str) -> None:
    """Any place is allowed, however far: there, coordinates have nine digits less."""
    case = CASES[name]
    at, unit = case.random(0), case.potential.length if name == "lj" else 1.0
    for place in (1e6, 8e6, 8 * _PADDING_SPACING):
        moved = at._replace(positions=at.positions - at.positions[0] + [place * unit, 0, 0])
        assert same(*values(case.potential, [at, moved]), 1e-6)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.cell is not None])
def test_an_atom_of_a_box_may_be_at_the_origin_where_padding_atoms_are(name: str) -> None:
    """In an odd padded size, whose last neighbour is added outside the loop, though it is no atom."""
    case = CASES[name]
    at = case.random(3)
    moved = at._replace(positions=at.positions - at.positions[0])
    size = len(at.positions) + 2 - len(at.positions) % 2 + 1
    batch = jax.tree.map(jax.numpy.asarray, pack([moved], size, np.float64))
    energies, gradient = energy_and_gradient(case.potential, batch)
    alone = value(case.potential, at)
    np.testing.assert_allclose(np.asarray(energies)[: len(at.positions), 0], alone.energies, rtol=1e-9)
    found = np.asarray(gradient)[:, : len(at.positions), 0].T
    np.testing.assert_allclose(found, alone.gradient, atol=1e-9 * np.abs(alone.gradient).max())


@every_cluster
@given(seed=seeds, turn=seeds)
def test_a_turned_cluster_has_turned_forces(name: str, seed: int, turn: int) -> None:
    case = CASES[name]
    at, matrix = case.random(seed), Rotation.random(rng=np.random.default_rng(turn)).as_matrix()
    straight, turned = values(case.potential, [at, at._replace(positions=at.positions @ matrix.T)])
    assert same(turned, Values(straight.energies, straight.gradient @ matrix.T), 1e-11)


@every_case
@given(seed=seeds)
def test_a_mirror_image_has_the_same_energy(case: Case, seed: int) -> None:
    at = case.random(seed)
    straight, mirrored = values(case.potential, [at, at._replace(positions=-at.positions)])
    assert same(mirrored, Values(straight.energies, -straight.gradient), 1e-11)


@every_case
@given(seed=seeds, shuffle=seeds)
def test_the_order_of_the_atoms_does_not_matter(case: Case, seed: int, shuffle: int) -> None:
    at = case.random(seed)
    order = np.random.default_rng(shuffle).permutation(len(at.positions))
    shuffled = at._replace(positions=at.positions[order], species=at.species[order])
    straight, other = values(case.potential, [at, shuffled])
    assert same(Values(straight.energies[order], straight.gradient[order]), other, 1e-11)


@every_case
@given(seed=seeds)
def test_nothing_pulls_or_turns_the_whole(case: Case, seed: int) -> None:
    at = case.random(seed)
    gradient = value(case.potential, at).gradient
    largest = np.abs(gradient).max() + 1e-300
    assert np.abs(gradient.sum(0)).max() < 1e-11 * largest
    if case.cell is None:
        assert np.abs(np.cross(at.positions, gradient).sum(0)).max() < 1e-11 * largest * np.abs(at.positions).max()


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.cell is not None])
@given(seed=seeds, jumps=st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=7, max_size=7))
def test_every_image_of_an_atom_is_the_same_atom(name: str, seed: int, jumps: list) -> None:
    case = CASES[name]
    at = case.random(seed)
    assert same(*values(case.potential, [at, at._replace(positions=at.positions + np.array(jumps) @ case.cell)]), 1e-11)


@pytest.mark.parametrize("name", [n for n in CASES if f"{n}-periodic" in CASES] + ["lj-cutoff", "gupta-cutoff"])
def test_in_a_large_box_a_cluster_is_a_cluster(name: str) -> None:
    case = CASES[name]
    at = case.random(3)
    boxed = at._replace(cell=100 * case.potential.length * np.eye(3))
    assert same(value(case.potential, at), value(case.potential, boxed), 1e-13)


@every_case
def test_the_company_in_a_batch_leaves_the_bits_unchanged(case: Case) -> None:
    """Another lane, other neighbours in the batch, clusters of other sizes among them."""
    alone = case.random(11)
    crowd = [case.random(seed, n=2 + seed % 7) for seed in range(LANES)]
    expected = value(case.potential, alone)
    for lane in (0, 5, LANES - 1):
        found = values(case.potential, [*crowd[:lane], alone, *crowd[lane + 1 :]])[lane]
        np.testing.assert_array_equal(found.energies, expected.energies)
        np.testing.assert_array_equal(found.gradient, expected.gradient)


@pytest.mark.parametrize(
    ("name", "size", "lanes"),
    [("lj", 13, 5), ("gupta-cutoff", 13, 5), ("sw", 13, 5), ("lj-periodic", 13, 5), ("lj", SIZE, 1), ("sw", 236, 1)],
)
def test_padding_and_the_number_of_lanes_leave_the_bits_unchanged(name: str, size: int, lanes: int) -> None:
    """One lane is for large clusters; Stillinger-Weber for 8 atoms in 1 lane would round its last bit differently."""
    case = CASES[name]
    at = [case.random(seed) for seed in range(4)]
    there = values(case.potential, at, size=size, lanes=lanes)
    for expected, found in zip(values(case.potential, at), there, strict=True):
        np.testing.assert_array_equal(found.energies, expected.energies)
        np.testing.assert_array_equal(found.gradient, expected.gradient)


@every_cluster
@pytest.mark.parametrize("apart", [5, 10, 30, 100, 1e4])
def test_atoms_far_apart_do_not_feel_each_other(name: str, apart: float) -> None:
    case = CASES[name]
    corners = np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T[:7] * apart * case.potential.length
    found = value(case.potential, structure(corners, np.arange(7) % len(case.elements)))
    nearly = 0 if case.potential.cutoff is not None else 300 * apart**-3 * case.potential.energy
    assert np.abs(found.energies).max() <= nearly
    assert np.abs(found.gradient).max() <= nearly
    assert np.isfinite(found.energies).all()
    assert np.isfinite(found.gradient).all()


@pytest.mark.parametrize("name", ["lj-cutoff", "gupta-cutoff", "sw", "sw-mixed"])
def test_energy_and_force_are_continuous_at_onset_and_cutoff(name: str) -> None:
    """A third atom stays at the first one, so that densities and angles are there when the pair comes apart."""
    case = CASES[name]
    length, energy = case.potential.length, case.potential.energy
    for (a, b), pair in case.chosen.pairs.items():
        ends = [{**case.chosen.options, **pair}.get(key) for key in ("onset", "cutoff")]
        if "gamma" in pair:
            ends = [pair["a"] * pair["sigma"]]
        kinds = [case.potential.elements.index(e) for e in (a, b, a)]
        for end in filter(None, ends):
            step = 1e-8 * length
            inside, outside, far = values(
                case.potential,
                [
                    structure([[0, 0, 0], [r, 0, 0], [-length, 0, 0]], kinds)
                    for r in (end - step, end + step, 1e3 * end)
                ],
            )
            assert np.abs(inside.energies - outside.energies).max() < 1e-6 * energy
            assert np.abs(inside.gradient - outside.gradient).max() < 1e-6 * energy / length
            if end == ends[-1]:
                np.testing.assert_array_equal(outside.energies, far.energies)
                np.testing.assert_array_equal(outside.gradient, far.gradient)
