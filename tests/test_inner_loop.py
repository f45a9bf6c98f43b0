"""The loop: it stops for the right reason, goes on where it was left, and leaves what it should not move."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import CASES, structure

from clusteropt.clusters.arrays import Structure, pack
from clusteropt.engine import step
from clusteropt.engine.step import Criterion, Status
from clusteropt.optimizers import table
from clusteropt.problems.clusters import ClusterProblem

PROBLEM = ClusterProblem(CASES["lj"].potential)
RULE = table.make(table.OptimizerChoice("lbfgs"), PROBLEM)
SIZE = 8


@partial(jax.jit, static_argnames="norm")
def advance(run: step.Trajectories, n_steps, tolerance, norm: str = "fmax") -> step.Trajectories:
    return step.advance(PROBLEM, RULE, Criterion(norm, tolerance), run, n_steps)


def begin(structures: list[Structure], limit: int = 500) -> step.Trajectories:
    batch = jax.tree.map(jnp.asarray, pack(structures, SIZE, np.float64))
    return step.begin_trajectories(batch, jnp.full(len(structures), limit, jnp.int32), RULE)


def several() -> list[Structure]:
    return [CASES["lj"].random(seed, n) for seed, n in ((0, 7), (1, 7), (2, 5), (3, 3))]


def equal(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def test_in_pieces_or_in_one_go_the_run_is_the_same_to_the_last_bit():
    whole = advance(begin(several()), 60, 1e-6)
    pieces = begin(several())
    for n_steps in (1, 2, 17, 40):
        pieces = advance(pieces, n_steps, 1e-6)
    assert equal(whole, pieces)


def test_a_lane_that_has_stopped_holds_still():
    run = advance(begin(several()), 500, 1e-6)
    assert (np.asarray(run.status) == Status.CONVERGED).all()
    again = advance(run, 50, 1e-6)
    np.testing.assert_array_equal(run.batch.positions, again.batch.positions)
    np.testing.assert_array_equal(run.n_evaluations, again.n_evaluations)


def test_a_lane_that_is_refilled_runs_as_it_would_alone():
    run = advance(begin(several()), 9, 1e-6)
    lanes = jnp.array([False, True, False, True])
    fresh = begin([CASES["lj"].random(k, 6) for k in range(10, 14)])
    run = advance(step.refill(run, fresh, lanes, blank=jnp.array(False)), 500, 1e-6)
    alone = advance(fresh, 500, 1e-6)
    for lane in (1, 3):
        np.testing.assert_array_equal(run.batch.positions[..., lane], alone.batch.positions[..., lane])
        assert run.n_evaluations[lane] == alone.n_evaluations[lane]


@pytest.mark.parametrize("norm", ["fmax", "rms"])
def test_converged_means_that_the_forces_are_below_the_tolerance(norm):
    run = advance(begin(several()), 500, 1e-5, norm=norm)
    assert (np.asarray(run.status) == Status.CONVERGED).all()
    assert (np.asarray(run.force) <= 1e-5).all()


def test_the_limit_counts_evaluations():
    run = advance(begin(several(), limit=4), 500, 1e-12)
    assert (np.asarray(run.status) == Status.NOT_CONVERGED).all()
    assert (np.asarray(run.n_evaluations) == 4).all()


def test_a_structure_that_is_converged_at_once_takes_one_evaluation_and_does_not_move():
    minimum = structure(np.array([[0, 0, 0], [2 ** (1 / 6), 0, 0]]))
    run = advance(begin([minimum]), 10, 1e-6)
    assert (int(run.status[0]), int(run.n_evaluations[0])) == (Status.CONVERGED, 1)
    np.testing.assert_array_equal(np.asarray(run.batch.positions)[:, :2, 0].T, minimum.positions)


def test_what_overflows_is_non_finite_and_disturbs_nobody():
    close = structure(np.array([[0, 0, 0], [1e-60, 0, 0], [1, 1, 0]]))
    run = advance(begin([close, several()[0]]), 500, 1e-6)
    assert np.asarray(run.status).tolist() == [Status.NON_FINITE, Status.CONVERGED]
    assert np.isfinite(run.batch.positions).all()


def test_an_empty_lane_is_idle():
    run = advance(begin([structure(np.zeros((0, 3))), several()[0]]), 500, 1e-6)
    assert np.asarray(run.status).tolist() == [Status.IDLE, Status.CONVERGED]
    assert int(run.n_evaluations[0]) == 0


def test_fixed_atoms_stay_and_their_forces_do_not_count():
    start = CASES["lj"].random(5)
    free = np.array([False] * 3 + [True] * 4)
    run = advance(begin([start._replace(free=free)]), 500, 1e-6)
    moved = np.asarray(run.batch.positions)[:, :7, 0].T
    np.testing.assert_array_equal(moved[:3], start.positions[:3])
    assert np.abs(moved[3:] - start.positions[3:]).max() > 0.01
    assert int(run.status[0]) == Status.CONVERGED


def test_a_structure_with_no_free_atom_is_converged_where_it_is():
    start = CASES["lj"].random(6)
    run = advance(begin([start._replace(free=np.zeros(7, bool))]), 10, 1e-6)
    assert (int(run.status[0]), float(run.force[0])) == (Status.CONVERGED, 0.0)


def test_norms_are_what_their_names_say():
    gradient = np.random.default_rng(0).normal(size=(3, SIZE, 2))
    free = np.ones((SIZE, 2), bool)
    free[5:, 1] = False
    gradient = np.where(free, gradient, 0)
    fmax, rms = (np.asarray(PROBLEM.norm(kind, jnp.asarray(gradient), jnp.asarray(free))) for kind in ("fmax", "rms"))
    for lane, n in ((0, SIZE), (1, 5)):
        own = gradient[:, :n, lane]
        assert fmax[lane] == pytest.approx(np.linalg.norm(own, axis=0).max())
        assert rms[lane] == pytest.approx(np.sqrt((own**2).mean()))
