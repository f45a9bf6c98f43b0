"""The samples of a fit: of all structures that a calculator has computed, low ones of all heights."""

import numpy as np

from clusteropt.clusters.arrays import Structure, pack, padded_size
from clusteropt.engine.batches import take
from clusteropt.exploration.composition import Composition
from clusteropt.exploration.surrogate.fit import N_SAMPLES, PRECISION, Samples
from clusteropt.exploration.surrogate.potential import usual
from clusteropt.potentials.calculators.pool import Answer

_HEIGHT = 1.0  # energies an atom above the lowest, up to which structures are samples
_HALF = 0.3  # energies an atom above the lowest, where a sample counts half
_HALF_AT = 5  # low structures for each parameter, with which all samples count half: one quench is not to settle it
_STEEP = 20.0  # the largest component of a gradient, in energies over lengths, where a sample counts half


def chosen(record: list[tuple[np.ndarray, Answer]], composition: Composition) -> Samples:
    """Samples of a record of positions (n_atoms, 3) and answers, sorted by energy and evenly spread over it."""
    potential, n, size = composition.potential, composition.n_atoms, padded_size(composition.n_atoms)
    alone = np.asarray(potential.free_atoms)[composition.species].sum()
    energies = np.array([answer.energy - alone for _, answer in record]) / potential.energy
    low = int((energies <= energies[0] + _HEIGHT * n).sum())
    own = np.unique(np.linspace(0, low - 1, min(low, N_SAMPLES)).round().astype(int))
    structures = [Structure(record[k][0] / potential.length, composition.species, np.ones(n, bool)) for k in own]
    columns = np.append(np.arange(len(own)), np.full(N_SAMPLES - len(own), -1))
    batch = take(pack(structures, size, np.float64), columns, PRECISION)
    half = _HALF_AT * len(usual(len(potential.elements)))
    whole = low**2 / (low**2 + half**2)
    gradient, (energy, weight) = np.zeros((3, size, N_SAMPLES), PRECISION), np.zeros((2, N_SAMPLES), PRECISION)
    for j, k in enumerate(own):
        gradient[:, :n, j] = -record[k][1].forces.T * potential.length / potential.energy
        energy[j] = energies[k]
        height, steepness = (energies[k] - energies[0]) / n / _HALF, abs(gradient[..., j]).max() / _STEEP
        weight[j] = whole / ((1 + height**2) * (1 + steepness**2))
    return Samples(batch, energy, gradient, weight)  # type: ignore[arg-type]  numpy
