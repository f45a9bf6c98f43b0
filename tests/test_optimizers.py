"""The contract that every optimizer keeps, and what is particular to each."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from rastrigin import Rastrigin

from clusteropt.clusters.arrays import Clusters
from clusteropt.errors import UsageError
from clusteropt.optimizers import table
from clusteropt.optimizers.base import from_optax, shortening
from clusteropt.optimizers.local.lbfgs import MEMORY, lbfgs
from clusteropt.problems.base import Scale
from clusteropt.problems.units import over_units
from clusteropt.runtime import plugins

N_ATOMS, LANES = 5, 3
SCALE = Scale(1.0, 1.0)
NAMES = tuple(plugins.known("optimizers"))
RULES = {name: plugins.load("optimizers", name)(SCALE) for name in NAMES} | {"optax-adam": from_optax(optax.adam(0.02))}


def stiffness() -> np.ndarray:
    """Curvatures of a bowl, between 1 and 30, other ones in every lane."""
    return np.random.default_rng(1).uniform(1, 30, (3, N_ATOMS, LANES))


def starts(seed: int = 2, dtype: type = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, N_ATOMS, LANES)).astype(dtype)


def at(positions) -> Clusters:
    """Clusters with all places taken by free atoms of one species."""
    everyone = jnp.ones(positions.shape[1:], bool)
    return Clusters(positions, jnp.zeros(everyone.shape, jnp.int32), everyone, everyone)


def descend(rule, positions, n_steps: int, bowl=None, state=None):
    """Positions and state after some steps in the bowl."""
    positions = jnp.asarray(positions)
    bowl = jnp.asarray(stiffness() if bowl is None else bowl, positions.dtype)
    return walk(rule, positions, rule.init(at(positions)) if state is None else state, bowl, n_steps)


@partial(jax.jit, static_argnums=0)
def walk(rule, positions, state, bowl, n_steps):
    def step(_, carry):
        x, state = carry
        move, state = rule.update(bowl * x, state, at(x), x[0])
        return x + move, state

    return jax.lax.fori_loop(0, n_steps, step, (positions, state))


@pytest.mark.parametrize("name", RULES)
def test_an_optimizer_reaches_the_bottom_of_a_bowl(name):
    positions, _ = descend(RULES[name], starts(), 600)
    assert np.abs(positions).max() < 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RULES)
def test_an_optimizer_keeps_shapes_and_precision(name, dtype):
    x = jnp.asarray(starts(dtype=dtype))
    state = RULES[name].init(at(x))
    move, after = RULES[name].update(x, state, at(x), x[0])
    assert move.shape == x.shape
    assert move.dtype == dtype
    assert jax.tree.structure(state) == jax.tree.structure(after)
    for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True):
        assert (old.shape, old.dtype) == (new.shape, new.dtype)
        assert old.ndim == 0 or old.shape[-1] == LANES, "the last axis of a state is the clusters'"


@pytest.mark.parametrize("name", RULES)
def test_nothing_that_happens_in_one_lane_is_felt_in_another(name):
    alone = starts()
    disturbed = alone.copy()
    disturbed[..., 1] = np.nan
    calm, _ = descend(RULES[name], alone, 40)
    beside, _ = descend(RULES[name], disturbed, 40)
    np.testing.assert_array_equal(np.asarray(calm)[..., [0, 2]], np.asarray(beside)[..., [0, 2]])


@pytest.mark.parametrize("name", RULES)
def test_a_lane_that_was_taken_over_does_as_if_it_had_always_been_its_own(name):
    """To the last bit: the ring of L-BFGS is then at another slot, and the past of the lane has been wiped out."""
    rule = RULES[name]
    _, used = descend(rule, starts(3), 7)
    fresh = rule.init(at(jnp.asarray(starts())))
    state = jax.tree.map(lambda old, new: new if old.ndim else old, used, fresh)
    taken_over, _ = descend(rule, starts(), 25, state=state)
    own, _ = descend(rule, starts(), 25)
    np.testing.assert_array_equal(taken_over, own)


@pytest.mark.parametrize("name", NAMES)
def test_no_atom_moves_further_than_a_tenth_of_a_length(name):
    scale = Scale(2.5, 0.3)
    rule = plugins.load("optimizers", name)(scale)
    x, update = jnp.asarray(starts()), jax.jit(rule.update)
    state = rule.init(at(x))
    for k in range(12):
        move, state = update(10.0**k * x, state, at(x), x[0])
        assert np.sqrt((np.asarray(move) ** 2).sum(0)).max() <= 0.1 * scale.length * (1 + 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_steps_scale_with_the_units_of_the_potential(name):
    """Energies in millielectronvolts and lengths in picometres lead along the same path."""
    energy, length = 1e3, 1e2
    bowl = stiffness()
    reference, _ = descend(plugins.load("optimizers", name)(SCALE), starts(), 20)
    other, _ = descend(
        plugins.load("optimizers", name)(Scale(length, energy)), starts() * length, 20, bowl * energy / length**2
    )
    np.testing.assert_allclose(np.asarray(other) / length, reference, rtol=1e-7, atol=1e-9)


def test_lbfgs_steps_are_those_of_the_textbooks_two_loops():
    """Against the recursion of Nocedal (1980) over vectors, without ring, weights or tables of products."""
    bowl, rule = stiffness(), lbfgs(Scale(100.0, 1e9))  # scales so large that neither limit of a step is ever reached
    x = jnp.asarray(starts())
    state, pairs, last, update = rule.init(at(x)), [[] for _ in range(LANES)], None, jax.jit(rule.update)
    for step in range(9):
        gradient = jnp.asarray(bowl) * x
        move, state = update(gradient, state, at(x), x[0])
        if last is not None:
            for lane in range(LANES):
                s = np.asarray(x - last[0])[..., lane].ravel()
                y = np.asarray(gradient - last[1])[..., lane].ravel()
                pairs[lane] = [*pairs[lane], (s, y)][-MEMORY:]
                expected = two_loops(np.asarray(gradient)[..., lane].ravel(), pairs[lane])
                np.testing.assert_allclose(np.asarray(move)[..., lane].ravel(), expected, rtol=1e-6, atol=1e-9)
        last = (x, gradient)
        x = x + (move if step else -gradient / 20)
        if not step:  # the first step is a matter of taste
            state = state._replace(step=-gradient / 20, slope=-(gradient**2).sum((0, 1)) / 20)


def two_loops(gradient: np.ndarray, pairs: list) -> np.ndarray:
    q, alphas = gradient.copy(), []
    for s, y in reversed(pairs):
        alphas.append((s @ q) / (s @ y))
        q -= alphas[-1] * y
    s, y = pairs[-1]
    q *= (s @ y) / (y @ y)
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q += s * (alpha - (y @ q) / (s @ y))
    return -q


def test_sums_over_units_do_not_depend_on_padding_or_lanes():
    values = np.random.default_rng(0).normal(size=(3, 13, 4)).astype(np.float32)
    total = jax.jit(lambda a: over_units(lambda x: (x[0] * x[1], x[2]), a, largest=1))
    summed, largest = total(values)
    padded = np.zeros((3, 32, 7), np.float32)
    padded[:, :13, 2:6] = values
    for one, other in zip((summed, largest), total(padded), strict=True):
        np.testing.assert_array_equal(one, np.asarray(other)[2:6])
    np.testing.assert_allclose(summed, (values[0] * values[1]).sum(0), rtol=1e-5)
    np.testing.assert_array_equal(largest, np.maximum(values[2].max(0), 0))


def test_shortening_only_shortens():
    squares = jnp.array([0.0, 0.01, 4.0, 1e30])
    factors = np.asarray(shortening(squares, 0.5))
    np.testing.assert_allclose(factors[:2], 1)
    np.testing.assert_allclose(factors[2:] * np.sqrt(squares[2:]), 0.5)


def test_an_unknown_optimizer_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="did you mean 'fire'"):
        table.make(table.OptimizerChoice("fier"), Rastrigin())
