"""What the moves of `search/rebuilt.py` and `search/exchanges.py` contribute to a search. Prints a Markdown table.

    python tests/benchmarks/moves.py surface X31,X64 --hits 80 --seconds 25
    python tests/benchmarks/moves.py exchanges Ag20Au18 --potential gupta-ag-au --evaluations 4e5

`surface`: evaluations per hit with moves over the surface, with rebuilt surfaces in their place, and with both by halves.
`exchanges`: the lowest minima (quenched) of chains in which no hop, or half of them, exchange atoms, at random or by estimate.
"""

import argparse
from collections.abc import Callable

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure
from clusteropt.engine.batches import take
from clusteropt.evaluation.measure import measure
from clusteropt.evaluation.settings import EvaluationSettings
from clusteropt.evaluation.target import learned_plan, target_for
from clusteropt.optimizers.learned import weights
from clusteropt.potentials import sets
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import host
from clusteropt.search import hops, walk
from clusteropt.search.draws import uniforms
from clusteropt.search.exchanges import exchanged, ordered
from clusteropt.search.policy import plan_for
from clusteropt.search.rebuilt import rebuilt_surface
from clusteropt.search.starts import start_positions, symbols_of
from clusteropt.search.surface import moved_over_surface

N_CHAINS = 64
Moved = tuple[np.ndarray, np.ndarray]


def by_halves(clusters: Clusters, energies: np.ndarray, draws: np.ndarray, *others: object) -> Moved:
    rebuilt, moved = (move(clusters, energies, draws, *others) for move in (rebuilt_surface, moved_over_surface))  # type: ignore[arg-type]
    first = draws[-1] < 0.5
    return np.where(first, rebuilt[0], moved[0]), np.where(first, rebuilt[1], moved[1])


def at_random(clusters: Clusters, draws: np.ndarray, chance: np.ndarray, problem: ClusterProblem) -> Moved:
    free, species, size = np.asarray(clusters.free), np.asarray(clusters.species), len(clusters.mask)
    columns, positions = np.arange(free.shape[1]), np.array(clusters.positions)
    i = np.where(free, chance[:size], -1).argmax(0)
    j = np.where(free & (species != species[i, columns]), chance[size:], -1).argmax(0)
    positions[:, i, columns], positions[:, j, columns] = positions[:, j, columns], positions[:, i, columns]
    return positions, np.zeros(len(columns), np.int64)


def half_exchanged(exchange: Callable[..., Moved]) -> Callable[..., hops.Proposal]:
    """`hops.propose`, but that half of the hops exchange atoms."""
    propose = hops.propose

    def proposed(
        clusters: Clusters, energies: np.ndarray, keys: np.ndarray, n_hops: np.ndarray, *others: object
    ) -> hops.Proposal:
        usual = propose(clusters, energies, keys, n_hops, *others)  # type: ignore[arg-type]
        draws = uniforms(keys ^ np.uint64(0x5555), n_hops.astype(np.uint64), 2 + 2 * len(clusters.mask))
        own = np.flatnonzero(draws[0] < 0.5)
        positions, used = np.array(usual.positions), np.array(usual.n_evaluations)
        if own.size:
            positions[..., own], used[own] = exchange(take(clusters, own), draws[1:2, own], draws[2:, own], others[0])
        return usual._replace(positions=positions, n_evaluations=used)

    return proposed


def surface(job: argparse.Namespace) -> None:
    print("| | moves | evaluations per hit | seconds per hit | hits |\n|---|---|---|---|---|")
    settings = EvaluationSettings(hits=job.hits, seconds=job.seconds, seed=job.seed)
    for formula in job.formulas.split(","):
        target = target_for(formula)
        for name, move in (("surface", moved_over_surface), ("rebuilt", rebuilt_surface), ("halves", by_halves)):
            hops.moved_over_surface = move
            score = measure(target, "learned", learned_plan(weights.named("learned"), target), settings)
            seconds = score.seconds / max(score.n_hits, 1)
            print(
                f"| {formula} | {name} | {score.evaluations_per_hit:,.0f} | {seconds:.3f} | {score.n_hits} |",
                flush=True,
            )


def lowest(formula: str, potential: str, evaluations: float, seed: int) -> np.ndarray:
    """The lowest energy of each chain, sorted; as many chains as the evaluations allow."""
    symbols = symbols_of(formula)
    chosen = sets.potential_for(tuple(sorted(set(symbols))), potential)
    species, n = np.array([chosen.elements.index(s) for s in symbols], np.int32), len(symbols)
    plan = plan_for(weights.named("learned"), n, chosen)._replace(temperature=0.3, patience=40, hops=400)
    energies, spent = [], 0
    while spent < evaluations:
        rng = np.random.default_rng([seed, len(energies)])
        keys = rng.integers(2**64, size=N_CHAINS, dtype=np.uint64)
        places = np.moveaxis(start_positions(keys, n, chosen.length, np.arange(N_CHAINS) % 2 == 1), -1, 0)
        mixed = [ordered(rng, place.T, species, "mixed") for place in places]
        starts = [Structure(place, species, np.ones(n, bool)) for place in mixed]
        under_way = walk.begin(starts, keys, ClusterProblem(chosen), plan, np.arange(N_CHAINS) // 16)
        for _ in under_way:
            pass
        spent += int(under_way.chains.n_evaluations.sum())
        energies += under_way.chains.lowest_energy.tolist()
    return np.sort(energies)


def exchanges(job: argparse.Namespace) -> None:
    print("| | exchanges | lowest | best tenth | chains |\n|---|---|---|---|---|")
    hops.moved_over_surface, usual = by_halves, hops.propose
    for formula in job.formulas.split(","):
        for name, exchange in (("none", None), ("at random", at_random), ("by estimate", exchanged)):
            hops.propose = usual
            hops.propose = usual if exchange is None else half_exchanged(exchange)
            with host.double_precision():
                found = lowest(formula, job.potential, job.evaluations, job.seed)
            print(f"| {formula} | {name} | {found[0]:.3f} | {found[len(found) // 10]:.3f} | {len(found)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("surface", "exchanges"))
    parser.add_argument("formulas")
    parser.add_argument("--potential", help="the parameter set of the exchanges")
    parser.add_argument("--hits", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--evaluations", type=float, default=4e5)
    parser.add_argument("--seed", type=int, default=0)
    job = parser.parse_args()
    {"surface": surface, "exchanges": exchanges}[job.part](job)


if __name__ == "__main__":
    main()
