"""Exchanges of unlike atoms: the orders of an alloy on the places of one structure.

Which element sits where (the homotop) is a search of its own: R. Ferrando, J. Jellinek and R. L. Johnston, Chem. Rev. 108, 845
(2008), doi:10.1021/cr040090g. Most exchanges of a random pair raise the energy. Here every candidate atom becomes one of the
other element for a moment, on fixed places; two such changes, the one against the other, estimate the gain of every pair for
the cost of as many evaluations as there are candidates.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from clusteropt.clusters.arrays import Clusters
from clusteropt.engine import lanes, programs
from clusteropt.engine.batches import take
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.problems.units import over_units
from clusteropt.runtime.backend import n_lanes

MOST_EXCHANGED = 4  # pairs in one move
N_DRAWS = 1  # random numbers of a move, beside two for each atom
ORDERS = ("mixed", "shells", "halves")
_CANDIDATES = 24  # atoms, at most, whose change is computed
_CHOICE = 0.02  # energy scales of chance for each atom of a pair
_NEVER = 1e30


class Changes(NamedTuple):
    """Clusters and the atoms to change; the last axis counts clusters."""

    clusters: Clusters
    atoms: Array  # (n_candidates, n_clusters) int32


def can_exchange(clusters: Clusters) -> np.ndarray:
    """(n_clusters,) bool: the free atoms are of several elements."""
    free, species = np.asarray(clusters.free), np.asarray(clusters.species)
    lowest = np.where(free, species, np.iinfo(np.int32).max).min(0)
    return np.asarray((free & (species != lowest)).any(0))


def exchanged(
    clusters: Clusters, draws: np.ndarray, chance: np.ndarray, problem: ClusterProblem
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (3, n_atoms, n_clusters) with pairs of unlike free atoms exchanged, and the evaluations (n_clusters,).

    One to four pairs, those that gain most by the estimate but for chance, of up to 24 random atoms. draws (N_DRAWS or more,
    n_clusters) and chance (2 * n_atoms, n_clusters): random numbers in [0, 1). A cluster stays as it is where `can_exchange` is
    False.
    """
    size, free, able = clusters.mask.shape[0], np.asarray(clusters.free), can_exchange(clusters)
    atoms = _candidates(clusters, chance[:size])
    kinds, there = (np.take_along_axis(np.asarray(a), atoms, 0) for a in (clusters.species, free))
    changes = change_energies(clusters, atoms, problem) / problem.scale.energy
    lucky = -np.log(-np.log(np.clip(chance[size : size + len(atoms)], 1e-12, 1 - 1e-12)))  # Gumbel's distribution
    cost = pair_energies(changes, kinds, there) - _CHOICE * (lucky[:, None] + lucky[None])
    n_pairs = 1 + (MOST_EXCHANGED * draws[0] ** 2).astype(np.int64)
    n_evaluations = (len(problem.potential.elements) - 1) * there.sum(0) + 1 if not problem.hosted else 0
    return _with_exchanges(clusters, atoms, cost, n_pairs), np.where(able, n_evaluations, 0)


def ordered(rng: np.random.Generator, positions: np.ndarray, species: np.ndarray, kind: str) -> np.ndarray:
    """The places `positions` (n_atoms, 3), dealt out anew to atoms of the elements `species` (n_atoms,) as an order of ORDERS.

    'mixed': at random; 'shells': one element after the other from the centre outwards; 'halves': from one side to the other. The
    elements come in a random sequence.
    """
    away, way = positions - positions.mean(0), rng.normal(size=3)
    places = {"mixed": rng.permutation(len(species)), "shells": np.linalg.norm(away, axis=1), "halves": away @ way}[
        kind
    ]
    turn = rng.permutation(int(species.max()) + 1)[species]
    dealt = np.empty_like(positions)
    dealt[np.lexsort((rng.permutation(len(species)), turn))] = positions[np.argsort(places, kind="stable")]
    return dealt


def foresee(sample: Clusters, n_clusters: int, problem: ClusterProblem) -> bool:
    """Starts to build the program in the background, for `n_clusters` clusters like the sample.

    Returns True where the program has to be compiled.
    """
    if problem.hosted:
        return False
    size = sample.mask.shape[0]
    mesh = lanes.mesh_for(n_clusters, size)
    nobody = take(sample, np.full(n_lanes(size) * mesh.size, -1), np.float32)
    atoms = np.zeros((min(_CANDIDATES, size), nobody.mask.shape[1]), np.int32)
    return programs.request(changed, problem.softened(), Changes(nobody, atoms), mesh=mesh, in_place=False)  # type: ignore[arg-type]


def _candidates(clusters: Clusters, chance: np.ndarray) -> np.ndarray:
    """(n_candidates, n_clusters) int32: random atoms, free ones first, with the elements in turn while there are several."""
    free, species = np.asarray(clusters.free), np.asarray(clusters.species)
    turn = np.zeros(free.shape)
    for element in range(int(species.max(initial=0)) + 1):
        own = free & (species == element)
        order = np.argsort(np.where(own, chance, 2), axis=0, kind="stable")
        turn = np.where(own, np.argsort(order, axis=0, kind="stable") + chance, turn)
    order = np.argsort(np.where(free, turn, np.inf), axis=0, kind="stable")
    return order[:_CANDIDATES].astype(np.int32)


def pair_energies(changes: np.ndarray, kinds: np.ndarray, able: np.ndarray) -> np.ndarray:
    """The estimated energies (n_candidates, n_candidates, n_clusters) of exchanges; 1e30 for pairs that are none.

    changes (n_candidates, n_elements, n_clusters); kinds and able (n_candidates, n_clusters), the elements of the candidates
    and whether they may go elsewhere.
    """
    wanted = np.take_along_axis(changes, kinds[None].repeat(len(kinds), 0), 1)  # of i, as the element of j
    valid = (kinds[:, None] != kinds[None]) & able[:, None] & able[None]
    return np.where(valid, wanted + wanted.swapaxes(0, 1), _NEVER)


def _with_exchanges(clusters: Clusters, atoms: np.ndarray, cost: np.ndarray, n_pairs: np.ndarray) -> np.ndarray:
    """The positions after the exchanges of lowest cost, of which no two share an atom."""
    positions, columns = np.array(clusters.positions), np.arange(cost.shape[-1])
    cost, n = np.array(cost), len(cost)
    for k in range(MOST_EXCHANGED):
        flat = cost.reshape(n * n, -1)
        best = flat.argmin(0)
        due = columns[(k < n_pairs) & (flat[best, columns] < _NEVER / 2)]
        i, j = best[due] // n, best[due] % n
        one, other = atoms[i, due], atoms[j, due]
        positions[:, one, due], positions[:, other, due] = positions[:, other, due], positions[:, one, due]
        for gone in (i, j):
            cost[gone, :, due] = cost[:, gone, due] = _NEVER
    return positions


def change_energies(clusters: Clusters, atoms: np.ndarray, problem: ClusterProblem) -> np.ndarray:
    """The energies (n_candidates, n_elements, n_clusters) that the change of each of `atoms` to each element would cost.

    On fixed places, in single precision, with a softened core. Zero by a calculator, for which they would be too dear: chance
    alone chooses then.
    """
    if problem.hosted:
        return np.zeros((len(atoms), len(problem.potential.elements), atoms.shape[1]))
    size, n_clusters = clusters.mask.shape

    def one_row(columns: np.ndarray, mesh: Mesh) -> tuple[np.ndarray, ...]:
        batch = Changes(take(clusters, columns, np.float32), atoms[:, columns])  # type: ignore[arg-type]
        return programs.run(changed, problem.softened(), batch, mesh=mesh, in_place=False)  # type: ignore[no-any-return]

    (found,) = lanes.in_rows(n_clusters, lanes.n_used(clusters), size, one_row)
    return found.astype(np.float64)


def changed(problem: ClusterProblem, batch: Changes, *, mesh: Mesh) -> tuple[Array, ...]:
    """The program: `change_energies`, each device working on its own share of the clusters."""

    def one_device(own: Changes) -> Array:
        return _changed(problem, own)

    specs = jax.tree.map(lambda a: programs.lanes_last(a.ndim), batch)
    out = programs.lanes_last(3)
    return (jax.shard_map(one_device, mesh=mesh, in_specs=(specs,), out_specs=out, check_vma=False)(batch),)


def _changed(problem: ClusterProblem, batch: Changes) -> Array:
    clusters, rows = batch.clusters, jnp.arange(batch.clusters.mask.shape[0], dtype=jnp.int32)[:, None]
    before = problem.energies_and_gradient(clusters)[0]

    def one(atom: Array, element: Array) -> Array:
        other = clusters._replace(species=jnp.where(rows == atom, element, clusters.species))
        after = problem.energies_and_gradient(other)[0]
        return over_units(lambda a, b: (a - b,), after, before)[0]

    elements = jnp.arange(len(problem.potential.elements), dtype=jnp.int32)
    return jax.lax.map(lambda atom: jax.lax.map(lambda element: one(atom, element), elements), batch.atoms)
