"""A structure's minimum: properties that it must have, and conditions that must not change it."""

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixBondLengths
from hypothesis import given, settings
from hypothesis import strategies as st

import clusteropt
from clusteropt.clusters.arrays import Structure, by_size, pack, padded_size, padded_sizes
from clusteropt.engine import lanes
from clusteropt.engine.batches import take
from clusteropt.potentials import sets
from clusteropt.runtime import devices, host
from clusteropt.runtime.backend import n_lanes
from clusteropt.search.local import minimized
from clusteropt.search.starts import random_starts
from clusteropt.settings.method import LocalSettings

LJ = sets.load("lj").potential(("X",))
SIZES = (3, 5, 6, 7)


def starts() -> list[Atoms]:
    """Structures of several sizes, two hundred of one: more than there are lanes for at once."""
    return [atoms for n in SIZES for atoms in random_starts(f"X{n}", 200 if n == 7 else 3, n, 0.34)]


def structures_of(frames: list[Atoms]) -> list[Structure]:
    return [Structure(a.positions, np.zeros(len(a), np.int32), np.ones(len(a), bool)) for a in frames]


@pytest.fixture(scope="module")
def alone() -> list[clusteropt.Result]:
    """Every tenth structure on its own."""
    return [clusteropt.minimize(atoms, optimizer="lbfgs") for atoms in starts()[::10]]


def same_bits(one: clusteropt.Result, other: clusteropt.Result) -> bool:
    return (
        (one.status, one.energy, one.fmax, one.n_evaluations) == (other.status, other.energy, other.fmax, other.n_evaluations)
        and np.array_equal(one.atoms.positions, other.atoms.positions)
        and np.array_equal(one.forces, other.forces)
    )  # fmt: skip


def test_a_result_does_not_depend_on_the_batch(alone):
    together = clusteropt.minimize(starts(), optimizer="lbfgs")
    assert all(map(same_bits, alone, together[::10]))


def test_a_result_does_not_depend_on_the_order(alone):
    backwards = clusteropt.minimize(starts()[::-1], optimizer="lbfgs")[::-1]
    assert all(map(same_bits, alone, backwards[::10]))


@pytest.mark.parametrize("element", ["X", *(pytest.param(e, marks=pytest.mark.slow) for e in ("Au", "Si"))])
def test_a_result_does_not_depend_on_how_many_sizes_are_in_the_batch(element):
    mixed = [random_starts(f"{element}{n}", 1, n, 0.34)[0] for n in (1, 3, 7, 12, 13, 38)]
    few, many = (len(by_size(structures_of(mixed), few)) for few in (True, False))
    assert few < many, "or this test shows nothing"
    together = clusteropt.minimize(mixed, optimizer="lbfgs")
    alone = [clusteropt.minimize(atoms, optimizer="lbfgs") for atoms in mixed]
    assert all(map(same_bits, alone, together))


def test_a_result_does_not_depend_on_the_number_of_devices(alone, monkeypatch):
    assert devices.n_devices() == 2, "or this test shows nothing"
    monkeypatch.setattr(devices, "n_devices", lambda: 1)
    one_device = clusteropt.minimize(starts(), optimizer="lbfgs")
    assert all(map(same_bits, alone, one_device[::10]))


def note(seen: dict, i: int, n: int, positions: np.ndarray) -> None:
    seen.setdefault(i, []).append((n, positions.copy()))


def all_of(portions) -> list:
    found = {i: minimum for portion in portions for i, minimum in portion.items()}
    return [found[i] for i in sorted(found)]


@given(n=st.integers(0, 3000), n_devices=st.integers(1, 5))
def test_every_structure_is_dealt_out_once_and_no_device_gets_any_that_fewer_have_lanes_for(n, n_devices):
    hands = [own.reshape(n_devices, -1) for own in lanes._deals(n, 13, n_devices)]
    seated = np.concatenate([own[own >= 0] for own in hands] or [np.zeros(0, int)])
    np.testing.assert_array_equal(np.sort(seated), np.arange(n))
    for own in hands:
        held = (own >= 0).sum(1)
        assert held.max() - held[held > 0].min() <= 1
        assert (held > 0).sum() == min(n_devices, -(-held.sum() // n_lanes(13)))


def test_a_watched_run_ends_where_an_unwatched_one_does():
    structures = structures_of(starts()[:4])
    seen: dict[int, list[tuple[int, np.ndarray]]] = {}
    with host.double_precision():
        watched = all_of(minimized(structures, LJ, LocalSettings(), lambda i, n, x: note(seen, i, n, x)))
        plain = all_of(minimized(structures, LJ, LocalSettings()))
    for i, (one, other) in enumerate(zip(watched, plain, strict=True)):
        np.testing.assert_array_equal(one.positions, other.positions)
        counts = [n for n, _ in seen[i]]
        assert counts == sorted(counts)
        assert counts[-1] <= one.n_evaluations
        assert np.abs(seen[i][-1][1] - one.positions).max() < 0.2, "positions where they really are"


def test_a_seed_makes_a_perturbed_run_repeatable():
    one, other, third = (
        clusteropt.minimize(starts()[4], perturb=0.3, seed=seed, optimizer="lbfgs") for seed in (1, 1, 2)
    )
    assert same_bits(one, other)
    assert not np.array_equal(one.atoms.positions, third.atoms.positions)


@pytest.mark.parametrize("optimizer", ["lbfgs", "fire", "gradient-descent"])
def test_every_optimizer_reaches_minima(optimizer):
    results = clusteropt.minimize(random_starts("X7", 20, 0, 0.34), optimizer=optimizer, opt="tight")
    assert {r.status for r in results} == {"converged"}
    assert all(r.fmax <= 1e-6 * LJ.energy / LJ.length for r in results)
    minima = np.array([-16.505384, -15.935043, -15.593211, -15.533060])  # all four of LJ7 (Hoare and McInnes 1976)
    assert all(np.abs(minima - r.energy).min() < 1e-5 for r in results)


@given(seed=st.integers(0, 10**6), close=st.floats(1e-5, 1.0))
@settings(max_examples=30)
def test_the_energy_never_rises(seed, close):
    """Not even from starts with atoms almost at the same place, where single precision has no digits to lose."""
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(7, 3))
    positions[1] = positions[0] + close * rng.normal(size=3)
    result = clusteropt.minimize(Atoms("X7", positions), optimizer="lbfgs")
    assert result.energy <= result.energy_before
    assert result.status in ("converged", "fragmented")


def test_a_cluster_far_from_the_origin_has_the_same_minimum():
    atoms = starts()[5]
    moved = atoms.copy()
    moved.translate([3e4, -2e4, 1e4])
    one, other = (clusteropt.minimize(a, optimizer="lbfgs") for a in (atoms, moved))
    assert other.status == "converged"
    assert other.energy == pytest.approx(one.energy, abs=1e-6)


def test_fixed_atoms_do_not_move_by_a_bit():
    atoms = starts()[5]
    atoms.set_constraint(FixAtoms([0, 2, 4]))
    result = clusteropt.minimize(atoms, optimizer="lbfgs")
    assert result.status == "converged"
    np.testing.assert_array_equal(result.atoms.positions[[0, 2, 4]], atoms.positions[[0, 2, 4]])
    assert np.linalg.norm(result.forces[[1, 3]], axis=1).max() == pytest.approx(result.fmax)


def test_one_unusable_structure_costs_no_other_its_result():
    good = starts()[:2]
    nowhere, bound = good[0].copy(), good[0].copy()
    nowhere.positions[1, 2] = np.nan
    bound.set_constraint(FixBondLengths([(0, 1)]))
    twice = Atoms("X3", [[0, 0, 0], [0, 0, 0], [1, 1, 1]])
    empty, unknown = Atoms(), Atoms("U2", [[0, 0, 0], [2, 0, 0]])
    results = clusteropt.minimize([good[0], nowhere, bound, twice, empty, unknown, good[1]], optimizer="lbfgs")
    assert [r.status for r in results] == ["converged", *["invalid-structure"] * 4, "no-potential", "converged"]
    words = ("finite", "FixBondLengths", "atoms 0 and 1 are at the same place", "without atoms", "no default potential")
    assert all(word in r.problem for word, r in zip(words, results[1:-1], strict=True))
    assert all(map(same_bits, (results[0], results[-1]), clusteropt.minimize(good, optimizer="lbfgs")))


def test_apart_is_fragmented_and_alone_is_converged():
    apart = clusteropt.minimize(Atoms("X3", [[0, 0, 0], [1.1, 0, 0], [1000, 0, 0]]), optimizer="lbfgs")
    single = clusteropt.minimize(Atoms("X", [[5.0, 6.0, 7.0]]), optimizer="lbfgs")
    assert apart.status == "fragmented"
    assert (single.status, single.energy, single.fmax) == ("converged", 0, 0)
    np.testing.assert_array_equal(single.atoms.positions, [[5, 6, 7]])


def test_too_few_steps_are_not_converged():
    result = clusteropt.minimize(starts()[-1], max_steps=5, optimizer="lbfgs")
    assert result.status == "not-converged"
    assert not result.converged
    assert result.n_evaluations <= 6


@given(n=st.integers(1, 3000))
def test_a_padded_size_wastes_less_than_half_and_has_lanes(n):
    size = padded_size(n)
    assert n <= size < max(5, 1.6 * n)
    assert padded_size(size) == size, "or a padded structure would be padded again"
    assert n_lanes(size) >= 1


@given(counts=st.dictionaries(st.integers(1, 3000), st.integers(1, 3000), min_size=1))
def test_a_batch_has_few_padded_sizes_where_results_do_not_depend_on_it(counts):
    sizes, fine = padded_sizes(counts, few=True), {n: padded_size(n) for n in counts}
    rare = {n for n, count in counts.items() if n <= 150 and count < 1000 and n not in (1, 13, 19, 27, 55)}
    assert len({sizes[n] for n in rare}) <= 4
    for n in counts:
        assert n <= sizes[n]
        assert n_lanes(sizes[n]) == n_lanes(fine[n])
        assert padded_size(sizes[n]) == sizes[n], "a program that others use as well"
        assert sizes[n] == fine[n] or n in rare, "padding changes large ones and full odd ones, and many pay for it"
    assert sizes == fine or len(set(fine.values())) > 4, "few as they are, they stay"
    assert padded_sizes(counts, few=False) == fine


@pytest.mark.slow
@pytest.mark.parametrize("element", ["X", "Au", "Si"])
def test_large_structures_do_not_depend_on_how_many_sizes_are_in_the_batch(element):
    mixed = [random_starts(f"{element}{n}", 1, n, 0.34)[0] for n in (5, 12, 50, 55, 70, 75, 100, 160, 210)]
    together = clusteropt.minimize(mixed, optimizer="lbfgs", max_steps=60)
    alone = [clusteropt.minimize(atoms, optimizer="lbfgs", max_steps=60) for atoms in mixed]
    assert all(map(same_bits, alone, together))


def test_packing_and_taking_keep_every_atom():
    rng = np.random.default_rng(0)
    counts = (1, 4, 5, 3)
    structures = [
        Structure(rng.normal(size=(n, 3)), rng.integers(0, 2, n).astype(np.int32), rng.random(n) < 0.5) for n in counts
    ]
    batch = pack(structures, 6, np.float64)
    chosen = take(batch, np.array([2, -1, 0]), np.float64)
    assert chosen.mask.sum(0).tolist() == [5, 0, 1]
    for column, which in ((0, 2), (2, 0)):
        n = counts[which]
        np.testing.assert_array_equal(np.asarray(chosen.positions)[:, :n, column].T, structures[which].positions)
        np.testing.assert_array_equal(chosen.species[:n, column], structures[which].species)
        np.testing.assert_array_equal(chosen.free[:n, column], structures[which].free)
    assert not chosen.free[:, 1].any()


def test_similar_sizes_are_neighbours_in_a_batch():
    several = structures_of([Atoms(f"X{n}", np.zeros((n, 3))) for n in (30, 3, 7, 25, 12, 17)])
    assert by_size(several, few=True) == {(38, False): [1, 2, 4, 5, 3, 0]}


def test_structures_share_a_batch_by_padded_size_and_periodicity():
    one = Structure(np.zeros((9, 3)), np.zeros(9, np.int32), np.ones(9, bool))
    groups = by_size([one, one._replace(cell=np.eye(3)), Structure(*(a[:8] for a in one[:3])), one])
    assert groups == {(8, False): [2], (13, False): [0, 3], (13, True): [1]}
