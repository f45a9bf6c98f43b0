"""The cost of a calculator through the program, and the evaluations that it saves: figures of docs/benchmarks.md.

python tests/benchmarks/calculators.py overhead
python tests/benchmarks/calculators.py hits Cu13 emt 9.361358 20000 10 sba
python tests/benchmarks/calculators.py share Au13 tblite:GFN1-xTB 600
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the loop of ASE, as workers have it

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.cluster import Octahedron
from ase.optimize import BFGS
from ase.optimize.basin import BasinHopping

import clusteropt
from clusteropt.clusters.arrays import Structure
from clusteropt.exploration.composition import Composition
from clusteropt.finding.searching import composition_of
from clusteropt.potentials.calculators import known, recipe
from clusteropt.potentials.calculators.worker import computed, made
from clusteropt.runtime import host
from clusteropt.search import walk
from clusteropt.search.policy import SearchPlan
from clusteropt.search.starts import start_positions

SAME = 0.02  # energy scales above the lowest minimum, below which a quench has come to it
TIMES = 3


class Counted(Calculator):
    """Another calculator's energies and forces, counted; the run ends after `most`."""

    implemented_properties: ClassVar = ["energy", "forces"]

    def __init__(self, inner: Calculator, most: int) -> None:
        super().__init__()
        self.inner, self.most, self.n = inner, most, 0

    def calculate(self, atoms: Atoms, properties: list[str], changes: list[str]) -> None:
        super().calculate(atoms, properties, changes)
        self.n += 1
        if self.n > self.most:
            raise TimeoutError
        found = computed(self.inner, np.asarray(atoms.numbers, np.int32), atoms.positions, False)
        self.results = {"energy": found[0], "forces": found[1:].reshape(-1, 3)}


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


def share(formula: str, calculator: str, evaluations: int) -> None:
    """The time of a search outside the calculator, by two workers and by one: seconds of a core, which do not depend on other
    programs, and seconds by the clock, which do.
    """
    for n in (2, 1):
        name = known.use(recipe.recipe_of(calculator, {}, timeout=600.0 + n), n)
        clusteropt.search(formula, name, evaluations=20, certify=False)  # programs are there
        composition = composition_of(formula, name)
        several = [Atoms(composition.symbols, positions=start_of(composition, k)) for k in range(8)]
        clusteropt.energy(several, name)  # all workers are there
        known.pool_of(name)._known.clear()
        n_before = known.pool_of(name).n_evaluations
        began, ours, theirs = time.perf_counter(), time.process_time(), of_workers(name)
        clusteropt.search(formula, name, evaluations=evaluations, certify=False, seed=1)
        wall, ours, theirs = time.perf_counter() - began, time.process_time() - ours, of_workers(name) - theirs
        count = known.pool_of(name).n_evaluations - n_before
        print(
            f"{formula}, {calculator}, {n} workers: {count} evaluations in {wall:.1f} s, {count / wall:.1f} a second; "
            f"{theirs:.1f} s of cores in workers, {ours:.1f} s here: {ours / (ours + theirs):.1%} outside; "
            f"workers busy {theirs / (n * wall):.0%} of the time",
            flush=True,
        )


def of_workers(name: str) -> float:
    """Seconds of a core that the workers have used."""
    numbers = [worker.process.pid for worker in known.pool_of(name)._workers]
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in numbers]
    return sum(int(ticks) for own in fields for ticks in own[11:13]) / os.sysconf("SC_CLK_TCK")


class Aim(NamedTuple):
    """A composition and its lowest minimum, which a run is to come to."""

    composition: Composition
    lowest: float  # eV
    most: int  # evaluations of a run

    def is_reached(self, energy: float) -> bool:
        return energy < self.lowest + SAME * self.composition.potential.energy


def hits(formula: str, calculator: str, lowest: float, most: int, seeds: range, wanted: str) -> None:
    """Evaluations to the lowest minimum, for each seed: a search, basin hopping of the program, and that of ASE.

    `wanted`: letters s, b and a, of these three.
    """
    name = known.use(recipe.recipe_of(calculator, {}, share=1.0))
    aim = Aim(composition_of(formula, name), lowest, most)
    print(f"{known.pool_of(name).n_asked} evaluations for the scales", flush=True)
    methods = {"s": ("search", search), "b": ("basin hopping", hopping), "a": ("BasinHopping of ASE", ases)}
    for name, method in [methods[letter] for letter in wanted]:
        used, n_hits = [], 0
        for seed in seeds:
            n = method(aim, seed)
            n_hits += n is not None
            used.append(most if n is None else n)
        mean = sum(used) / n_hits if n_hits else np.inf
        print(
            f"{formula}, {calculator}, {name}: {n_hits} of {len(used)} hits, {mean:,.0f} evaluations a hit, {used}",
            flush=True,
        )


def search(aim: Aim, seed: int) -> int | None:
    """The evaluations of the search until it came to the minimum, polishing among them; None without a hit."""
    symbols, potential = "".join(aim.composition.symbols), aim.composition.potential
    target = aim.lowest + SAME / 2 * potential.energy
    about = {"target": target, "evaluations": aim.most, "seed": seed, "certify": False, "symmetrize": False}
    found = clusteropt.search(symbols, potential.name, **about)
    return found.minima[0].evaluations if aim.is_reached(found.energy) else None


def start_of(composition: Composition, seed: int) -> np.ndarray:
    """Positions (n_atoms, 3), anywhere in a sphere."""
    key = np.random.default_rng(seed).integers(2**64, dtype=np.uint64, size=1)
    return start_positions(key, composition.n_atoms, composition.potential.length, np.array([False]))[..., 0].T


def hopping(aim: Aim, seed: int) -> int | None:
    own = aim.composition
    start = Structure(start_of(own, seed), own.species, np.ones(own.n_atoms, bool))
    with host.double_precision():
        rounds = walk.begin([start], np.array([seed], np.uint64), own.problem, SearchPlan(hops=aim.most))
        for _ in rounds:  # a quench ends about 0.01 energy scales above its minimum
            used = int(rounds.chains.n_evaluations[0])
            if aim.is_reached(rounds.chains.lowest_energy[0]) or used >= aim.most:
                return used if used < aim.most else None
    return None


def ases(aim: Aim, seed: int) -> int | None:
    """With the displacements and the temperature of the program's own; from another start where the calculator fails."""
    own, about = aim.composition, known.pool_of(aim.composition.potential.calculator).recipe
    calculator = Counted(made(about.place, json.loads(about.options)), aim.most)
    scale, length = own.potential.energy, own.potential.length
    rules = {"temperature": 0.8 * scale, "dr": 0.36 * length, "fmax": 0.3 * scale / length}
    silent = {"logfile": None, "trajectory": None, "local_minima_trajectory": os.devnull, "optimizer_logfile": None}
    np.random.seed(seed)
    start = start_of(own, seed)
    while calculator.n < aim.most:
        atoms = Atoms(own.symbols, positions=start)
        atoms.calc = calculator
        with suppress(Exception):
            run = BasinHopping(atoms, optimizer=BFGS, **silent, **rules)
            while calculator.n < aim.most:
                if aim.is_reached(run.Emin):
                    return calculator.n
                run.run(1)
        start = start_of(own, int(np.random.randint(2**31)))
    return None


if __name__ == "__main__":
    if sys.argv[1:2] == ["overhead"]:
        overhead()
    elif sys.argv[1] == "share":
        share(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        formula, calculator, lowest, most, n_seeds, wanted = sys.argv[2:8]
        hits(formula, calculator, float(lowest), int(most), range(int(n_seeds)), wanted)
