"""Chains side by side: where each of them is, and what it has found."""

from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Clusters
from clusteropt.engine.batches import at, take


class Chains(NamedTuple):
    """Chains side by side, numpy's arrays; the last axis counts them. Energies in the potential's unit."""

    clusters: Clusters  # at the last minimum
    energy: np.ndarray  # (n_chains,), there; infinite where the atoms do not hang together
    energies: np.ndarray  # (n_atoms, n_chains), there, of the atoms
    lowest: np.ndarray  # (3, n_atoms, n_chains) positions of the lowest minimum
    lowest_energy: np.ndarray  # (n_chains,)
    keys: np.ndarray  # (n_chains,) uint64, of the random numbers
    n_hops: np.ndarray  # (n_chains,) int64; chains that are not to hop have the plan's number from the start
    n_idle: np.ndarray  # (n_chains,) int64, hops since the last that led distinctly below all earlier minima
    n_evaluations: np.ndarray  # (n_chains,) int64, of the gradient
    styles: np.ndarray  # (n_chains,) int64, of the hops: indices of the plan's styles


def with_columns(whole: Chains, columns: np.ndarray, own: Chains) -> Chains:
    """The chains `whole`, with the chains `own` in place of `columns`."""
    out = []
    for old, new in zip((whole.clusters.positions, *whole[1:]), (own.clusters.positions, *own[1:]), strict=True):
        array = np.array(old)
        array[..., columns] = new
        out.append(array)
    return Chains(at(whole.clusters, out[0]), *out[1:])


def columns_of(chains: Chains, columns: np.ndarray) -> Chains:
    """The chains of the given columns; -1 for an empty place."""
    return Chains(take(chains.clusters, columns), *(array[..., columns] for array in chains[1:]))
