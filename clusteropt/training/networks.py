"""Tasks whose inner parameters are the weights of small networks: net:digits, net:sine and others, see `DATA` and `made.SETS`.

A name may go on with widths, examples in a minibatch and inner steps: net:digits:16x16:32:200.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from clusteropt.engine.batches import in_single_precision
from clusteropt.engine.step import step
from clusteropt.errors import UsageError, suggest
from clusteropt.fitting import made
from clusteropt.optimizers.learned.rule import learned
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.networks import Examples, NetworkProblem
from clusteropt.problems.weights import Weights, WeightsProblem
from clusteropt.training.meta_loss import Tryout
from clusteropt.training.settings import TrainSettings
from clusteropt.training.tasks import Ends, numbers, seed_of

_USUAL = ("16", "32", "")  # widths, examples in a minibatch, steps
_HELD_OUT = 5  # one example in so many is held out
_N = 1000  # examples of made-up data


def _digits() -> tuple[np.ndarray, np.ndarray, str]:
    """Handwritten digits, 8 by 8 pixels, of scikit-learn's test data."""
    x, y = _loaded("load_digits", "digits")
    return x / 16.0 - 0.3, np.eye(10)[y], "cross-entropy"


def _sine() -> tuple[np.ndarray, np.ndarray, str]:
    """A sum of two sine waves on a line."""
    x = np.random.default_rng(1).uniform(-2, 2, (_N, 1))
    return x, np.sin(2 * x) + 0.5 * np.sin(5 * x + 1), "squared"


def _waves() -> tuple[np.ndarray, np.ndarray, str]:
    """A product of sine waves in the plane."""
    x = np.random.default_rng(2).uniform(-2, 2, (_N, 2))
    return x, np.sin(2 * x[:, :1]) * np.cos(1.5 * x[:, 1:]), "squared"


def _friedman() -> tuple[np.ndarray, np.ndarray, str]:
    """J. H. Friedman, Ann. Stat. 19, 1 (1991), doi:10.1214/aos/1176347963: ten inputs, of which five count."""
    rng = np.random.default_rng(3)
    x = rng.uniform(size=(_N, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return 2 * x - 1, (y + rng.normal(size=_N))[:, None], "squared"


def _rings() -> tuple[np.ndarray, np.ndarray, str]:
    """Three rings in the plane, to be told apart."""
    rng = np.random.default_rng(4)
    kind = rng.integers(3, size=_N)
    radius, angle = 0.4 + 0.5 * kind + 0.15 * rng.normal(size=_N), rng.uniform(0, 2 * np.pi, _N)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), np.eye(3)[kind], "cross-entropy"


def _spirals() -> tuple[np.ndarray, np.ndarray, str]:
    """Two spirals in the plane, to be told apart."""
    rng = np.random.default_rng(5)
    kind, along = rng.integers(2, size=_N), rng.uniform(0.1, 1, _N)
    angle = 9 * along + np.pi * kind + 0.1 * rng.normal(size=_N)
    return 1.5 * (along * np.stack([np.cos(angle), np.sin(angle)])).T, np.eye(2)[kind], "cross-entropy"


def _bumps() -> tuple[np.ndarray, np.ndarray, str]:
    """Twelve Gaussian hills and hollows in three dimensions."""
    rng = np.random.default_rng(6)
    x, centres, heights = rng.uniform(-1, 1, (_N, 3)), rng.uniform(-1, 1, (12, 3)), rng.normal(size=12)
    return x, (np.exp(-4 * ((x[:, None] - centres) ** 2).sum(-1)) @ heights)[:, None], "squared"


def _cancer() -> tuple[np.ndarray, np.ndarray, str]:
    """Wisconsin's breast cancer data, thirty numbers for each of 569 cases, of scikit-learn."""
    x, y = _loaded("load_breast_cancer", "cancer")
    return (x - x.mean(0)) / x.std(0), np.eye(2)[y], "cross-entropy"


def _wells() -> tuple[np.ndarray, np.ndarray, str]:
    """Energies of triples of Lennard-Jones atoms, from their three distances."""
    x = np.random.default_rng(7).uniform(0.95, 2.2, (_N, 3))
    return 2 * (x - 1.5), (4 * (x**-12 - x**-6)).sum(1, keepdims=True), "squared"


def _loaded(name: str, data: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn import datasets
    except ImportError:
        raise UsageError(f"net:{data} needs scikit-learn: pip install 'clusteropt[test]'") from None
    return getattr(datasets, name)(return_X_y=True)  # type: ignore[no-any-return]


DATA: dict[str, Callable[[], tuple[np.ndarray, np.ndarray, str]]] = {
    "digits": _digits,
    "sine": _sine,
    "waves": _waves,
    "friedman": _friedman,
    "rings": _rings,
    "spirals": _spirals,
    "bumps": _bumps,
    "cancer": _cancer,
    "wells": _wells,
}


@cache
def problem_of(data: str, widths: tuple[int, ...], n_batch: int) -> WeightsProblem:
    """The problem with a fifth of the examples held out; numbers to be learned have mean 0 and variance 1."""
    if data in made.SETS:
        return made.problem_of(data, widths, n_batch)
    x, y, error = DATA[data]()
    if error == "squared":
        y = (y - y.mean(0)) / y.std(0)
    order = np.random.default_rng(0).permutation(len(x))
    parts = order[len(x) // _HELD_OUT :], order[: len(x) // _HELD_OUT]
    training, held_out = (Examples(*(a[own].astype(np.float32) for a in (x, y))) for own in parts)  # type: ignore[arg-type]
    return NetworkProblem(training, held_out, widths, error, n_batch)  # type: ignore[arg-type]


@dataclass(frozen=True)
class NetworkTask:
    """Learned trajectories of a network's weights."""

    name: str
    problem: WeightsProblem
    n_steps: int | None = None  # of a trajectory; without it those of the settings

    reports: ClassVar[bool] = True

    def tryout(self, settings: TrainSettings, step: int, theta: np.ndarray, pool: Any) -> tuple[Tryout, None]:
        """Other first weights and minibatches at every step."""
        starts = in_single_precision(self.problem.first(settings.clusters, seed_of(settings, step)))
        n_steps = self.n_steps or settings.trajectory
        return Tryout(starts, *numbers(np.zeros(settings.clusters), n_steps, 0.0)), None

    def next_pool(self, settings: TrainSettings, pool: Any, theta: np.ndarray) -> None:
        """It keeps none."""

    def ends(self, theta: np.ndarray, settings: TrainSettings, count: int, seed: int) -> Ends:
        """The logarithms of the errors on held-out examples at the ends of trajectories."""
        starts = in_single_precision(self.problem.first(count, seed))
        n_steps = np.int32(self.n_steps or settings.trajectory)
        after = trained_networks(settings.network, theta, self.problem, starts, n_steps)
        outcomes = np.asarray(self.problem.outcome(after, after.mask), np.float64)
        return Ends(np.where(np.isfinite(outcomes), outcomes, np.inf), 1, None)


@partial(jax.jit, static_argnums=0)
def trained_networks(
    network: LearnedSettings, theta: Any, problem: WeightsProblem, starts: Weights, n_steps: Any
) -> Weights:
    """The networks after `n_steps` () int32 steps of the learned optimizer."""
    optimizer = learned(theta, n_steps.astype(jnp.float32), jnp.array([0, 1], jnp.float32), network, problem)

    def one(_: Any, carry: tuple) -> tuple:
        batch, state = carry
        batch, state, _ = step(problem, optimizer, batch, state, lambda *_: (jnp.array(True), None))
        return batch, state

    return jax.lax.fori_loop(0, n_steps, one, (starts, optimizer.init(starts)))[0]


def task(name: str) -> NetworkTask:
    """The task net:DATA:WIDTHS:BATCH:STEPS, of which what comes last may be left out. Raises UsageError for other text."""
    _, data, *given = name.split(":")
    known = (*DATA, *made.SETS)
    if data not in known:
        raise UsageError(f"task '{name}': there is no data '{data}'; {suggest(data, known)}")
    parts = [own or usual for own, usual in zip((*given, *[""] * 3), _USUAL, strict=False)]
    try:
        widths = tuple(int(width) for width in parts[0].split("x"))
        n_batch, n_steps = int(parts[1]), int(parts[2]) if parts[2] else None
    except ValueError:
        widths, n_batch, n_steps = (), 0, None
    if len(given) > 3 or min(widths, default=0) < 1 or n_batch < 1 or (n_steps is not None and n_steps < 1):
        raise UsageError(f"task '{name}' must be net:DATA:WIDTHS:BATCH:STEPS, as net:digits:16x16:32:200")
    return NetworkTask(name, problem_of(data, widths, n_batch), n_steps)
