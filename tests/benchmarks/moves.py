"""The gain of a search by the moves of `search/rebuilt.py` and `search/exchanges.py`. Prints a Markdown table.

    python tests/benchmarks/moves.py surface X31,X64 --hits 80 --seconds 25
    python tests/benchmarks/moves.py exchanges Ag20Au18 --potential gupta-ag-au --evaluations 4e5
    python tests/benchmarks/moves.py alloys Ag19Au19,Ag32Pd6 --evaluations 4e6 --seeds 0 1 2

`surface`: evaluations per hit with moves over the surface, with rebuilt surfaces in their place, and with both by halves.
`exchanges`: the lowest minima (quenched) of chains in which no hop, or half of them, exchange atoms, at random or by estimate.
`alloys`: the search of a composition beside basin hopping in which every other hop exchanges unlike atoms at random. Both make
the same number of evaluations. The table has the lowest minimum (polished) of each, and the evaluations until it was visited.
"""

import argparse
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure
from clusteropt.evaluation.measure import measure
from clusteropt.evaluation.settings import EvaluationSettings
from clusteropt.evaluation.target import learned_plan, target_for
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.limits import Limits
from clusteropt.exploration.polishing import polished
from clusteropt.exploration.searching import Search
from clusteropt.optimizers.learned import weights
from clusteropt.potentials import sets
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import host
from clusteropt.search import hops, walk
from clusteropt.search.exchanges import exchanged, ordered
from clusteropt.search.policy import SearchPlan, plan_for
from clusteropt.search.starts import start_positions, symbols_of
from clusteropt.search.styles import Style

N_CHAINS = 64
N_HOPPERS = 16  # chains of basin hopping in an alloy, of more than a thousand hops each
SAME = 1e-4  # energy scales up to which two minima are the same in the table
ROUGH = 0.02  # energy scales, the error of a quenched energy
Moved = tuple[np.ndarray, np.ndarray]


def at_random(clusters: Clusters, draws: np.ndarray, chance: np.ndarray, problem: ClusterProblem) -> Moved:
    free, species, size = np.asarray(clusters.free), np.asarray(clusters.species), len(clusters.mask)
    columns, positions = np.arange(free.shape[1]), np.array(clusters.positions)
    i = np.where(free, chance[:size], -1).argmax(0)
    j = np.where(free & (species != species[i, columns]), chance[size:], -1).argmax(0)
    positions[:, i, columns], positions[:, j, columns] = positions[:, j, columns], positions[:, i, columns]
    return positions, np.zeros(len(columns), np.int64)


def style(**moves: float) -> Style:
    return Style("tried", displacement=0.3, patience=8, **moves)


def surface(job: argparse.Namespace) -> None:
    print("| | moves | evaluations per hit | seconds per hit | hits |\n|---|---|---|---|---|")
    settings = EvaluationSettings(hits=job.hits, seconds=job.seconds, seed=job.seed)
    for formula in job.formulas.split(","):
        target = target_for(formula)
        for name, surface, rebuild in (("surface", 0.7, 0.0), ("rebuilt", 0.0, 0.7), ("halves", 0.35, 0.35)):
            plan = learned_plan(weights.named("learned"), target)
            plan = plan._replace(styles=(style(surface=surface, rebuild=rebuild),))
            score = measure(target, "learned", plan, settings)
            seconds = score.seconds / max(score.n_hits, 1)
            print(
                f"| {formula} | {name} | {score.evaluations_per_hit:,.0f} | {seconds:.3f} | {score.n_hits} |",
                flush=True,
            )


def lowest(formula: str, potential: str, evaluations: float, seed: int, share: float) -> np.ndarray:
    """The lowest energies of chains, sorted, for so many evaluations in all; `share` of the hops are exchanges."""
    symbols = symbols_of(formula)
    chosen = sets.potential_for(tuple(sorted(set(symbols))), potential)
    species, n = np.array([chosen.elements.index(s) for s in symbols], np.int32), len(symbols)
    own = style(surface=0.35, rebuild=0.35, exchange=share / (1 - share))._replace(temperature=0.3, patience=40)
    plan = plan_for(weights.named("learned"), n, chosen, hops=400)._replace(styles=(own,))
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
    for formula in job.formulas.split(","):
        for name, share, exchange in (
            ("none", 0, exchanged),
            ("at random", 0.5, at_random),
            ("by estimate", 0.5, exchanged),
        ):
            hops.exchanged = exchange
            with host.double_precision():
                found = lowest(formula, job.potential, job.evaluations, job.seed, share)
            print(f"| {formula} | {name} | {found[0]:.3f} | {found[len(found) // 10]:.3f} | {len(found)} |", flush=True)


class Lowest(NamedTuple):
    energy: float
    evaluations: int  # until it was visited


def composition_of(formula: str, potential: str | None) -> Composition:
    symbols = symbols_of(formula)
    return Composition(tuple(symbols), sets.potential_for(tuple(sorted(set(symbols))), potential))


def searched(composition: Composition, evaluations: float, seed: int) -> Lowest:
    search = Search(Kit(composition, weights.named("learned"), seed), Limits(evaluations=evaluations))
    for _ in search:
        pass
    best = search.pool.found[0]
    return Lowest(best.minimum.energy, best.n_evaluations)


def hopped(composition: Composition, evaluations: float, seed: int) -> Lowest:
    both = Style("hop or exchange", displacement=0.5, exchange=0.5, patience=10_000, temperature=0.8)
    rng, n, scale = np.random.default_rng(seed), composition.n_atoms, composition.potential.energy
    keys = rng.integers(2**64, size=N_HOPPERS, dtype=np.uint64)
    places = np.moveaxis(start_positions(keys, n, composition.potential.length, np.zeros(N_HOPPERS, bool)), -1, 0)
    starts = [
        Structure(ordered(rng, p.T, composition.species, "mixed"), composition.species, np.ones(n, bool))
        for p in places
    ]
    under_way = walk.begin(starts, keys, composition.problem, SearchPlan(hops=10_000, styles=(both,)))
    records: list[tuple[float, int, np.ndarray]] = []  # quenched energy, evaluations, positions
    for visits in under_way:
        spent, k = int(under_way.chains.n_evaluations.sum()), int(visits.energy.argmin())
        if not records or visits.energy[k] < records[-1][0]:
            records.append((float(visits.energy[k]), spent, visits.positions[..., k]))
        if spent > evaluations:
            break
    last = [record for record in records if record[0] < records[-1][0] + ROUGH * scale]
    found = [minimum.energy for minimum in polished(composition, [positions for *_, positions in last])]
    first = next(k for k, energy in enumerate(found) if energy < min(found) + SAME * scale)
    return Lowest(min(found), last[first][1])


def alloys(job: argparse.Namespace) -> None:
    print("| | seed | search | evaluations | basin hopping | evaluations | search is |\n|---|---|---|---|---|---|---|")
    for formula in job.formulas.split(","):
        composition = composition_of(formula, job.potential)
        for seed in job.seeds:
            with host.double_precision():
                hops.exchanged = exchanged
                own = searched(composition, job.evaluations, seed)
                hops.exchanged = at_random
                other = hopped(composition, job.evaluations, seed)
            gap, near = own.energy - other.energy, SAME * composition.potential.energy
            words = "lower" if gap < -near else "higher" if gap > near else "sooner" if own[1] < other[1] else "later"
            columns = (f"{one.energy:.6f} | {one.evaluations:,}" for one in (own, other))
            print(f"| {formula} | {seed} | {' | '.join(columns)} | {words} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("surface", "exchanges", "alloys"))
    parser.add_argument("formulas")
    parser.add_argument("--potential", help="the parameter set of the exchanges")
    parser.add_argument("--hits", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--evaluations", type=float, default=4e5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of alloys")
    job = parser.parse_args()
    {"surface": surface, "exchanges": exchanges, "alloys": alloys}[job.part](job)


if __name__ == "__main__":
    main()
