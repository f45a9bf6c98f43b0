"""Networks as inner problems: gradients, minibatches, names of tasks, the loops that they share with clusters, and baselines."""

import json

import jax
import numpy as np
import pytest
from cli import run
from hypothesis import given, settings
from hypothesis import strategies as st

from clusteropt.engine.batches import in_single_precision, take
from clusteropt.errors import UsageError
from clusteropt.evaluation import networks as evaluation
from clusteropt.optimizers.learned.rule import first_theta
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.networks import Examples, NetworkProblem
from clusteropt.problems.weights import Weights, WeightsProblem
from clusteropt.runtime import host
from clusteropt.training import networks, runs
from clusteropt.training.settings import DEFAULTS, TrainSettings

SETTINGS = LearnedSettings(
    network="coordinate",
    widths=(8, 8),
    features=("normalized", "schedule", "horizon", "tensors"),
    alpha=3.0,
    learned=("alpha",),
    noise=False,
)


def problem(error: str = "squared", n_outputs: int = 2, widths: tuple[int, ...] = (4, 3)) -> NetworkProblem:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, n_outputs))
    if error == "cross-entropy":
        y = np.eye(n_outputs)[y.argmax(1)]
    parts = (Examples(x[own], y[own]) for own in (slice(0, 30), slice(30, 40)))  # type: ignore[arg-type]
    return NetworkProblem(*parts, widths, error, 8)


@jax.jit
def values(own: WeightsProblem, batch: Weights) -> tuple[jax.Array, jax.Array]:
    """The energies and the gradient."""
    return own.energies_and_gradient(batch)


@pytest.mark.parametrize("error", ["squared", "cross-entropy"])
@given(seed=st.integers(0, 2**20))
@settings(max_examples=10, deadline=None)
def test_gradients_are_derivatives_of_the_error_on_the_same_minibatch(error, seed):
    own = problem(error)
    with host.double_precision():
        batch = own.first(1, seed)
        rng = np.random.default_rng(seed)
        batch = batch._replace(positions=rng.normal(size=batch.positions.shape), n_steps=np.array([seed % 7], np.int32))
        gradient = np.asarray(values(own, batch)[1])[0, :, 0]
        k, h = int(rng.integers(own.n_weights)), 1e-5
        shift = h * np.eye(own.n_weights)[k][None, :, None]
        up, down = (float(values(own, batch._replace(positions=batch.positions + s * shift))[0].sum()) for s in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(gradient[k], abs=1e-7)


def test_a_network_of_one_layer_is_linear_regression():
    own = problem(widths=(1,))
    assert own.sizes == (3, 1, 2)
    assert own.n_weights == 3 + 1 + 2 + 2
    weights = np.array([1.0, 2, 3, 0.5, 4, 5, 6, 7])
    x = np.array([[0.1, 0.2, 0.3]])
    hidden = np.tanh(x @ [1, 2, 3] + 0.5)
    np.testing.assert_allclose(own.outputs(weights, x), [[4 * hidden[0] + 6, 5 * hidden[0] + 7]], rtol=1e-5)


def test_the_errors_are_the_textbook_ones():
    for error in ("squared", "cross-entropy"):
        own = problem(error)
        weights = np.random.default_rng(3).normal(size=own.n_weights)
        outputs, targets = np.asarray(own.outputs(weights, own.held_out.inputs)), own.held_out.targets
        chances = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
        by_hand = {
            "squared": ((outputs - targets) ** 2).mean(),
            "cross-entropy": -np.log(chances[targets > 0.5]).mean(),
        }
        if error == "cross-entropy":
            assert float(own.hits(weights[:, None], own.held_out)[0]) == (chances.argmax(1) == targets.argmax(1)).mean()
        assert float(own.errors(weights[:, None], own.held_out)[0]) == pytest.approx(by_hand[error], rel=1e-4)


def test_a_minibatch_follows_from_key_and_step_alone_and_all_examples_have_their_turn():
    own = problem()
    batch, drawn = own.first(3, 5), jax.jit(jax.vmap(own.minibatch))
    seen = []
    for n in range(60):
        now = batch._replace(n_steps=np.full(3, n, np.int32))
        inputs, _ = drawn(now.keys, now.n_steps)
        alone, _ = drawn(now.keys[1:2], now.n_steps[1:2])
        np.testing.assert_array_equal(alone[0], inputs[1])
        seen.append(np.asarray(inputs)[0])
    assert not np.array_equal(seen[0], seen[1])
    used = np.unique(np.concatenate(seen)[:, 0])
    assert np.isin(used, own.training.inputs[:, 0]).all()  # none of those that are held out
    assert len(used) == 30
    counts = np.unique(np.concatenate(seen)[:, 0], return_counts=True)[1]
    assert counts.max() < 3 * counts.min()


def test_networks_do_not_depend_on_their_neighbours():
    own, theta = problem(), first_theta(SETTINGS, 1)
    starts = in_single_precision(own.first(5, 2))
    together = networks.trained_networks(SETTINGS, theta, own, starts, np.int32(12)).positions
    alone = networks.trained_networks(SETTINGS, theta, own, take(starts, np.array([3]), np.float32), np.int32(12))
    np.testing.assert_allclose(together[..., 3], alone.positions[..., 0], rtol=1e-4, atol=1e-6)
    assert np.abs(np.asarray(together) - starts.positions).max() > 1e-3


def test_the_first_theta_descends():
    own, theta = problem(), first_theta(SETTINGS, 4)
    starts = in_single_precision(own.first(8, 2))
    after = networks.trained_networks(SETTINGS, theta, own, starts, np.int32(60))
    before, now = (np.asarray(own.errors(n.positions[0], own.training)) for n in (starts, after))
    assert now.mean() < 0.9 * before.mean()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("net:sin", "did you mean 'sine'"),
        ("net:sine:0", "must be net:DATA:WIDTHS:BATCH:STEPS"),
        ("net:sine:8:x", "must be net:DATA:WIDTHS:BATCH:STEPS"),
        ("net:sine:8:8:9:1", "must be net:DATA:WIDTHS:BATCH:STEPS"),
        ("net:", "there is no data ''"),
    ],
)
def test_names_that_are_no_task_are_refused(name, words):
    with pytest.raises(UsageError, match=words):
        networks.task(name)


def test_names_say_data_widths_minibatch_and_steps():
    own = networks.task("net:waves:12x6:16:300")
    assert own.problem.sizes == (2, 12, 6, 1)
    assert (own.problem.n_batch, own.n_steps) == (16, 300)
    assert networks.task("net:waves").problem.widths == (16,)
    for data in set(networks.DATA) - {"digits", "cancer"}:
        found = networks.problem_of(data, (4,), 8)
        assert len(found.held_out.inputs) * 4 == len(found.training.inputs)
        rows = {tuple(row) for row in np.asarray(found.training.inputs).tolist()}
        assert not rows & {tuple(row) for row in np.asarray(found.held_out.inputs).tolist()}


def training(**more) -> TrainSettings:
    made = {"tasks": ("net:sine:8:16:40",), "steps": 30, "clusters": 4, "pairs": 4, "sigma": 0.1, "network": SETTINGS}
    return TrainSettings(**(made | more))


def test_training_lowers_the_error_on_held_out_examples(tmp_path):
    own = training()
    trained = runs.train_es(own, tmp_path / "net.h5")
    task = networks.task(own.tasks[0])
    before, after = (
        task.ends(theta, own, 64, 9).energies.mean() for theta in (first_theta(SETTINGS, 0), trained.theta)
    )
    assert after < before - 0.2  # logarithms
    shown = run(tmp_path, "optimizers", "show", "net.h5", "--json")
    assert json.loads(shown.out)["card"]["tasks"] == ["net:sine:8:16:40"]
    measured = run(tmp_path, "evaluate", "net.h5", "--tasks", "net:sine:8:16", "--networks", "3", "--alone", "--json")
    rows = json.loads(measured.out)
    assert [row["steps"] for row in rows] == [100, 200, 1000]
    assert all(row["seen"] and row["seeds"] == 3 and row["training"] > 0 for row in rows)
    for words, complaint in (
        (("learned", "--tasks", "net:sine"), "moves atoms"),
        (("net.h5", "--tasks", "net:rings,X13"), "one kind at a time"),
        (("net.h5", "--tasks", "net:rings,net:sine", "--test"), "net:sine: the data was in the training of net.h5"),
    ):
        refused = run(tmp_path, "evaluate", *words)
        assert refused.code == 2
        assert complaint in refused.err
        assert "training error" not in refused.err  # before anything is measured


def test_a_held_out_task_cannot_be_trained_on():
    with pytest.raises(UsageError, match="among tasks and held_out"):
        training(held_out=("net:sine:8:16:40",))
    assert DEFAULTS["es"].held_out == ()


def test_the_rate_of_a_baseline_is_the_best_of_ten_on_other_networks():
    own = networks.problem_of("sine", (6,), 16)
    scores = [*evaluation._of_baseline("net:sine:6:16", "adam", own, 3, 0)]
    starts = in_single_precision(own.first(3, 0))
    for score in scores:
        assert score.rate in evaluation.RATES
        plain = evaluation._walked(own, "adam", starts, np.full(3, 1e-3, np.float32))
        k = evaluation.STEPS.index(score.n_steps)
        assert score.training[0] < float(np.asarray(own.errors(plain[k], own.training)).mean())


def test_adam_by_hand_agrees_with_optax():
    own = problem()
    starts = in_single_precision(own.first(2, 0))
    there = evaluation._walked(own, "adam", starts, np.full(2, 0.01, np.float32))[0]
    batch, m, v = starts, 0.0, 0.0
    for t in range(1, 101):
        g = np.asarray(values(own, batch)[1], np.float64)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        step = 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        batch = own.moved(batch, (-step).astype(np.float32), np.ones(2, bool))
    np.testing.assert_allclose(there, batch.positions[0], atol=2e-4)
