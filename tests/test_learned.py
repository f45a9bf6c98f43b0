"""The learned optimizer: laws of its step, its weights file, its training, and what `minimize` makes of it."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixAtoms
from cli import run, save
from helpers import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre

import clusteropt
from clusteropt.clusters.arrays import pack
from clusteropt.engine import programs
from clusteropt.engine.step import Status
from clusteropt.errors import InputError, UsageError
from clusteropt.optimizers.learned import inputs, momenta, network, weights
from clusteropt.optimizers.learned.features.angles import angles
from clusteropt.optimizers.learned.features.base import Scene
from clusteropt.optimizers.learned.features.radial import close_packed, radial_symmetry
from clusteropt.optimizers.learned.rule import grown, learned, sizes
from clusteropt.optimizers.learned.settings import FEATURES, LearnedSettings
from clusteropt.potentials.base import energy_and_gradient
from clusteropt.problems.base import Scale
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import devices, host
from clusteropt.search.answers import best_of
from clusteropt.search.minimum import Minimum
from clusteropt.search.searches import Kit, searched
from clusteropt.search.starts import random_starts
from clusteropt.settings.method import LocalSettings, SearchSettings
from clusteropt.training import loop
from clusteropt.training.settings import TrainSettings

QUICK = {"xla_backend_optimization_level": 0}  # to compile is what takes time here
QUIET = LearnedSettings(noise=False, widths=(8,))
SMALL = TrainSettings(tasks=("X5",), steps=4, trajectory=20, clusters=8, pairs=3, network=LearnedSettings(widths=(8,)))
NETWORKS = {"vector": QUIET, "coordinate": dataclasses.replace(QUIET, network="coordinate")}
OF_ATOMS = tuple(name for name in FEATURES if name != "tensors")  # which is for the weights of networks
ALL = dataclasses.replace(QUIET, features=OF_ATOMS)


def theta_of(made: LearnedSettings, seed: int = 0) -> np.ndarray:
    """Random numbers, also where a fresh theta has zeros."""
    first = network.first_theta(made, *sizes(made), seed)
    return first + 0.3 * np.random.default_rng(seed).normal(size=first.shape).astype(np.float32)


@functools.cache
def stepper(name: str, made: LearnedSettings, of: int, part: tuple) -> Callable:
    """A compiled step, (theta, batch, state) to (batch, state); without a state it only makes the first."""
    potential = CASES[name].potential

    @functools.partial(jax.jit, compiler_options=QUICK)
    def go(theta, clusters, state=None):
        problem = ClusterProblem(potential)
        rule = learned(theta, jnp.float32(of), jnp.array(part, jnp.float32), made, problem)
        if state is None:
            return clusters, rule.init(clusters)
        energies, gradient = energy_and_gradient(potential, clusters, 0.7 * potential.length)
        move, state = rule.update(gradient, state, clusters, energies)
        return clusters._replace(positions=clusters.positions + move), state

    return go


def steps(
    name: str, positions: np.ndarray, made: LearnedSettings = QUIET, n: int = 5, theta=None, of: int = 10, part=(0, 1)
) -> np.ndarray:
    """Positions (n_atoms, 3) after n learned steps of a trajectory of 10, or another."""
    start = CASES[name].random(0)._replace(positions=positions)
    batch = jax.tree.map(jnp.asarray, pack([start], len(positions), np.float64))
    theta, go = jnp.asarray(theta_of(made) if theta is None else theta), stepper(name, made, of, part)
    batch, state = go(theta, batch)
    for _ in range(n):
        batch, state = go(theta, batch, state)
    return np.asarray(batch.positions)[:, :, 0].T


@pytest.mark.parametrize("made", [QUIET, ALL], ids=["usual features", "all features"])
@pytest.mark.parametrize("name", ["lj", "gupta-cutoff", "sw"])
def test_the_vector_network_turns_shifts_and_mirrors_with_the_cluster(name, made):
    start = CASES[name].random(0).positions
    matrix = Rotation.random(rng=np.random.default_rng(1)).as_matrix() @ np.diag([1, 1, -1])
    shift = np.array([3.0, -2.0, 1.0])
    moved = steps(name, start, made)
    assert np.abs(moved - start).max() > 0.01
    np.testing.assert_allclose(steps(name, start @ matrix.T + shift, made), moved @ matrix.T + shift, atol=1e-7)


@pytest.mark.parametrize("made", NETWORKS.values(), ids=NETWORKS)
def test_like_atoms_are_moved_alike(made):
    start = CASES["lj"].random(0).positions
    order = np.random.default_rng(2).permutation(len(start))
    np.testing.assert_allclose(steps("lj", start[order], made), steps("lj", start, made)[order], atol=1e-7)


@pytest.mark.parametrize("form", ["sum", "product"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_no_step_is_longer_than_alpha(kind, form):
    made = dataclasses.replace(NETWORKS[kind], form=form, alpha=0.05)
    start = CASES["lj"].random(0).positions
    start[1] = start[0] + 1e-3
    move = steps("lj", start, made, n=1, theta=4 * theta_of(made)) - start
    longest = np.linalg.norm(move, axis=1).max() if kind == "vector" else np.abs(move).max()
    assert 0 < longest <= 0.05 * CASES["lj"].potential.length * (1 + 1e-6)


def test_a_learned_alpha_multiplies_the_set_one():
    made = dataclasses.replace(QUIET, learned=("alpha",))
    start, theta = CASES["lj"].random(0).positions, theta_of(QUIET)
    whole = steps("lj", start, QUIET, n=1, theta=theta) - start
    half = steps("lj", start, made, n=1, theta=np.append(theta, np.log(0.5)).astype(np.float32)) - start
    np.testing.assert_allclose(half, whole / 2, atol=1e-7)


@pytest.mark.parametrize(
    "more", [{"features": OF_ATOMS}, {"widths": (9, 6)}, {"widths": (8, 7), "features": OF_ATOMS[1:]}]
)
@pytest.mark.parametrize(("name", "kind"), [("lj", "vector"), ("lj", "coordinate"), ("gupta-cutoff", "vector")])
def test_a_grown_network_does_the_same_until_its_new_numbers_learn(name, kind, more):
    made = NETWORKS[kind]
    old = dataclasses.replace(made, features=OF_ATOMS[1:4], widths=(8, 5), learned=("beta",))
    new = dataclasses.replace(old, **more)
    start, theta = CASES[name].random(0).positions, theta_of(old)
    larger = grown(theta, old, new, seed=3)
    assert len(larger) == network.n_numbers(new, *sizes(new)) > len(theta)
    before = steps(name, start, old, theta=theta)
    np.testing.assert_allclose(steps(name, start, new, theta=larger), before, atol=1e-10)
    changed = steps(name, start, new, theta=np.where(np.isin(larger, theta), larger, larger + np.float32(1)))
    assert np.abs(changed - before).max() > 0.001 * np.abs(before - start).max()


@pytest.mark.parametrize("made", NETWORKS.values(), ids=NETWORKS)
def test_a_network_that_loses_its_new_inputs_is_the_old_one(made):
    old = dataclasses.replace(made, features=OF_ATOMS[1:4], learned=("beta",))
    new = dataclasses.replace(old, features=OF_ATOMS)
    theta = theta_of(old)
    np.testing.assert_array_equal(grown(grown(theta, old, new, 3), new, old, 4), theta)


@pytest.mark.parametrize("feature", OF_ATOMS)
@pytest.mark.parametrize("made", NETWORKS.values(), ids=NETWORKS)
def test_every_feature_is_felt_by_the_network_that_it_is_for(made, feature):
    if feature in {"coordinate": ("energy", "size"), "vector": ("normalized",)}[made.network]:
        assert dataclasses.replace(made, features=(feature,)).features == (), "or the card would lie"
        return
    without, made = (dataclasses.replace(made, features=chosen) for chosen in ((), (feature,)))
    start, theta = CASES["lj"].random(0).positions, theta_of(without)
    blind = steps("lj", start, without, theta=theta)
    numbers = grown(theta, without, made, 0)
    seeing = steps("lj", start, made, theta=np.where(np.isin(numbers, theta), numbers, numbers + np.float32(1)))
    assert np.abs(seeing - blind).max() > 0.001 * np.abs(blind - start).max()


def test_a_part_of_a_trajectory_is_its_beginning():
    """The first three of four steps are those of a trajectory of three that is three quarters of a whole one, to the last bit."""
    start = CASES["lj"].random(0).positions
    whole, part = steps("lj", start, n=3, of=4), steps("lj", start, n=3, of=3, part=(0, 0.75))
    np.testing.assert_array_equal(part, whole)
    assert np.abs(steps("lj", start, n=3, of=3) - whole).max() > 1e-6


def test_atoms_at_one_place_keep_their_steps_finite():
    start = CASES["lj"].random(0).positions
    start[1] = start[0]
    assert np.isfinite(steps("lj", start, ALL)).all()


def lattice(shells: list) -> np.ndarray:
    """An atom at the origin and its nearest neighbours at distance 1."""
    around = np.array(shells, float)
    return np.vstack([np.zeros(3), around / np.linalg.norm(around, axis=1)[:, None]])


CUBIC = [[s * (k == i) for k in range(3)] for i in range(3) for s in (1, -1)]
FCC = [np.roll([0, a, b], k) for k in range(3) for a in (1, -1) for b in (1, -1)]
GOLDEN = (1 + np.sqrt(5)) / 2
ICOSAHEDRON = [np.roll([0, a, b * GOLDEN], k) for k in range(3) for a in (1, -1) for b in (1, -1)]


@pytest.mark.parametrize(
    ("around", "q4"), [(CUBIC, 0.763763), (FCC, 0.190941), (ICOSAHEDRON, 0.0)], ids=["cubic", "fcc", "icosahedron"]
)
def test_bond_orders_are_the_published_ones(around, q4):
    """Q4 of simple cubic, fcc and icosahedral surroundings: Steinhardt, Nelson and Ronchetti 1983, their figure 2."""
    potential, positions = CASES["lj"].potential, lattice(around)
    length = potential.length
    start = (
        CASES["lj"]
        .random(0)
        ._replace(
            positions=length * positions, species=np.zeros(len(positions), np.int32), free=np.ones(len(positions), bool)
        )
    )
    batch = jax.tree.map(jnp.asarray, pack([start], len(positions) + 3, np.float64))
    q = [np.asarray(order)[0, 0] for order in angles(batch, Scale(length, potential.energy))]
    np.testing.assert_allclose(q, [0, 0, q4], atol=1e-6)
    q = [np.asarray(order)[:, 0] for order in angles(batch._replace(positions=batch.positions * 9), Scale(length, 1.0))]
    np.testing.assert_array_equal(q, 0)  # no neighbours, no order


@given(seed=st.integers(0, 10**6), dense=st.floats(0.5, 1.5))
@settings(max_examples=20)
def test_bond_orders_are_mean_legendre_polynomials(seed, dense):
    """Against all pairs of neighbours, one by one, in random surroundings with a fading shell."""
    potential, rng = CASES["lj"].potential, np.random.default_rng(seed)
    positions = rng.uniform(-1, 1, (12, 3)) * dense
    start = (
        CASES["lj"]
        .random(0)
        ._replace(positions=potential.length * positions, species=np.zeros(12, np.int32), free=np.ones(12, bool))
    )
    batch = jax.tree.map(jnp.asarray, pack([start], 13, np.float64))
    found = np.array([np.asarray(order)[:12, 0] for order in angles(batch, Scale(potential.length, 1.0))])
    d = positions[:, None] - positions
    r = np.linalg.norm(d, axis=2) + 1e9 * np.eye(12)
    weights = np.clip((1.4**2 - r**2) / (1.4**2 - 1.1**2), 0, 1) ** 2
    unit = d / r[..., None]
    pairs = weights[:, :, None] * weights[:, None] / np.maximum(weights.sum(1), 1)[:, None, None] ** 2
    cosines = np.clip(np.einsum("ija,ika->ijk", unit, unit), -1, 1)
    wanted = [np.sqrt(np.maximum((pairs * eval_legendre(order, cosines)).sum((1, 2)), 0)) for order in (1, 2, 4)]
    np.testing.assert_allclose(found, wanted, atol=1e-7)


@given(
    seed=st.integers(0, 10**6),
    pairs=st.lists(st.tuples(st.floats(0.5, 4), st.floats(0, 3)), min_size=1, max_size=3, unique=True),
)
@settings(max_examples=20)
@pytest.mark.parametrize("name", ["lj", "gupta-cutoff"])
def test_radial_symmetry_functions_are_the_sum_over_neighbours(name, seed, pairs):
    """Like and unlike neighbours one by one, by the formula of Behler and Parrinello."""
    potential, rng = CASES[name].potential, np.random.default_rng(seed)
    n_species = len(potential.elements)
    positions, species = rng.uniform(-1.5, 1.5, (11, 3)), rng.integers(n_species, size=11).astype(np.int32)
    start = (
        CASES[name].random(0)._replace(positions=potential.length * positions, species=species, free=np.ones(11, bool))
    )
    batch = jax.tree.map(jnp.asarray, pack([start], 13, np.float64))
    like, unlike = radial_symmetry(batch, Scale(potential.length, potential.energy, n_species), tuple(pairs))
    d = np.linalg.norm(positions[:, None] - positions, axis=2)
    for (cutoff, eta), *found in zip(pairs, like, unlike or like, strict=True):
        terms = np.where(d < cutoff, np.exp(-eta * d**2) * (1 + np.cos(np.pi * d / cutoff)) / 2, 0)
        np.fill_diagonal(terms, 0)
        alike = species[:, None] == species
        np.testing.assert_allclose(np.asarray(found[0])[:11, 0], (terms * alike).sum(1), atol=1e-9)
        if unlike:
            np.testing.assert_allclose(np.asarray(found[1])[:11, 0], (terms * ~alike).sum(1), atol=1e-9)
    assert bool(unlike) == (n_species > 1)


def test_the_close_packed_value_counts_the_shells_of_fcc():
    """12, 6, 24 and 12 neighbours at squared distances 1, 2, 3 and 4 (J. H. Conway and N. J. A. Sloane, Sphere Packings)."""
    shells = np.array([[12, 1], [6, 2], [24, 3], [12, 4]], float)
    for cutoff in (1.2, 1.5, 1.9, 2.2):
        d = np.sqrt(shells[:, 1])
        own = shells[:, 0] * np.exp(-0.7 * d**2) * (1 + np.cos(np.pi * d / cutoff)) / 2
        np.testing.assert_allclose(close_packed(cutoff, 0.7), own[d < cutoff].sum(), rtol=1e-6)


def test_radial_pairs_go_through_a_weights_file(tmp_path):
    made = dataclasses.replace(QUIET, features=("radial",), radial=((1.5, 2.0), (3.0, 0.0)))
    optimizer = weights.LearnedOptimizer(theta_of(made).astype(np.float32), made, {})
    weights.save(tmp_path / "own.h5", optimizer)
    assert weights.load(tmp_path / "own.h5").settings == made


def test_a_gradient_is_steady_as_long_as_it_does_not_change():
    made = dataclasses.replace(QUIET, features=("second-moments",))
    potential, start = CASES["lj"].potential, CASES["lj"].random(0)
    batch = jax.tree.map(jnp.asarray, pack([start], len(start.positions), np.float64))
    gradient = jnp.asarray(np.random.default_rng(0).normal(size=batch.positions.shape))
    zero, problem = jnp.zeros(1), ClusterProblem(potential)

    def steadiness(signs: list[int]) -> np.ndarray:
        state = momenta.first_momenta(made, batch)
        for sign in signs:
            state = momenta.next_momenta(state, sign * gradient, made.decays)
        corrected = momenta.corrected(state, made.decays)
        seen, _ = inputs.inputs_of(
            Scene(problem, batch, batch.positions[0], *corrected, zero, made), gradient, state.styles
        )
        return np.array([seen[f"steadiness {k}"] for k in range(len(made.decays))])

    np.testing.assert_allclose(steadiness([1, 1, 1]), 1, atol=1e-6)
    assert steadiness([1, -1, 1, -1]).max() < 0.5


def test_settings_that_cannot_be_are_refused_with_what_is_allowed():
    for wrong, word in (
        ({"network": "vektor"}, "did you mean 'vector'"),
        ({"form": "difference"}, "sum, product"),
        ({"learned": ("delta",)}, "alpha, beta, gamma"),
        ({"widths": ()}, "widths"),
        ({"features": ("energies",)}, "did you mean 'energy'"),
        ({"features": ("size", "size")}, "twice"),
        ({"features": ("radial",), "radial": ((1.5, 1.0), (1.5, 1.0))}, "twice"),
        ({"features": ("radial",), "radial": ((1.0, 1.0),)}, "above 1"),
        ({"features": ("radial",), "radial": ((1.6, 1000.0),)}, "zero for the nearest neighbours"),
        ({"radial": ((1.6, 0.5),)}, "without the feature"),
        ({"decays": (1.0,)}, "decays"),
        ({"alpha": 0.0}, "alpha"),
    ):
        with pytest.raises(UsageError, match=word):
            LearnedSettings(**wrong)


def last(made: TrainSettings, start: loop.TrainingState | None = None) -> loop.TrainingState:
    *_, end = loop.train(made, start or loop.begin(made))
    return end


@pytest.fixture(scope="module")
def trained() -> loop.TrainingState:
    return last(SMALL)


def test_training_goes_on_where_it_stopped_to_the_last_bit(trained):
    whole = iter(loop.train(SMALL, loop.begin(SMALL)))
    half = [next(whole) for _ in range(2)][-1]
    again = last(SMALL, half)
    assert again.step == trained.step == SMALL.steps
    np.testing.assert_array_equal(again.theta, trained.theta)


def test_theta_does_not_depend_on_the_number_of_devices(trained, monkeypatch):
    assert devices.n_devices() == 2, "or this test shows nothing"
    monkeypatch.setattr(devices, "n_devices", lambda: 1)
    np.testing.assert_array_equal(last(SMALL).theta, trained.theta)


@pytest.mark.parametrize("change", [{"loss": "mean"}, {"loss": "soft-min"}, {"outer": "adafactor"}, {"seed": 5}])
def test_what_is_chosen_makes_a_difference(trained, change):
    other = last(dataclasses.replace(SMALL, **change))
    assert np.isfinite(other.theta).all()
    assert not np.array_equal(other.theta, trained.theta)


@pytest.mark.slow
def test_a_minute_of_training_makes_lj13_certain():
    """And what was learned on 13 atoms serves 19, which were never trained on."""
    made = TrainSettings()
    optimizer = weights.LearnedOptimizer(last(made).theta, made.network, {})
    wanted = {13: (-44.326801, 0.9), 19: (-72.659782, 0.1)}
    for n, (energy, share) in wanted.items():
        chosen = SearchSettings(1, start="random", steps=300 if n == 13 else 1000)
        potential = CASES["lj"].potential
        structures = [CASES["lj"].random(0)._replace(**_random(n, k)) for k in range(100)]
        with host.double_precision():
            found = [
                m
                for part in searched(structures, Kit(potential, LocalSettings(), chosen, optimizer))
                for m in part.values()
            ]
        assert np.mean([m.energy < energy + 1e-4 for m in found]) > share


def _random(n: int, k: int) -> dict:
    atoms = random_starts(f"X{n}", 1, k, 0.7)[0]
    return {"positions": atoms.positions, "species": np.zeros(n, np.int32), "free": np.ones(n, bool)}


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.h5"
    weights.save(path, weights.LearnedOptimizer(trained.theta, SMALL.network, {"tasks": ["X5"]}))
    return path


def test_a_weights_file_reads_back_to_the_same_bits(file, trained):
    found = weights.load(file)
    np.testing.assert_array_equal(found.theta, trained.theta)
    assert (found.settings, found.card) == (SMALL.network, {"tasks": ["X5"]})


def test_damaged_and_foreign_weights_files_are_refused_with_the_reason(file, tmp_path):
    content, other = file.read_bytes(), tmp_path / "other.h5"
    for k in range(0, len(content), len(content) // 40):  # cut anywhere
        other.write_bytes(content[:k])
        with pytest.raises(InputError, match=r"other\.h5: "):
            weights.load(other)
    place = content.rindex(np.asarray(weights.load(file).theta[:4]).tobytes())
    other.write_bytes(content[:place] + b"\x55" + content[place + 1 :])
    with pytest.raises(InputError, match=r"other\.h5: .*again"):
        weights.load(other)
    with h5py.File(other, "w") as foreign:
        foreign.attrs["kind"] = "something else"
    with pytest.raises(InputError, match="no learned optimizer"):
        weights.load(other)
    for key, value, word in (("format", 99, "format 99"), ("settings", "{}", "checksum"), ("sha256", "0", "checksum")):
        other.write_bytes(content)
        with h5py.File(other, "a") as changed:
            changed.attrs[key] = value
        with pytest.raises(InputError, match=word):
            weights.load(other)
    with pytest.raises(UsageError, match="no such file"):
        weights.load(tmp_path / "none.h5")


@given(seed=st.integers(0, 10**6), close=st.floats(1e-4, 1.0))
@settings(max_examples=10)
def test_the_answer_is_never_above_plain_minimization(file, seed, close):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(5, 3))
    positions[1] = positions[0] + close * rng.normal(size=3)
    atoms = Atoms("X5", positions)
    plain = clusteropt.minimize(atoms, optimizer="lbfgs")
    found = clusteropt.minimize(atoms, optimizer=str(file), trajectories=4, steps=20, hops=1)
    assert found.energy <= plain.energy + 1e-9 or plain.status == "fragmented"
    assert found.won == ("learned" if found.gain > 0 or plain.status == "fragmented" else "fallback")
    assert found.n_evaluations > plain.n_evaluations + 4 * 20


def test_a_learned_result_does_not_depend_on_the_batch(file):
    several = random_starts("X5", 6, 3, 0.7)
    together = clusteropt.minimize(several, optimizer=str(file), trajectories=3, steps=20, hops=2)
    alone = clusteropt.minimize(several[4], optimizer=str(file), trajectories=3, steps=20, hops=2)
    assert alone.energy == together[4].energy
    np.testing.assert_array_equal(alone.atoms.positions, together[4].atoms.positions)


def test_new_numbers_need_no_new_program(file, tmp_path, trained):
    atoms, other = random_starts("X5", 1, 0, 0.7)[0], tmp_path / "other.h5"
    clusteropt.minimize(atoms, optimizer=str(file), trajectories=2, steps=20, hops=1)
    built = programs._built.cache_info().misses
    weights.save(other, weights.LearnedOptimizer(trained.theta * np.float32(1.1), SMALL.network, {}))
    clusteropt.minimize(atoms, optimizer=str(other), trajectories=2, steps=30, hops=1)
    assert programs._built.cache_info().misses == built


def test_two_atoms_out_of_reach_find_each_other(file):
    found = clusteropt.minimize(
        Atoms("X2", [[0, 0, 0], [0, 0, 30]]), optimizer=str(file), trajectories=4, steps=20, hops=1
    )
    assert (found.status, found.won, found.energy) == ("converged", "learned", pytest.approx(-1, abs=1e-6))


def test_what_is_invalid_or_periodic_is_left_to_the_plain_way(file):
    twice = clusteropt.minimize(Atoms("X3", [[0, 0, 0], [0, 0, 0], [1, 1, 1]]), optimizer=str(file))
    assert (twice.status, twice.won) == ("invalid-structure", "")
    box = bulk("Si", "diamond", 7.6, cubic=True)  # eight atoms, and the cutoff fits twice
    box.rattle(0.1)
    with pytest.warns(UserWarning, match="periodic box: local minimization only"):
        periodic = clusteropt.minimize(box, optimizer=str(file))
    assert (periodic.won, periodic.energy) == ("fallback", clusteropt.minimize(box, optimizer="lbfgs").energy)


def record(status: Status, energy: float) -> Minimum:
    return Minimum(status, np.zeros((1, 3)), 0.0, energy, np.zeros(1), np.zeros((1, 3)), 0.0, 1)


def test_the_lowest_result_is_the_answer_and_only_converged_ones_replace_the_plain_one():
    low, high = record(Status.CONVERGED, -2.0), record(Status.CONVERGED, -1.0)
    unfinished, apart = record(Status.NOT_CONVERGED, -1.5), record(Status.FRAGMENTED, -5.0)
    nowhere = record(Status.NON_FINITE, np.nan)
    assert best_of(high, [unfinished, low, nowhere], 1e-6) is low
    assert best_of(low, [high, unfinished, apart, nowhere], 1e-6) is low
    assert best_of(unfinished, [high], 1e-6) is unfinished, "a minimum above it is no better"
    assert best_of(low, [record(Status.CONVERGED, -2.0 - 1e-9)], 1e-6) is low, "the same minimum"
    for lost in (apart, nowhere):
        assert best_of(lost, [high, low], 1e-6) is low
        assert best_of(lost, [unfinished], 1e-6) is lost


def test_fixed_atoms_stay_in_learned_trajectories_too(file):
    atoms = random_starts("X5", 1, 1, 0.7)[0]
    atoms.set_constraint(FixAtoms([0, 3]))
    for start in ("given", "perturbed", "random"):
        result = clusteropt.minimize(atoms, optimizer=str(file), trajectories=3, steps=20, hops=1, start=start)
        np.testing.assert_array_equal(result.atoms.positions[[0, 3]], atoms.positions[[0, 3]])


def test_train_and_use_at_the_shell(tmp_path):
    options = [
        "--tasks",
        "X5",
        "--steps",
        "2",
        "--trajectory",
        "10",
        "--clusters",
        "4",
        "--pairs",
        "1",
        "--widths",
        "8",
    ]
    done = run(tmp_path, "train", "es", *options, "--out", "o.h5")
    assert done.code == 0
    assert "step 2 of 2: X5 loss" in done.err
    assert weights.load(tmp_path / "o.h5").card["tasks"] == ["X5"]
    again = run(tmp_path, "train", "es", *options, "--out", "o.h5")
    assert (again.code, "exists already" in again.err) == (2, True)
    save(tmp_path / "a.xyz", random_starts("X5", 2, 0, 0.7))
    used = run(tmp_path, "minimize", "a.xyz", "--optimizer", "o.h5", "--trajectories", "3", "--steps", "10", "--json")
    assert used.code == 0
    assert {record["won_by"] for record in used.records} <= {"learned", "fallback"}
    assert [(record["chains_reached"], record["chains"]) for record in used.records] == [(3, 3)] * 2
    from ase.io import read

    frames = read(tmp_path / "a.min.xyz", index=":")
    assert [atoms.info["chains_reached"] for atoms in frames] == ["3 of 3"] * 2
    local = run(tmp_path, "minimize", "a.min.xyz", "--optimizer", "lbfgs", "--json")
    assert local.records[0]["chains"] is None
    assert "chains_reached" not in read(tmp_path / "a.min.min.xyz").info
    missing = run(tmp_path, "minimize", "a.xyz", "--optimizer", "none.h5", "--force")
    assert (missing.code, "none.h5: no such file" in missing.err) == (2, True)
    wrong = run(tmp_path, "train", "es", "--loss", "finall", "--out", "p.h5")
    assert (wrong.code, "did you mean 'final'" in wrong.err) == (2, True)


@pytest.mark.slow
def test_the_shipped_optimizer_finds_what_plain_minimization_misses():
    """Best-known minima of LJ13, trained on, and of Gupta's Cu13 (Cleri and Rosato's numbers), never trained on."""
    shipped = weights.named("learned")
    assert {"X13", "X38"} <= set(shipped.card["tasks"])
    assert not {"X17", "X22", "X34"} & set(shipped.card["tasks"])
    for formula in ("X13", "Cu13"):
        start = random_starts(formula, 1, 12, 0.7)[0]
        found = clusteropt.minimize(start, optimizer="learned", trajectories=4, start="random")
        assert abs(found.gap) < 1e-4


@pytest.mark.slow
def test_the_shipped_optimizer_finds_the_double_funnels_bottom():
    found = clusteropt.minimize(random_starts("X38", 1, 0, 0.7)[0], optimizer="learned", start="random")
    assert found.energy == pytest.approx(-173.928427, abs=1e-5)
    assert found.won == "learned"
