"""Any inner problem goes through the same loops: the laws of the protocol, on a problem that has nothing to do with atoms."""

from dataclasses import replace
from importlib.metadata import EntryPoint

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rastrigin import Rastrigin, points, starts

from clusteropt.engine import lanes, step
from clusteropt.errors import UsageError
from clusteropt.optimizers.learned import network, weights
from clusteropt.optimizers.learned.rule import sizes
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.optimizers.table import OptimizerChoice, learned_choice, make
from clusteropt.problems.units import dot, over_units
from clusteropt.runtime import host, plugins
from clusteropt.search.descents import by_learned, quenched
from clusteropt.training import loop, runs, tasks
from clusteropt.training.job import TrainingJob
from clusteropt.training.settings import DEFAULTS

PROBLEM = Rastrigin()
NETWORK = LearnedSettings(network="coordinate", widths=(8,), features=("place", "schedule"), alpha=1.0)


@pytest.fixture
def registered(monkeypatch):
    point = EntryPoint("rastrigin", "rastrigin:task", "clusteropt.tasks")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == point.group else [])
    plugins._registered.cache_clear()
    tasks._known.cache_clear()
    yield
    monkeypatch.undo()
    plugins._registered.cache_clear()
    tasks._known.cache_clear()


def settings(strategy: str, **more):
    usual = {"tasks": ("rastrigin",), "steps": 12, "trajectory": 40, "clusters": 32, "pairs": 4}
    return replace(DEFAULTS[strategy], network=NETWORK, **(usual | more))


@pytest.mark.parametrize("name", ["lbfgs", "fire", "gradient-descent"])
def test_a_local_optimizer_ends_in_a_minimum_below_the_start(name):
    batch = starts(200, 0)
    with host.double_precision():
        motion = lanes.Motion(PROBLEM, OptimizerChoice(name), step.Criterion("rms", 1e-8), np.float64)
        moved = lanes.move(batch, np.full(200, 2000), motion)
        before, after = (lanes.inspect(b, PROBLEM) for b in (batch, points(moved.positions[0])))
    assert (moved.status == step.Status.CONVERGED).all()
    assert (after.energy <= before.energy).all()
    assert after.energy.min() == pytest.approx(0, abs=1e-12)
    x = moved.positions[0]  # every coordinate is at a minimum of one dimension, close to a whole number
    np.testing.assert_allclose(2 * x + 20 * np.pi * np.sin(2 * np.pi * x), 0, atol=1e-6)


@given(seed=st.integers(0, 2**16))
def test_gradients_are_derivatives(seed):
    x = np.random.default_rng(seed).uniform(-3, 3, (2, 1))
    with host.double_precision():
        gradient = np.asarray(PROBLEM.energies_and_gradient(points(x))[1])[0, :, 0]
        for k, h in ((0, 1e-6), (1, 1e-6)):
            up, down = (
                np.asarray(PROBLEM.energies_and_gradient(points(x + s * h * np.eye(2)[:, k : k + 1]))[0]).sum()
                for s in (1, -1)
            )
            assert (up - down) / (2 * h) == pytest.approx(gradient[k], abs=1e-5)


def test_held_units_stay_and_padding_never_matters():
    batch = starts(5, 1)
    held = batch._replace(free=np.array([[True], [False]]) & batch.free)
    wide = np.concatenate([batch.positions[0], np.full((3, 5), 7.7)])
    padded = points(wide)._replace(
        mask=np.arange(5)[:, None] < np.full(5, 2), free=np.arange(5)[:, None] < np.full(5, 2)
    )
    motion = lanes.Motion(PROBLEM, OptimizerChoice("lbfgs"), step.Criterion("fmax", 1e-8), np.float64)
    with host.double_precision():
        moved, stayed, same = (lanes.move(b, np.full(5, 500), motion).positions for b in (batch, held, padded))
    np.testing.assert_array_equal(stayed[:, 1], batch.positions[:, 1])
    np.testing.assert_array_equal(same[:, :2], moved)
    np.testing.assert_array_equal(same[:, 2:], wide[None, 2:])


def test_a_learned_trajectory_is_the_loop_of_the_step_by_hand():
    theta = network.first_theta(NETWORK, *sizes(NETWORK), 3)
    optimizer, batch = weights.LearnedOptimizer(theta, NETWORK, {}), starts(3, 2)
    with host.double_precision():
        there, n_evaluations = by_learned(batch, PROBLEM, optimizer, 20, (0, 1))
        rule = make(learned_choice(theta, NETWORK, 20, (0, 1)), PROBLEM)
        own = jax.tree.map(jnp.asarray, batch._replace(positions=batch.positions.astype(np.float32)))
        state = rule.init(own)
        for _ in range(19):  # the last evaluation ends the trajectory where it is
            own, state, _ = step.step(PROBLEM, rule, own, state, lambda *_: (jnp.array(True), None))
    assert (n_evaluations == 20).all()
    np.testing.assert_allclose(there.positions, own.positions, atol=1e-4)


@pytest.mark.parametrize(("strategy", "sigma", "alpha"), [("es", 0.2, 1.0), ("ga", 0.6, 0.3)])
def test_a_trained_optimizer_ends_lower_than_an_untrained_one_and_than_a_quench(registered, strategy, sigma, alpha):
    made = settings(strategy, steps=60, clusters=64, pairs=8, sigma=sigma, rate=0.1)
    made = replace(made, network=replace(NETWORK, alpha=alpha))
    first = loop.begin(made)
    *_, last = loop.train(made, first)
    task = tasks.task_named("rastrigin")
    with host.double_precision():
        untrained, trained = (task.ends(p.theta, made, 400, 5).energies for p in (first, last))
        alone = quenched(starts(400, 5), PROBLEM)[1]
    assert trained.mean() < 0.75 * min(untrained.mean(), alone.mean())
    assert (trained < 0.1).mean() > 1.5 * (alone < 0.1).mean()


def test_a_training_that_was_stopped_goes_on_from_its_checkpoint_to_the_same_theta(registered, tmp_path):
    whole = runs.carry_out(settings("es"), TrainingJob(tmp_path / "whole.h5", quiet=True, with_picture=False))
    runs.carry_out(
        settings("es", steps=5, decay_steps=12), TrainingJob(tmp_path / "part.h5", quiet=True, with_picture=False)
    )
    on = runs.carry_out(settings("es"), TrainingJob(tmp_path / "part.h5", resume=True, quiet=True, with_picture=False))
    np.testing.assert_array_equal(on.theta, whole.theta)
    assert weights.load(tmp_path / "part.h5").settings == NETWORK


def test_a_feature_of_atoms_is_refused_where_there_are_none():
    made = replace(NETWORK, features=("place", "neighbours"))
    optimizer = weights.LearnedOptimizer(network.first_theta(made, *sizes(made), 0), made, {})
    with host.double_precision(), pytest.raises(UsageError, match="feature 'neighbours' needs the species and cell"):
        by_learned(starts(2, 0), PROBLEM, optimizer, 5, (0, 1))


@given(seed=st.integers(0, 2**16), n_components=st.integers(1, 3))
def test_products_and_sums_are_numpys(seed, n_components):
    a, b = np.random.default_rng(seed).normal(size=(2, n_components, 4, 3))
    with host.double_precision():
        total, longest = over_units(
            lambda x, y: (dot(x, y, -2), dot(x, x, -2)), jnp.asarray(a), jnp.asarray(b), largest=1
        )
        of_units = dot(jnp.asarray(a), jnp.asarray(b), 0)
    np.testing.assert_allclose(of_units, (a * b).sum(0), atol=1e-12)
    np.testing.assert_allclose(total, (a * b).sum((0, 1)), atol=1e-12)
    np.testing.assert_allclose(longest, (a * a).sum(0).max(0), atol=1e-12)
