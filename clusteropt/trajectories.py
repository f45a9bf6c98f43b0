"""Global search with a learned optimizer: from every structure some chains of minima, and the lowest minimum wins.

Plain local minimization of the input takes part as well. Where it ends lowest, or no chain ends in a minimum, its result
is the answer (the fallback), so that the answer is never above it, unless it is in pieces or nowhere.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from clusteropt import chains
from clusteropt.chains import Search
from clusteropt.clusters import Structure, by_size
from clusteropt.config import MinimizeSettings
from clusteropt.minima import Minimum, minimized
from clusteropt.potentials.base import Potential
from clusteropt.relax import Status
from clusteropt.starts import start_positions
from clusteropt.weights import LearnedOptimizer

_PERTURBATION = 0.4  # largest displacement of an atom, in lengths
_SAME = 1e-6  # energies closer than this, in energy scales, are those of one minimum
_AT_A_TIME = 512  # chains, which bounds the memory and what an interruption costs


def explored(
    structures: list[Structure], potential: Potential, settings: MinimizeSettings, optimizer: LearnedOptimizer
) -> Iterator[dict[int, Minimum]]:
    """The lowest minima found for the structures, by their index, a portion at a time."""
    in_the_open = [s for s in structures if _worth(s) and len(s.positions) > 2]
    for members in by_size(in_the_open).values():
        alike = [in_the_open[i] for i in members for _ in range(settings.trajectories)]
        chains.foresee(alike, potential, Search(optimizer, 1))
    for portion in minimized(structures, potential, settings):
        # what is not for a learned optimizer has the plain result, which says so
        open_ones = [i for i, m in portion.items() if _worth(structures[i]) and not _settled(m)]
        done = {
            i: m if m.status == Status.INVALID_STRUCTURE else m._replace(won="fallback") for i, m in portion.items()
        }
        yield {i: m for i, m in done.items() if i not in open_ones}
        several = max(1, _AT_A_TIME // settings.trajectories)
        n_atoms = {i: len(structures[i].positions) for i in open_ones}
        for _, group in groupby(sorted(open_ones, key=n_atoms.__getitem__), n_atoms.__getitem__):
            members = list(group)
            for first in range(0, len(members), several):
                part = members[first : first + several]
                found = _found([structures[i] for i in part], potential, settings, optimizer)
                yield {
                    i: _answer(portion[i], *of_it, _SAME * potential.energy)
                    for i, of_it in zip(part, found, strict=True)
                }


def _worth(structure: Structure) -> bool:
    """Whether there is anything to search: not in a box, nor where hardly an atom can move."""
    return structure.cell is None and len(structure.positions) > 1 and bool(structure.free.any())


def _settled(plain: Minimum) -> bool:
    """Whether plain minimization has the last word: the input is no use, or two atoms, which have one minimum, are there."""
    return plain.status == Status.INVALID_STRUCTURE or (plain.status == Status.CONVERGED and len(plain.positions) == 2)


def _found(
    structures: list[Structure], potential: Potential, settings: MinimizeSettings, optimizer: LearnedOptimizer
) -> list[tuple[list[Minimum], int]]:
    """For each of the structures, all of one size, the lowest minima of its chains and the evaluations they took."""
    n_each, n_atoms = settings.trajectories, len(structures[0].positions)
    starts = [_start(s, k, potential, settings) for s in structures for k in range(n_each)]
    keys = np.array([_rng(s, k, settings).integers(2**64, dtype=np.uint64) for s in structures for k in range(n_each)])
    search = chains.search_for(optimizer, n_atoms, potential, settings.steps, settings.hops)
    alive = chains.begin(starts, keys, potential, search, rivals=np.arange(len(starts)) // n_each)
    while (busy := np.flatnonzero(~chains.ended(alive, search))).size:
        alive = chains.at_columns(alive, busy, chains.hop(chains.columns_of(alive, busy), potential, search))
    ends = [
        start._replace(positions=np.where(start.free[:, None], end + start.positions.mean(0), start.positions))
        for start, end in zip(starts, alive.lowest[:, :n_atoms].transpose(2, 1, 0), strict=True)
    ]
    quench = replace(settings, perturb=0.0)  # their ends have been moved enough
    polished = {i: m for part in minimized(ends, potential, quench) for i, m in part.items()}
    found = []
    for first in range(0, len(ends), n_each):
        own = range(first, first + n_each)
        used = sum(int(alive.n_evaluations[k]) + polished[k].n_evaluations for k in own)
        found.append(([polished[k] for k in own], used))
    return found


def _answer(plain: Minimum, minima: list[Minimum], n_evaluations: int, same: float) -> Minimum:
    """The best of plain minimization and the chains; `n_evaluations` counts all of them."""
    best = best_of(plain, minima, same)
    won, gain = ("fallback", 0.0) if best is plain else ("learned", plain.energy - best.energy)
    others = distinct([plain, *minima], same)
    total = plain.n_evaluations + n_evaluations
    return best._replace(energy_before=plain.energy_before, n_evaluations=total, won=won, gain=gain, minima=others)


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


def distinct(minima: list[Minimum], same: float) -> tuple[Minimum, ...]:
    """The converged ones, lowest first, one of those whose energies are equal within `same`."""
    found: list[Minimum] = []
    for minimum in sorted((m for m in minima if m.status == Status.CONVERGED), key=lambda m: m.energy):
        if not found or minimum.energy - found[-1].energy > same:
            found.append(minimum)
    return tuple(found)


def _start(structure: Structure, k: int, potential: Potential, settings: MinimizeSettings) -> Structure:
    """The start of chain k. 'given': the structure itself, and then in turn one near it and one anywhere.

    Every other one anywhere is symmetric. With fixed atoms all are near the structure.
    """
    if settings.start == "given" and k == 0:
        return structure
    rng, n = _rng(structure, k, settings), len(structure.positions)
    number = k // 2 if settings.start == "given" else k
    if structure.free.all() and (settings.start == "random" or (settings.start == "given" and k % 2 == 0)):
        return structure._replace(positions=start_positions(rng, n, potential.length, number % 2 == 1))
    shift = rng.uniform(-1, 1, (n, 3)) * _PERTURBATION * potential.length / np.sqrt(3)
    return structure._replace(positions=structure.positions + np.where(structure.free[:, None], shift, 0))


def _rng(structure: Structure, k: int, settings: MinimizeSettings) -> np.random.Generator:
    return np.random.default_rng([settings.seed, structure.content_hash(), k])
