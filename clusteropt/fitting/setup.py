"""From samples to the inner problem of a fit, its first weights, and from weights to the tables of a potential."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from clusteropt.engine.batches import in_single_precision
from clusteropt.fitting.describing import Described, affordable, described
from clusteropt.fitting.problem import FitProblem
from clusteropt.fitting.samples import Examples, Samples, Scales, compositions, directions, scales_of, split
from clusteropt.fitting.settings import FitSettings
from clusteropt.fitting.shapes import shapes_of, unflattened
from clusteropt.potentials.symmetry_functions import Counts
from clusteropt.problems.weights import Weights

_WAYS = 6  # directions in which the forces of a structure are compared
_HARDNESS = 2000.0  # of the repulsion below the closest distance, in bonds
_BELOW = 2  # radial functions centred below the closest distance


class Normal(NamedTuple):
    """Mean and deviation of every descriptor (n_descriptors,)."""

    mean: np.ndarray
    deviation: np.ndarray


@dataclass(frozen=True)
class Setup:
    """A fit before its first step."""

    problem: FitProblem  # the validation structures are held out
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
    training, validation = (Examples(*(jnp.asarray(a[part]) for a in whole)) for part in parts)
    shapes = shapes_of(n_elements, n_elements * settings.radial, whole.x.shape[2], settings.widths)
    problem = FitProblem(training, validation, np.float32(settings.force_weight), shapes, settings.batch)  # type: ignore[arg-type]
    first = jax.tree.map(jnp.asarray, in_single_precision(problem.first(1, settings.seed)))
    return Setup(problem, first, fixed, scales, normal, parts)


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
