"""From samples to the inner problem of a fit, its first weights, and from weights to the tables of a potential."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from clusteropt.fitting.describing import Described, affordable, described
from clusteropt.fitting.problem import Examples, FitProblem, fans, shapes_of, unflattened
from clusteropt.fitting.samples import Samples, Scales, compositions, directions, scales_of, split
from clusteropt.fitting.settings import FitSettings
from clusteropt.potentials.symmetry_functions import Counts
from clusteropt.problems.weights import Weights

_WAYS = 6  # directions in which the forces of a structure are compared
_HARDNESS = 2000.0  # of the repulsion below the closest distance, in bonds
_SMALL = 0.1  # the first output of the perceptron, beside the pair potential
_RIDGE = 1e-6
_BELOW = 2  # radial functions centred below the closest distance


class Normal(NamedTuple):
    """Mean and deviation of every descriptor (n_descriptors,)."""

    mean: np.ndarray
    deviation: np.ndarray


@dataclass(frozen=True)
class Setup:
    """A fit before its first step."""

    problem: FitProblem  # with the training structures
    validation: Examples
    first: Weights
    fixed: dict[str, np.ndarray]  # the tables that are not fitted
    scales: Scales
    normal: Normal
    split: tuple[np.ndarray, np.ndarray]  # indices of the training and the validation structures


def prepared(samples: Samples, n_elements: int, settings: FitSettings) -> Setup:
    """Scales, functions, descriptors, targets and first weights. Raises UsageError where memory does not hold them."""
    scales = scales_of(samples, n_elements)
    fixed = functions_for(scales, settings)
    counts = Counts(n_elements, settings.radial, settings.angular)
    forces = any(f is not None for f in samples.forces) and settings.force_weight > 0
    n_ways = affordable(samples.structures, counts, _WAYS if forces else 0)
    ways = directions(samples, settings.seed, n_ways)
    seen = described(fixed | {"offset": np.zeros(n_elements)}, samples.structures, ways)  # type: ignore[arg-type]
    parts = split(len(samples.energies), settings.validation, settings.seed)
    normal = _normal(seen, parts[0])
    whole = _examples(seen, normal, samples, ways, scales)
    training, validation = (Examples(*(a[part] for a in whole)) for part in parts)
    shapes = shapes_of(n_elements, n_elements * settings.radial, whole.x.shape[2], settings.widths)
    n_batch = len(parts[0]) if settings.optimizer == "lbfgs" else settings.batch
    weight = np.float32(settings.force_weight)
    problem = FitProblem(jax.tree.map(jnp.asarray, training), weight, shapes, n_batch)  # type: ignore[arg-type]
    first = _first(problem, training, n_elements, settings)
    return Setup(problem, jax.tree.map(jnp.asarray, validation), first, fixed, scales, normal, parts)


def functions_for(scales: Scales, settings: FitSettings) -> dict[str, np.ndarray]:
    """The tables of the symmetry functions: centres in ln r from two steps below the closest distance to below the cutoff.

    Without functions centred below it, a steep repulsion at the closest distance has a hundred times the error.
    """
    cutoff = settings.cutoff * scales.length
    low = np.log(min(scales.closest, 0.9 * scales.length))
    return {
        "radial": _centres(low, np.log(0.9 * cutoff), settings.radial, _BELOW),
        "angular": np.arange(settings.angular, dtype=float),  # only their number is used
        "cutoff": np.array(cutoff),
        "closest": np.array(scales.closest),
        "farthest": np.array(scales.farthest),
        "repulsion": np.array(_HARDNESS * scales.energy),
    }


def _centres(low: float, high: float, count: int, below: int) -> np.ndarray:
    """Centres at equal steps up to `high`, of which as many as `below` lie under `low`."""
    below = min(below, count - 2)
    step = (high - low) / (count - 1 - below)
    return high - step * np.arange(count)[::-1]


def _normal(seen: Described, training: np.ndarray) -> Normal:
    x = seen.x[training][seen.mask[training]].astype(np.float64)
    mean, deviation = x.mean(0), x.std(0)
    return Normal(mean, np.where(deviation > 1e-6 * (abs(mean) + 1e-6), deviation, 1.0))


def _examples(seen: Described, normal: Normal, samples: Samples, ways: list[np.ndarray], scales: Scales) -> Examples:
    x = np.where(seen.mask[:, :, None], (seen.x - normal.mean) / normal.deviation, 0).astype(np.float32)
    changes = (seen.changes * (scales.length / normal.deviation)).astype(np.float32)
    energies = samples.energies - compositions(samples, len(scales.offsets)) @ scales.offsets
    known = np.array([f is not None for f in samples.forces])
    slopes = np.array(
        [
            np.zeros(len(way)) if f is None else -(way * f).sum((1, 2))
            for way, f in zip(ways, samples.forces, strict=True)
        ]
    ).reshape(len(energies), -1)
    return Examples(  # of numpy
        x,  # type: ignore[arg-type]  numpy
        changes,  # type: ignore[arg-type]
        seen.species,  # type: ignore[arg-type]
        seen.mask,  # type: ignore[arg-type]
        (energies / scales.energy).astype(np.float32),  # type: ignore[arg-type]
        (slopes * (scales.length / scales.energy)).astype(np.float32),  # type: ignore[arg-type]
        known.astype(np.float32),  # type: ignore[arg-type]
    )


def _first(problem: FitProblem, training: Examples, n_elements: int, settings: FitSettings) -> Weights:
    """The best pair potential by least squares, and a random perceptron of small output beside it."""
    rng, parts = np.random.default_rng([settings.seed, 7]), []
    pair, offset = _best_pair_potential(training, n_elements, dict(problem.shapes)["pair"], settings.force_weight)
    for name, shape in problem.shapes:
        if name in ("pair", "offset"):
            parts.append(pair if name == "pair" else offset)
        else:
            last = name.endswith(str(len(settings.widths)))
            size = (_SMALL if last else 1.0) / np.sqrt(shape[-1]) if name.startswith("matrix") else 0.0
            parts.append(rng.normal(size=shape) * size)
    flat = np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)
    whole = np.ones((len(flat), 1), bool)
    steps, sums = np.zeros(1, np.int32), fans(problem.shapes).astype(np.float32)
    keys = np.array([rng.integers(2**32, dtype=np.uint32)])
    return jax.tree.map(jnp.asarray, Weights(flat[None, :, None], whole, whole, keys, steps, sums))  # type: ignore[arg-type]


def _best_pair_potential(
    training: Examples, n_elements: int, shape: tuple[int, ...], force_weight: float
) -> tuple[np.ndarray, np.ndarray]:
    """The pair part (n_elements, n_radial) and the offsets (n_elements,) with the least squared errors."""
    n_radial = shape[1]
    mine = [(training.mask & (training.species == s)) for s in range(n_elements)]
    per_atom = 1 / training.mask.sum(1)
    sums = [np.einsum("na,nad->nd", m, training.x[:, :, :n_radial]) for m in mine]
    rows = np.concatenate([*sums, np.stack([m.sum(1) for m in mine], 1)], 1) * per_atom[:, None]
    targets = training.energies * per_atom
    if training.changes.shape[1] and force_weight and training.known.any():
        weight = np.sqrt(force_weight * per_atom / 3 / training.changes.shape[1]) * training.known
        slopes = [np.einsum("na,nrad->nrd", m, training.changes[..., :n_radial]) for m in mine]
        table = np.concatenate([*slopes, np.zeros((*slopes[0].shape[:2], n_elements))], 2) * weight[:, None, None]
        rows = np.concatenate([rows, table.reshape(-1, rows.shape[1])])
        targets = np.concatenate([targets, (training.slopes * weight[:, None]).ravel()])
    rows = rows.astype(np.float64)
    ridge = _RIDGE * np.trace(rows.T @ rows) / len(rows.T)
    found = np.linalg.solve(rows.T @ rows + ridge * np.eye(len(rows.T)), rows.T @ targets)
    return found[:-n_elements].reshape(shape), found[-n_elements:]


def tables_from(weights: np.ndarray, setup: Setup) -> dict[str, np.ndarray]:
    """The tables of the potential, with means, deviations and scales worked into the weights (n_weights,)."""
    found = {k: np.array(v, np.float64) for k, v in unflattened(weights, setup.problem.shapes).items()}  # type: ignore[arg-type]
    mean, inverse = setup.normal.mean, 1 / setup.normal.deviation
    n_radial, last = found["pair"].shape[1], sum(name.startswith("matrix") for name in found) - 1
    found["biases 0"] = found["biases 0"] - found["matrix 0"] @ (mean * inverse)
    found["matrix 0"] = found["matrix 0"] * inverse
    found["offset"] = found["offset"] - found["pair"] @ (mean * inverse)[:n_radial]
    found["pair"] = found["pair"] * inverse[:n_radial]
    for name in ("pair", "offset", f"matrix {last}", f"biases {last}"):
        found[name] = found[name] * setup.scales.energy
    found["offset"] = found["offset"] + setup.scales.offsets
    return setup.fixed | found
