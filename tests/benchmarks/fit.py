"""Network potentials: errors on sizes that were not fitted, of every optimizer, and searches on fits. Prints Markdown tables.

    python tests/benchmarks/fit.py data FOLDER                     the structures, 13 to 55 atoms: lj, and agau (Gupta Ag-Au)
    python tests/benchmarks/fit.py optimizers FOLDER lj            adam, network and lbfgs; --only adam, --steps 10000
    python tests/benchmarks/fit.py search FOLDER agau-adam         Ag19Au19 on the true potential, and on agau-adam.h5
    python tests/benchmarks/fit.py more FOLDER agau-adam           agau-adam-more.xyz, from the minima that this search has found
    python tests/benchmarks/fit.py kernels FOLDER agau-adam        energy and gradient of agau-adam.h5 beside Gupta, one core

Half of the structures are minima from random starts, half are such minima with every atom displaced by up to a tenth of the
nearest-neighbour distance. Fits and searches are commands in processes of their own; `taskset -c 1` gives them one core. Columns
of `optimizers`: structures, optimizer, steps, seconds elapsed and of the processor, validation errors, and on the other sizes
the root mean square and the largest error of energies for each atom, and that of forces. Columns of `search`: potential,
evaluations, lowest energy, the lowest true energy of its five lowest minima, and these above the lowest of the true search.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from starts import starts

import clusteropt

FITTED, OTHER = (13, 17, 21, 25, 30, 34, 38, 43, 49, 55), (15, 19, 23, 28, 32, 36, 40, 46, 52)  # atoms
COUNT, TESTS = 2000, 360
ALLOY, TARGET = "gupta-ag-au", "Ag19Au19"
SYSTEMS = {"lj": ("lj", ("X",), 2 ** (1 / 6)), "agau": (ALLOY, ("Ag", "Au"), 2.8)}  # with neighbour distances


class Spent(NamedTuple):
    """Seconds of a process."""

    elapsed: float
    processor: float


def command(folder: Path, *words: str) -> tuple[str, Spent]:
    """Standard output of `clusteropt` in the folder, and what it took; what it says goes on to standard error."""
    begin, before = time.monotonic(), os.times().children_user
    program = str(Path(sys.executable).with_name("clusteropt"))
    done = subprocess.run([program, *words], cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 4, 75):
        raise SystemExit(f"clusteropt {' '.join(words)} ended with {done.returncode}")
    return done.stdout, Spent(time.monotonic() - begin, os.times().children_user - before)


def labelled(frames: list[Atoms], potential: str) -> list[Atoms]:
    """The frames with the energies and forces of a potential."""
    for atoms, one in zip(frames, clusteropt.energy(frames, potential), strict=True):
        atoms.calc = SinglePointCalculator(atoms, energy=one.energy, forces=one.forces)
    return frames


def displaced(atoms: Atoms, rng: np.random.Generator, most: float) -> Atoms:
    """A copy whose atoms have moved within spheres of radius `most`."""
    step = rng.normal(size=(len(atoms), 3))
    step *= most * (rng.uniform(size=len(atoms)) ** (1 / 3) / np.linalg.norm(step, axis=1))[:, None]
    return Atoms(atoms.symbols, atoms.positions + step)


def structures(system: str, sizes: tuple[int, ...], count: int, seed: int) -> list[Atoms]:
    """As many structures of these sizes, the compositions at random: minima, and as many displaced ones."""
    (potential, elements, length), rng, made = SYSTEMS[system], np.random.default_rng(seed), []
    for size in sizes:
        for x in starts(size, count // len(sizes) // 2, seed + size):
            share = rng.uniform()
            made.append(Atoms([elements[-int(u < share)] for u in rng.uniform(size=size)], length * x))
    found = [one.atoms for one in clusteropt.minimize(made, potential, optimizer="lbfgs") if one.converged]
    minima = [Atoms(a.symbols, a.positions) for a in found]
    return labelled(minima + [displaced(a, rng, 0.1 * length) for a in minima], potential)


def data(folder: Path, systems: list[str]) -> None:
    """Writes SYSTEM-fit.xyz and SYSTEM-test.xyz."""
    for system in systems:
        for name, sizes, count, seed in (("fit", FITTED, COUNT, 0), ("test", OTHER, TESTS, 1000)):
            write(folder / f"{system}-{name}.xyz", structures(system, sizes, count, seed), format="extxyz")


class Errors(NamedTuple):
    """Root mean square errors, of energy for each atom and of force components."""

    energy: float
    largest: float
    force: float


def errors(potential: Path, tests: list[Atoms]) -> Errors:
    """Of a fit, on structures with the true energies and forces."""
    bare = [Atoms(a.symbols, a.positions) for a in tests]
    found = clusteropt.energy(bare, potential=str(potential))
    off = np.array([(f.energy - a.get_potential_energy()) / len(a) for f, a in zip(found, tests, strict=True)])
    forces = np.concatenate([(f.forces - a.get_forces()).ravel() for f, a in zip(found, tests, strict=True)])
    return Errors(float(np.sqrt((off**2).mean())), float(abs(off).max()), float(np.sqrt((forces**2).mean())))


def optimizers(folder: Path, system: str, chosen: list[str], steps: int) -> None:
    """Fits by each optimizer with as many gradients; lbfgs has as much time as the first one instead."""
    tests: list[Atoms] = read(folder / f"{system}-test.xyz", ":")  # type: ignore[assignment]
    limit: float = 0
    for optimizer in chosen:
        out, plain = f"{system}-{optimizer}.h5", optimizer != "lbfgs" or not limit
        words = ("--steps", str(steps)) if plain else ("--steps", "1000000", "--time-limit", f"{limit:.0f}s")
        told, spent = command(
            folder, "fit", f"{system}-fit.xyz", "--out", out, "--optimizer", optimizer, *words, "--json", "--force"
        )
        report = json.loads(told)
        limit = limit or spent.elapsed
        own = ", ".join(f"{kind} {error:.2e}" for kind, error in report["validation_errors"].items())
        found = (f"{number:.5f}" for number in errors(folder / out, tests))
        columns = (system, optimizer, report["steps"], f"{spent.elapsed:.0f}", f"{spent.processor:.0f}", own, *found)
        print("| " + " | ".join(map(str, columns)) + " |", flush=True)


def search(folder: Path, fits: list[str], seconds: int) -> None:
    """Searches on the true potential and on fits to it; the five lowest of a fit go on to true minima."""
    limit, rows = ("--time-limit", f"{seconds}s", "--force", "--json"), []
    for name in ("true", *fits):
        potential = ALLOY if name == "true" else f"{name}.h5"
        database, lowest = folder / f"{name}.{TARGET}.minima.db", f"{name}-lowest.xyz"
        database.unlink(missing_ok=True)
        told, _ = command(
            folder, "search", TARGET, "-p", potential, "--db", database.name, "--out", f"{name}-best.xyz", *limit
        )
        command(folder, "minima", database.name, "--limit", "5", "--export", lowest, "--force")
        quenched, _ = command(
            folder, "minimize", lowest, "-p", ALLOY, "--optimizer", "lbfgs", "--out", f"{name}-quenched.xyz", *limit[2:]
        )
        report, energies = json.loads(told), [one["energy"] for one in json.loads(quenched)]
        rows.append((name, report["evaluations"], report["energy"], energies))
        above = ", ".join(f"{energy - rows[0][3][0]:.4f}" for energy in energies)
        print(
            f"| {name} | {report['evaluations']} | {report['energy']:.6f} | {min(energies):.6f} | {above} |", flush=True
        )


def more(folder: Path, fits: list[str]) -> None:
    """Writes up to a hundred minima of a fit's search, the true minima below them, and both displaced, with true labels."""
    rng = np.random.default_rng(0)
    for name in fits:
        database, pool = f"{name}.{TARGET}.minima.db", f"{name}-pool.xyz"
        command(folder, "minima", database, "--limit", "100", "--export", pool, "--force")
        own = [Atoms(a.symbols, a.positions) for a in read(folder / pool, ":")]
        below = [
            Atoms(one.atoms.symbols, one.atoms.positions) for one in clusteropt.minimize(own, ALLOY, optimizer="lbfgs")
        ]
        found = [*own, *below]
        found += [displaced(a, rng, 0.1 * SYSTEMS["agau"][2]) for a in found]
        write(folder / f"{name}-more.xyz", labelled(found, ALLOY), format="extxyz")


def kernels(folder: Path, fits: list[str]) -> None:
    """Microseconds for an energy and gradient of 38 atoms in a batch of 64: Gupta, the fit, and their ratio."""
    from run import our_kernel

    from clusteropt.runtime import host

    host.prepare(1)
    gupta = {1: "gupta-cleri-rosato", 2: ALLOY}
    with host.double_precision():
        for name in fits:
            for elements in (("Au",), ("Ag", "Au")):
                for dtype in ("float32", "float64"):
                    plain = our_kernel(gupta[len(elements)], elements, 38, dtype, 64)
                    own = our_kernel(str(folder / f"{name}.h5"), elements, 38, dtype, 64)
                    columns = (name, "-".join(elements), dtype, f"{plain:.2f}", f"{own:.1f}", f"{own / plain:.1f}")
                    print("| " + " | ".join(columns) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    for task in ("data", "optimizers", "search", "more", "kernels"):
        tasks.add_parser(task).add_argument("folder", type=Path)
    tasks.choices["data"].add_argument("systems", nargs="*", default=list(SYSTEMS))
    tasks.choices["optimizers"].add_argument("system", choices=SYSTEMS)
    tasks.choices["optimizers"].add_argument("--only", default="adam,network,lbfgs")
    tasks.choices["optimizers"].add_argument("--steps", type=int, default=10_000)
    tasks.choices["search"].add_argument("fits", nargs="*")
    tasks.choices["more"].add_argument("fits", nargs="+")
    tasks.choices["kernels"].add_argument("fits", nargs="+")
    tasks.choices["search"].add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.task == "data":
        data(given.folder, given.systems)
    elif given.task == "optimizers":
        optimizers(given.folder, given.system, given.only.split(","), given.steps)
    elif given.task == "more":
        more(given.folder, given.fits)
    elif given.task == "kernels":
        kernels(given.folder, given.fits)
    else:
        search(given.folder, given.fits, given.seconds)
