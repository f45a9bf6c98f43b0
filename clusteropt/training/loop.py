"""The outer loop: perturb theta, look how the candidates do, step.

Everything random follows from the seed and the number of the step, so a run that was stopped goes on as if it never was.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import PartitionSpec

from clusteropt import runtime
from clusteropt.clusters import Clusters, pack, padded_size
from clusteropt.optimizers.learned import network
from clusteropt.optimizers.learned.rule import sizes
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.starts import random_starts
from clusteropt.structures import elements_of, to_structure
from clusteropt.training import esmc
from clusteropt.training.meta_loss import meta_loss
from clusteropt.training.settings import TrainSettings

_OUTER: dict[str, Callable[[Any], optax.GradientTransformation]] = {
    "adam": optax.adam,
    "rmsprop": optax.rmsprop,
    "adafactor": lambda rate: optax.adafactor(rate, multiply_by_parameter_scale=False),
    "sgd": optax.sgd,
}


class Progress(NamedTuple):
    """A training run after some steps."""

    step: int
    theta: np.ndarray  # (n_numbers,) float32
    outer: Any  # state of the outer optimizer
    loss: float  # of the unperturbed theta at the last step
    task: str  # of the last step


def begin(settings: TrainSettings) -> Progress:
    """A random theta and a fresh outer optimizer."""
    theta = network.first_theta(settings.network, *sizes(settings.network), settings.seed)
    return Progress(0, theta, _outer(settings).init(jnp.asarray(theta)), float("nan"), "")


def train(settings: TrainSettings, progress: Progress) -> Iterator[Progress]:
    """Yields the progress after every outer step, until all are done."""
    outer = _outer(settings)
    while progress.step < settings.steps:
        with runtime.double_precision():
            progress = _step(settings, outer, progress)
        yield progress


def _step(settings: TrainSettings, outer: optax.GradientTransformation, progress: Progress) -> Progress:
    task = settings.tasks[progress.step % len(settings.tasks)]
    frames = random_starts(task, settings.clusters, _seed(settings, progress.step), settings.density)
    potential = sets.default(elements_of(frames[0])).potential(elements_of(frames[0]))
    structures = [to_structure(atoms, potential) for atoms in frames]
    starts = pack(structures, padded_size(len(frames[0])), np.float32)
    theta = jnp.asarray(progress.theta)
    eps = jnp.asarray(esmc.perturbations(theta.size, settings.pairs, settings.sigma, settings.seed, progress.step))
    losses = _losses(esmc.ask(theta, eps), potential, starts, settings)
    estimate = esmc.tell(losses, eps, settings.sigma)
    # scaled to unit length per number: losses of different tasks have different sizes
    estimate = estimate * jnp.sqrt(jnp.float32(theta.size)) / jnp.maximum(jnp.linalg.norm(estimate), 1e-12)
    move, state = outer.update(estimate, progress.outer, theta)
    theta = np.asarray(optax.apply_updates(theta, move), np.float32)
    return Progress(progress.step + 1, theta, state, float(losses[0]), task)


def _outer(settings: TrainSettings) -> optax.GradientTransformation:
    return _OUTER[settings.outer](optax.linear_schedule(settings.rate, settings.rate / 10, settings.steps))


def _seed(settings: TrainSettings, step: int) -> int:
    """Of the random starts of that step: others for every step, the same for all candidates."""
    return int(np.random.default_rng([settings.seed, step]).integers(2**31))


def _losses(candidates: jax.Array, potential: Potential, starts: Clusters, settings: TrainSettings) -> jax.Array:
    """(n_candidates,), the candidates shared out among the devices."""
    n_devices = runtime.n_devices()
    missing = -candidates.shape[0] % n_devices
    padded = jnp.concatenate([candidates, candidates[:missing]])
    return _program(settings, n_devices)(padded, potential, starts)[: candidates.shape[0]]


@cache
def _program(settings: TrainSettings, n_devices: int) -> Callable:
    mesh = runtime.mesh(n_devices)

    def losses(candidates: jax.Array, potential: Potential, starts: Clusters) -> jax.Array:
        def one_device(own: jax.Array) -> jax.Array:
            return jax.lax.map(lambda theta: meta_loss(theta, potential, starts, settings), own)

        split = PartitionSpec("lanes")
        return jax.shard_map(one_device, mesh=mesh, in_specs=(split,), out_specs=split, check_vma=False)(candidates)

    return jax.jit(losses, compiler_options=runtime.compiler_options())
