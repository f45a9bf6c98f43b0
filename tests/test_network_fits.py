"""The tasks net:fit and net:fit-gupta: many network potentials side by side, fitted to structures that the program makes."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest
from cli import run
from hypothesis import given, settings
from hypothesis import strategies as st
from test_networks import SETTINGS, values

from clusteropt import energy
from clusteropt.engine.batches import in_single_precision, take
from clusteropt.evaluation import networks as evaluation
from clusteropt.fitting import made
from clusteropt.fitting.problem import FitProblem
from clusteropt.optimizers.learned.rule import first_theta
from clusteropt.problems.weights import Weights
from clusteropt.runtime import host
from clusteropt.settings.merging import merged
from clusteropt.training import checkpoint, loop, networks, tasks
from clusteropt.training.checkpoint import Checkpoint
from clusteropt.training.settings import TrainSettings, defaults


def problem(name: str = "fit", n_batch: int = 16) -> FitProblem:
    """In double precision."""
    own = made.problem_of(name, (4,), n_batch)
    return jax.tree.map(lambda a: np.asarray(a, np.float64) if a.dtype == np.float32 else a, own)


@jax.jit
def outcomes(own: FitProblem, batch: Weights) -> jax.Array:
    return own.outcome(batch, jnp.zeros(()))


@jax.jit
def drawn(own: FitProblem, keys: jax.Array, n_steps: jax.Array) -> jax.Array:
    """The energies of the structures in the minibatches."""
    return jax.vmap(own.minibatch)(keys, n_steps).energies


@pytest.mark.parametrize("name", ["fit", pytest.param("fit-gupta", marks=pytest.mark.slow)])
@given(seed=st.integers(0, 2**20))
@settings(max_examples=5, deadline=None)
def test_the_gradient_of_each_network_is_the_derivative_of_its_own_error(name, seed):
    own, rng, h = problem(name), np.random.default_rng(seed), 1e-5
    with host.double_precision():
        starts = own.first(3, seed)
        batch = starts._replace(n_steps=rng.integers(100, size=3).astype(np.int32))
        errors, gradient = (np.asarray(a) for a in values(own, batch))
        shift = np.zeros(batch.positions.shape)
        k, lane = rng.integers(shift.shape[1]), rng.integers(3)
        shift[0, k, lane] = h
        up, down = (
            np.asarray(values(own, batch._replace(positions=batch.positions + s * shift))[0]).sum(0) for s in (1, -1)
        )
    assert (up - down)[lane] / (2 * h) == pytest.approx(gradient[0, k, lane], abs=1e-6)
    others = np.arange(3) != lane
    np.testing.assert_array_equal(up[others], errors.sum(0)[others])


def test_a_minibatch_follows_from_key_and_step_and_a_round_meets_no_structure_twice():
    own = problem()
    n = len(own.training.energies)
    in_a_round = n // own.n_batch
    key = np.array([7, 7, 8], np.uint32)
    rounds = []
    for first in (0, in_a_round):
        seen = []
        for k in range(first, first + in_a_round):
            energies = np.asarray(drawn(own, key, np.full(3, k, np.int32)))
            np.testing.assert_array_equal(energies[0], energies[1])
            seen.append(energies[[0, 2]])
        assert not np.array_equal(seen[0][0], seen[0][1])
        mine = np.concatenate([both[0] for both in seen])
        assert len(np.unique(mine)) == len(mine) == in_a_round * own.n_batch
        assert np.isin(mine, np.asarray(own.training.energies, np.float32).astype(mine.dtype)).all()
        rounds.append(mine)
    assert not np.array_equal(*rounds)


def test_atoms_and_weights_that_are_padding_change_nothing():
    own = problem("fit-gupta")
    rng, small = np.random.default_rng(0), int(np.argmin(own.held_out.mask.sum(1)))
    garbage = rng.normal(size=own.held_out.x.shape)
    filled = own.held_out._replace(x=np.where(own.held_out.mask[..., None], own.held_out.x, garbage))
    assert not own.held_out.mask[small].all()
    with host.double_precision():
        starts = own.first(2, 1)
        np.testing.assert_array_equal(
            *(outcomes(dataclasses.replace(own, held_out=given), starts) for given in (own.held_out, filled)),
            strict=True,
        )
        mask = np.array(starts.mask)
        mask[5, 1] = False
        places = np.array(starts.positions)
        places[0, 5, 1] = 9.0
        energies, gradient = values(own, starts._replace(mask=mask, free=mask))
        elsewhere = values(own, starts._replace(positions=places, mask=mask, free=mask))
        unmasked = values(own, starts._replace(positions=places))[0]
    assert gradient[0, 5, 1] == 0
    np.testing.assert_array_equal(energies, elsewhere[0])
    np.testing.assert_array_equal(gradient, elsewhere[1])
    assert energies[0, 1] != unmasked[0, 1]


def test_a_fit_does_not_depend_on_the_fits_beside_it():
    own, theta = made.problem_of("fit", (4,), 16), first_theta(SETTINGS, 1)
    starts = in_single_precision(own.first(4, 2))
    together = networks.trained_networks(SETTINGS, theta, own, starts, np.int32(12)).positions
    lonely = take(starts, np.array([3]), np.float32)
    alone = networks.trained_networks(SETTINGS, theta, own, lonely, np.int32(12)).positions
    np.testing.assert_allclose(together[..., 3], alone[..., 0], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(own.first(2, 2).positions, own.first(4, 2).positions[..., :2])


def test_the_outcome_is_the_error_on_structures_that_no_minibatch_has():
    own = problem()
    seen = {row.tobytes() for row in own.training.x}
    assert len(own.training.x) > 3 * len(own.held_out.x) > 200
    assert not seen & {row.tobytes() for row in own.held_out.x}
    with host.double_precision():
        batch = own.first(2, 4)
        outcome = np.asarray(outcomes(own, batch))
        off = np.stack([np.asarray(own.by_structure(w, own.held_out).energies) for w in batch.positions[0].T])
        blank = dataclasses.replace(own, training=jax.tree.map(np.zeros_like, own.training))
        np.testing.assert_array_equal(np.asarray(outcomes(blank, batch)), outcome)
    np.testing.assert_allclose(outcome, np.log((off**2).mean(1) + 1e-4), rtol=1e-6)


@pytest.mark.parametrize("name", ["fit", pytest.param("fit-gupta", marks=pytest.mark.slow)])
def test_the_structures_are_the_same_every_time_and_have_the_energies_of_their_potential(name):
    first = made.structures(name)
    again = made.structures.__wrapped__(name)
    np.testing.assert_array_equal(first.samples.energies, again.samples.energies)
    for one, other in zip(first.samples.structures, again.samples.structures, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
    n_atoms = np.array([len(s.positions) for s in first.samples.structures])
    per_atom = first.samples.energies / n_atoms
    assert len(set(n_atoms)) == 5
    assert np.ptp(per_atom) > 0.4 * abs(per_atom).max()
    from ase import Atoms

    symbols = {"fit": ("X",), "fit-gupta": ("Ag", "Cu")}[name]
    atoms = [Atoms([symbols[k] for k in s.species], positions=s.positions) for s in first.samples.structures[::50]]
    found = [one.energy for one in energy(atoms)]
    np.testing.assert_allclose(found, first.samples.energies[::50], rtol=1e-9)


@pytest.mark.parametrize("strategy", ["es", "ga"])
def test_a_training_on_networks_is_repeated_and_resumed_to_the_bit(tmp_path, strategy):
    names = ("net:sine:4:8:9", "net:fit:4:8:7")
    made_so = TrainSettings(strategy, tasks=names, steps=3, clusters=2, pairs=2, sigma=0.1, network=SETTINGS)
    states = [*loop.train(made_so, loop.begin(made_so))]
    again = [*loop.train(made_so, loop.begin(made_so))]
    assert [state.task for state in states] == [*names, names[0]]
    for one, other in zip(states, again, strict=True):
        np.testing.assert_array_equal(one.theta, other.theta)
        assert one.loss == other.loss
    checkpoint.save(tmp_path / "c.h5", made_so, Checkpoint(states[1], 1.0))
    *_, end = loop.train(made_so, checkpoint.load(tmp_path / "c.h5", made_so).state)
    np.testing.assert_array_equal(end.theta, states[-1].theta)
    other = dataclasses.replace(made_so, seed=1)
    assert not np.array_equal(next(iter(loop.train(other, loop.begin(other)))).theta, states[0].theta)


def test_fits_are_named_like_other_networks_and_measured_beside_adam(tmp_path, monkeypatch):
    own = networks.task("net:fit:6x5:8:30")
    assert (own.n_steps, own.problem.n_batch) == (30, 8)
    shapes = dict(own.problem.shapes)
    assert [shapes[f"matrix {k}"][1] for k in range(3)] == [6, 5, 1]
    monkeypatch.setattr(evaluation, "STEPS", (20, 40))
    monkeypatch.setattr(evaluation, "BASELINES", ("adam",))
    words = ("--tasks", "net:fit:4:8", "--networks", "2", "--json", "--plot", "errors.png")
    done = run(tmp_path, "evaluate", "network", *words)
    assert done.code == 0, done.err
    assert matplotlib.image.imread(tmp_path / "errors.png").std() > 0.05, "a picture that is not blank"
    rows = json.loads(done.out)
    assert {row["optimizer"] for row in rows} == {"network", "adam"}
    starts = networks.task("net:fit:4:8").problem.first(2, 0)
    before = np.asarray(made.problem_of("fit", (4,), 8).errors(starts.positions[0], own.problem.training)).mean()
    for row in rows:
        assert 0 < row["training"] < 0.8 * before
        assert not row["seen"]


@pytest.mark.parametrize("strategy", ["es", "ga"])
def test_the_small_training_that_is_shown_is_accepted_by_both_strategies(strategy):
    path = Path(__file__).parents[1] / "docs/examples/train-network.toml"
    shown = merged(TrainSettings, path, {}, defaults(strategy))
    named = [tasks.task_named(name) for name in (*shown.tasks, *shown.held_out)]
    assert len(shown.held_out) == 5
    assert {task.name.split(":")[1] for task in named if ":" in task.name} >= {"fit", "fit-gupta", "sine"}
    assert loop.begin(shown).theta.size == 259
