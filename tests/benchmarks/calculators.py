"""What a calculator costs through the program, and the evaluations that it saves: figures of docs/benchmarks.md.

python tests/benchmarks/calculators.py overhead
python tests/benchmarks/calculators.py hits Cu13 9.361358 10
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the loop of ASE, as workers have it

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT
from ase.cluster import Octahedron
from ase.optimize import BFGS
from ase.optimize.basin import BasinHopping

import clusteropt
from clusteropt.clusters.arrays import Structure
from clusteropt.exploration.composition import Composition
from clusteropt.finding.searching import composition_of
from clusteropt.potentials.calculators import known, recipe
from clusteropt.runtime import host
from clusteropt.search import walk
from clusteropt.search.policy import SearchPlan
from clusteropt.search.starts import start_positions

MOST = 20_000  # evaluations of a seed
SAME = 1e-3  # eV above the lowest energy
TIMES = 3


class Counted(EMT):
    """EMT that counts its evaluations, and ends a run after the last."""

    n = 0

    def calculate(self, *arguments: object, **others: object) -> None:
        self.n += 1
        if self.n > MOST:
            raise TimeoutError
        super().calculate(*arguments, **others)  # type: ignore[arg-type]


def overhead() -> None:
    """Seconds of a core for 1,000 energies and forces of Cu38: this process and one worker, and a plain loop of ASE, in turn."""
    one = Octahedron("Cu", 4, 1)
    one.pbc = False
    rng = np.random.default_rng(0)
    name = known.use(recipe.recipe_of("emt", {}), 1)
    clusteropt.energy([one] * 70, name)  # the worker and the program are there
    for turn in range(TIMES):
        several = [one.copy() for _ in range(1000)]
        for atoms in several:
            atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        began = time.process_time() + of_workers(name)
        found = [result.energy for result in clusteropt.energy(several, name)]
        ours, began, calculator, plain = time.process_time() + of_workers(name) - began, time.process_time(), EMT(), []
        for atoms in several:
            atoms.calc = calculator
            plain.append(atoms.get_potential_energy())
            atoms.get_forces()
        theirs = time.process_time() - began
        print(
            f"{turn}: {ours:.2f} s by one worker, {theirs:.2f} s in a loop: {ours / theirs:.2f}; same: {found == plain}"
        )


def of_workers(name: str) -> float:
    """Seconds of a core that the workers have used."""
    numbers = [worker.process.pid for worker in known.pool_of(name)._workers]
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in numbers]
    return sum(int(ticks) for own in fields for ticks in own[11:13]) / os.sysconf("SC_CLK_TCK")


def hits(formula: str, lowest: float, n_seeds: int) -> None:
    """Evaluations to the lowest energy, for each seed: a search, basin hopping of the program, and that of ASE."""
    composition = composition_of(formula, known.use(recipe.recipe_of("emt", {})))
    methods = {"search": search, "basin hopping": hopping, "BasinHopping of ASE": ases}
    for name, method in methods.items():
        used = [method(composition, lowest, seed) for seed in range(n_seeds)]
        n_hits = sum(n < MOST for n in used)
        mean = sum(used) / n_hits if n_hits else np.inf
        print(f"{formula}, {name}: {n_hits} of {n_seeds} hits, {mean:,.0f} evaluations a hit, {used}", flush=True)


def search(composition: Composition, lowest: float, seed: int) -> int:
    symbols, name = "".join(composition.symbols), composition.potential.name
    about = {"target": lowest + SAME, "evaluations": MOST, "seed": seed, "certify": False}
    found = clusteropt.search(symbols, name, **about)
    return found.evaluations if found.stopped_by == "target" else MOST


def start_of(composition: Composition, seed: int) -> np.ndarray:
    """Positions (n_atoms, 3), anywhere in a sphere."""
    key = np.random.default_rng(seed).integers(2**64, dtype=np.uint64, size=1)
    return start_positions(key, composition.n_atoms, composition.potential.length, np.array([False]))[..., 0].T


def hopping(composition: Composition, lowest: float, seed: int) -> int:
    start = Structure(start_of(composition, seed), composition.species, np.ones(composition.n_atoms, bool))
    with host.double_precision():
        keys = np.array([seed], np.uint64)
        rounds = walk.begin([start], keys, composition.problem, SearchPlan(hops=MOST))
        for _ in rounds:  # a quench ends about 0.01 energy scales above its minimum
            used = int(rounds.chains.n_evaluations[0])
            if rounds.chains.lowest_energy[0] < lowest + 0.02 * composition.potential.energy or used >= MOST:
                return min(used, MOST)
    return MOST


def ases(composition: Composition, lowest: float, seed: int) -> int:
    """With the displacements and the temperature of the program's own."""
    atoms = Atoms(composition.symbols, positions=start_of(composition, seed))
    atoms.calc = calculator = Counted()
    scale, length = composition.potential.energy, composition.potential.length
    rules = {"temperature": 0.8 * scale, "dr": 0.36 * length, "fmax": 0.3 * scale / length}
    np.random.seed(seed)
    run = BasinHopping(
        atoms,
        optimizer=BFGS,
        logfile=None,
        trajectory=None,
        local_minima_trajectory=os.devnull,
        optimizer_logfile=None,
        **rules,
    )
    ends: list[int] = []

    def look() -> None:
        if not ends and run.Emin < lowest + 0.02 * scale:
            ends.append(calculator.n)
            calculator.n = MOST

    run.attach(look)
    with suppress(TimeoutError):
        run.run(10**6)
    return ends[0] if ends else MOST


if __name__ == "__main__":
    if sys.argv[1:2] == ["overhead"]:
        overhead()
    else:
        hits(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
