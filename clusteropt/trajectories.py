"""Learned trajectories: from every structure, a batch of them; then the conventional quench of each, and the lowest wins.

Plain local minimization of the input takes part as well. Where it ends lowest, or no trajectory ends in a minimum, its result
is the answer (the fallback), so that the answer is never above it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from clusteropt import lanes
from clusteropt.clusters import Structure, pack, padded_size, random_positions
from clusteropt.config import MinimizeSettings
from clusteropt.minima import Minimum, minimized
from clusteropt.optimizers.table import Rule, learned_rule
from clusteropt.potentials.base import CORE, Potential
from clusteropt.relax import Criterion, Status
from clusteropt.weights import LearnedOptimizer

_PERTURBATION = 0.4  # largest displacement of an atom, in lengths
_DENSITY = 0.7  # of random starts, atoms per cubed length
_SAME = 1e-6  # energies closer than this, in energy scales, are those of one minimum
_NEVER = Criterion("fmax", -1.0)  # a trajectory ends with its steps


def explored(
    structures: list[Structure], potential: Potential, settings: MinimizeSettings, optimizer: LearnedOptimizer
) -> Iterator[dict[int, Minimum]]:
    """The lowest minima found for the structures, by their index, a portion at a time."""
    rule = learned_rule(optimizer.theta, optimizer.settings, settings.steps)
    for portion in minimized(structures, potential, settings):
        yield {i: _answer(structures[i], plain, potential, settings, rule) for i, plain in portion.items()}


def _answer(
    structure: Structure, plain: Minimum, potential: Potential, settings: MinimizeSettings, rule: Rule
) -> Minimum:
    """What is not for a learned optimizer, a structure in a box, has the plain result, which says so."""
    if plain.status == Status.INVALID_STRUCTURE:
        return plain
    in_a_box = structure.cell is not None
    return plain._replace(won="fallback") if in_a_box else _lowest(structure, plain, potential, settings, rule)


def _lowest(
    structure: Structure, plain: Minimum, potential: Potential, settings: MinimizeSettings, rule: Rule
) -> Minimum:
    """The best of plain minimization and the trajectories; `n_evaluations` counts all of them."""
    starts = [_start(structure, k, potential, settings) for k in range(settings.trajectories)]
    ends = _trajectories(starts, potential, settings, rule)
    sound = [end for end in ends if np.isfinite(end.positions).all()]
    quench = replace(settings, perturb=0.0)  # their ends have been moved enough
    minima = [m for part in minimized(sound, potential, quench) for m in part.values()]
    n_evaluations = plain.n_evaluations + settings.steps * len(ends) + sum(m.n_evaluations for m in minima)
    best = best_of(plain, minima, _SAME * potential.energy)
    won = "fallback" if best is plain else "learned"
    gain = plain.energy - best.energy
    return best._replace(energy_before=plain.energy_before, n_evaluations=n_evaluations, won=won, gain=gain)


def best_of(plain: Minimum, minima: list[Minimum], same: float) -> Minimum:
    """The lowest converged of the minima, if it lies below the plain result by more than `same`; else the plain result.

    Any minimum is better than a plain result that is in pieces or nowhere.
    """
    best, ceiling = plain, plain.energy - same
    if plain.status not in (Status.CONVERGED, Status.NOT_CONVERGED):
        ceiling = np.inf
    for minimum in minima:
        if minimum.status == Status.CONVERGED and minimum.energy < ceiling:
            best, ceiling = minimum, minimum.energy
    return best


def _start(structure: Structure, k: int, potential: Potential, settings: MinimizeSettings) -> Structure:
    """The start of trajectory k; the first of those from the given positions is the given structure itself."""
    if settings.start == "given" and k == 0:
        return structure
    rng = np.random.default_rng([settings.seed, structure.content_hash(), k])
    n = len(structure.positions)
    if settings.start == "random" and structure.free.all():
        radius = potential.length * (n / _DENSITY * 3 / (4 * np.pi)) ** (1 / 3)
        return structure._replace(positions=random_positions(rng, n, radius))
    shift = rng.uniform(-1, 1, (n, 3)) * _PERTURBATION * potential.length / np.sqrt(3)
    return structure._replace(positions=structure.positions + np.where(structure.free[:, None], shift, 0))


def _trajectories(
    starts: list[Structure], potential: Potential, settings: MinimizeSettings, rule: Rule
) -> list[Structure]:
    """Where the learned optimizer takes the structures, all of one size, in `settings.steps` steps."""
    centres = [start.positions.mean(0) for start in starts]
    near = [s._replace(positions=s.positions - c) for s, c in zip(starts, centres, strict=True)]
    batch = pack(near, padded_size(len(starts[0].positions)), np.float64)
    task = lanes.Task(potential, rule, _NEVER, np.float32, CORE * potential.length)
    relaxed = lanes.relax_batch(batch, np.full(len(starts), settings.steps), task)
    ends = [relaxed.positions[:, : len(s.positions), k].T for k, s in enumerate(starts)]
    return [
        start._replace(positions=np.where(start.free[:, None], end + centre, start.positions))
        for start, end, centre in zip(starts, ends, centres, strict=True)
    ]
